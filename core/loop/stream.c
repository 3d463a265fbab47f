#include "loop/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a pipe that poll() calls writable takes without blocking (pipe(7): PIPE_BUF). */
enum { SHARED_WRITE_MAX = 4096 };

static kv_stream *new_stream(kv_loop *loop, int fd, kv_error *e) {
  kv_stream *s = calloc(1, sizeof *s);
  if (!s) {
    kv_fail(e, "io", "out of memory");
    return NULL;
  }
  struct stat info;
  s->socket = fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
  s->loop = loop;
  s->fd = fd;
  return s;
}

kv_stream *kv_stream_own(kv_loop *loop, int fd, kv_error *e) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
    kv_fail_errno(e, errno, "descriptor %d", fd);
    return NULL;
  }
  kv_stream *s = new_stream(loop, fd, e);
  if (s) s->owned = true;
  return s;
}

kv_stream *kv_stream_own_pipe(kv_loop *loop, int fd, kv_error *e) {
  kv_stream *s = calloc(1, sizeof *s);
  if (!s || fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
    kv_fail(e, "io", "out of memory");
    free(s);
    return NULL;
  }
  *s = (kv_stream){.loop = loop, .fd = fd, .owned = true};
  return s;
}

/* A new description of the same pipe or terminal, or -1. */
static int reopen(int fd, int flags) {
  struct stat info;
  if (fstat(fd, &info) < 0 || !(S_ISFIFO(info.st_mode) || isatty(fd))) return -1;
  char name[32];
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  return open(name, (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* Whether fd is of a kind that never blocks, a file or /dev/null: epoll does not take those. */
static bool never_blocks(int fd) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event none = {0};
  bool refused = epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &none) < 0 && errno == EPERM;
  if (epoll >= 0) close(epoll);
  return refused;
}

kv_stream *kv_stream_borrow(kv_loop *loop, int fd, kv_error *e) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) {
    kv_fail_errno(e, errno, "descriptor %d", fd);
    return NULL;
  }
  int anew = reopen(fd, flags);
  kv_stream *s = new_stream(loop, anew < 0 ? fd : anew, e);
  if (!s) {
    if (anew >= 0) close(anew);
    return NULL;
  }
  s->owned = anew >= 0;
  s->shared = anew < 0 && !(flags & O_NONBLOCK);
  s->immediate = s->shared && never_blocks(fd);
  return s;
}

void kv_stream_lend(kv_stream *s) {
  int flags = fcntl(s->fd, F_GETFL);
  if (flags & O_NONBLOCK && fcntl(s->fd, F_SETFL, flags & ~O_NONBLOCK) == 0) s->shared = true;
}

/* Whether a call on a shared, blocking descriptor would return at once. */
static bool would_block(const kv_stream *s, short events) {
  if (!s->shared || s->immediate) return false;
  struct pollfd asked = {.fd = s->fd, .events = events};
  return poll(&asked, 1, 0) == 0;
}

static ssize_t outcome(ssize_t n) {
  return n < 0 && (errno == EAGAIN || errno == EINTR) ? KV_WOULD_BLOCK : n;
}

ssize_t kv_stream_read(kv_stream *s, void *to, size_t size) {
  if (would_block(s, POLLIN)) return KV_WOULD_BLOCK;
  ssize_t n = read(s->fd, to, size);
  if (n < 0 && errno == EIO && isatty(s->fd)) return 0; /* the other side of a pty is gone */
  return outcome(n);
}

/* write() that fails with EPIPE without SIGPIPE, whatever the process has set for that signal. */
static ssize_t write_quietly(int fd, const void *from, size_t size) {
  sigset_t pipe_signal, before;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  ssize_t n = write(fd, from, size);
  if (n < 0 && errno == EPIPE && !sigismember(&before, SIGPIPE)) {
    sigtimedwait(&pipe_signal, NULL, &(struct timespec){0, 0});
    errno = EPIPE;
  }
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  errno = error;
  return n;
}

ssize_t kv_stream_write(kv_stream *s, const void *from, size_t size) {
  if (would_block(s, POLLOUT)) return KV_WOULD_BLOCK;
  if (s->shared && !s->immediate && size > SHARED_WRITE_MAX) size = SHARED_WRITE_MAX;
  if (s->socket) return outcome(send(s->fd, from, size, MSG_NOSIGNAL | MSG_DONTWAIT));
  if (s->immediate) return outcome(write(s->fd, from, size)); /* no pipe: no SIGPIPE */
  return outcome(write_quietly(s->fd, from, size));
}

int kv_stream_accept(kv_stream *s) {
  if (would_block(s, POLLIN)) return KV_WOULD_BLOCK;
  return (int)outcome(accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* Has libuv watch for what is wanted, if it does not. */
static int arm(kv_stream *s) {
  if (s->armed == s->wanted) return 0;
  s->armed = s->wanted;
  return s->wanted ? uv_poll_start(&s->poll, s->wanted, on_poll) : uv_poll_stop(&s->poll);
}

/* Who was told mostly reads or writes, and then waits again. So what is not wanted any more is
 * watched on, for each change costs system calls; only an event that nobody waits for ends that.
 * Meanwhile it does not keep the loop alive. */
static void set_wanted(kv_stream *s, int events) {
  s->wanted = events;
  if (!s->polled) return;
  if (events && !s->quiet)
    uv_ref((uv_handle_t *)&s->poll);
  else
    uv_unref((uv_handle_t *)&s->poll);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  kv_stream *s = poll->data;
  if (status < 0) s->armed = 0; /* libuv has stopped it */
  int ready = status < 0 ? s->wanted : events & s->wanted;
  set_wanted(s, s->wanted & ~ready);
  if (ready)
    s->ready(s, ready);
  else
    arm(s);
}

/* libuv makes a descriptor that it polls non-blocking; a shared one gets its flags back. */
static int open_poll(kv_stream *s, kv_error *e) {
  int flags = fcntl(s->fd, F_GETFL);
  int status = uv_poll_init(s->loop->uv, &s->poll, s->fd);
  if (status == UV_EPERM) {
    s->immediate = true;
    return 0;
  }
  if (status < 0) return kv_fail(e, "io", "descriptor %d: %s", s->fd, uv_strerror(status));
  if (s->shared) fcntl(s->fd, F_SETFL, flags);
  s->poll.data = s;
  s->polled = true;
  return 0;
}

int kv_stream_want(kv_stream *s, int events, kv_error *e) {
  if (!s->polled && !s->immediate && open_poll(s, e) < 0) return -1;
  if (s->immediate) {
    s->ready(s, events);
    return 0;
  }
  set_wanted(s, s->wanted | events);
  int status = (s->armed & events) == events ? 0 : arm(s);
  if (status < 0) return kv_fail(e, "io", "descriptor %d: %s", s->fd, uv_strerror(status));
  return 0;
}

void kv_stream_unwant(kv_stream *s, int events) { set_wanted(s, s->wanted & ~events); }

void kv_stream_unref(kv_stream *s) {
  s->quiet = true;
  set_wanted(s, s->wanted);
}

void kv_stream_shutdown(kv_stream *s) { shutdown(s->fd, SHUT_WR); }

static void free_stream(uv_handle_t *handle) { free(handle->data); }

void kv_stream_close(kv_stream *s) {
  if (s->polled) uv_close((uv_handle_t *)&s->poll, free_stream);
  if (s->owned) close(s->fd);
  if (!s->polled) free(s);
}
