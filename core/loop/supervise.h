/*
 * The host's side of its supervisor (supervisor.h): starting processes, hearing of their end.
 */
#ifndef KV_LOOP_SUPERVISE_H
#define KV_LOOP_SUPERVISE_H

#include <stddef.h>

#include "loop/loop.h"
#include "loop/supervisor.h"

typedef struct kv_child kv_child;

struct kv_child {
  /* The owner sets each one's `deliver`. `started` is queued when `state` becomes RUNNING, which is
   * told only if `tell_start` was asked for; `done` when it becomes FAILED or ENDED. */
  kv_completion started, done;
  kv_loop *loop;
  uint32_t id; /* 0: not in use */
  enum { KV_CHILD_STARTING, KV_CHILD_RUNNING, KV_CHILD_FAILED, KV_CHILD_ENDED } state;
  int pid;    /* 0 until it is known */
  int code;   /* of the exit; errno where it FAILED, 0 if the supervisor died */
  int signal; /* that ended it; 0: none. enum kv_sup_step where it FAILED */
  uint64_t cpu_us, max_rss_kb;
};

/* What to start. `argv` has at least one entry; strings end in NUL. `path` is a list of
 * directories for an argv[0] without a slash. A descriptor of -1 is /dev/null. With `by_file` the
 * open file `program` is run, and argv[0] is only a name. */
typedef struct kv_command {
  const char *cwd, *path;
  const char *const *argv, *const *envp;
  size_t argc, envc;
  int stdio[3];
  bool by_file;
  int program;
  int files[KV_SUP_FILES_MAX]; /* what it gets as its 3 and up */
  size_t file_count;
  bool plain_files; /* it can give no file more rights than its own: supervisor_plain_files.h */
  bool tell_start;  /* tell of its start, and of its `pid`, at the price of a wake-up */
} kv_command;

/* Asks for a process; *c (zeroed, of the caller, unmoved until it has ended or is forgotten) tells
 * how that went. The descriptors stay the caller's. Starts the supervisor if it does
 * not run yet. */
int kv_child_start(kv_loop *loop, kv_child *c, const kv_command *command, kv_error *e);

/* Sends a signal to the process group; nothing if it has ended. */
void kv_child_signal(kv_child *c, int number);

/* Nobody asks for its end any more: kills the group. *c may be freed after. */
void kv_child_forget(kv_child *c);

/* Has PATH, a directory with all in it or a file, removed when this host ends, in whatever way. It
 * need not exist yet. */
int kv_supervisor_own_directory(kv_loop *loop, const char *path, kv_error *e);
void kv_supervisor_disown_directory(kv_loop *loop, const char *path);

/* Has a descriptor, which stays the caller's too, kept open until this host has ended and with it
 * all that it started, or until it is released: for a lock, say, that tells others of that. A
 * supervisor that takes the place of one that was killed keeps it, too. Returns its number for
 * release, never 0; 0 with *e filled. */
uint32_t kv_supervisor_hold(kv_loop *loop, int descriptor, kv_error *e);
void kv_supervisor_release(kv_loop *loop, uint32_t number);

#endif
