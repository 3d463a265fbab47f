/*
 * A descriptor to read from or write to without ever waiting in the call: try, and if it would
 * block, ask to be told when to try again. Pipes, sockets, terminals, files, listening sockets.
 */
#ifndef KV_LOOP_STREAM_H
#define KV_LOOP_STREAM_H

#include <stddef.h>
#include <sys/types.h>

#include "loop/loop.h"

typedef struct kv_stream kv_stream;

struct kv_stream {
  uv_poll_t poll;
  kv_loop *loop;
  int fd;
  bool owned; /* closed with the stream */
  bool socket;
  bool polled;    /* `poll` is open */
  bool immediate; /* a regular file or the like, which epoll refuses: always ready */
  bool quiet;     /* does not keep the loop alive */
  bool shared;    /* blocking, because others use the same open file: must be asked before use */
  int wanted;     /* UV_READABLE | UV_WRITABLE: who waits */
  int armed;      /* the same: what libuv watches, which may be more */
  void (*ready)(kv_stream *s, int events); /* called in the loop; `wanted` is cleared before */
  void *owner;
};

/* Takes fd over: makes it non-blocking and closes it at the end. */
kv_stream *kv_stream_own(kv_loop *loop, int fd, kv_error *e);

/* The same for an end of a pipe that was just made: there are no flags to look after. */
kv_stream *kv_stream_own_pipe(kv_loop *loop, int fd, kv_error *e);

/* Borrows fd, one of the process's standard ones: neither closes it nor changes its flags, which
 * other processes share. Pipes and terminals are opened anew through /proc, so that this stream's
 * own description can be non-blocking. */
kv_stream *kv_stream_borrow(kv_loop *loop, int fd, kv_error *e);

/* Makes the descriptor blocking again, as a program expects it that is to inherit it. The stream
 * stays in use. */
void kv_stream_lend(kv_stream *s);

enum { KV_WOULD_BLOCK = -2, KV_CLOSED = -3 };

/* Reads up to `size` bytes. 0: end. -1: errno. KV_WOULD_BLOCK. */
ssize_t kv_stream_read(kv_stream *s, void *to, size_t size);
/* Writes what fits. -1: errno (EPIPE raises no signal). KV_WOULD_BLOCK. */
ssize_t kv_stream_write(kv_stream *s, const void *from, size_t size);
/* Accepts a connection of a listening socket: a descriptor. -1, KV_WOULD_BLOCK. */
int kv_stream_accept(kv_stream *s);

/* Has `ready` called once for each of `events`. */
int kv_stream_want(kv_stream *s, int events, kv_error *e);
void kv_stream_unwant(kv_stream *s, int events);

/* Ends the sending half of a socket. */
void kv_stream_shutdown(kv_stream *s);

/* From now on, waiting for it does not keep the loop alive. */
void kv_stream_unref(kv_stream *s);

/* Closes and frees. */
void kv_stream_close(kv_stream *s);

/* Unix sockets. A path over the system's 107 bytes is reached through its directory. Only this user
 * can connect to one that listens: its mode is 0600. */
int kv_unix_listen(const char *path, kv_error *e);
int kv_unix_connect(const char *path, kv_error *e);
/* Who made the socket's other end, as the kernel knows it: process and effective user. -1: errno.
 */
int kv_unix_peer(int fd, pid_t *pid, uid_t *user);

#endif
