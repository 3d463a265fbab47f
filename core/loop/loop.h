/*
 * The loop of one host: a libuv loop, of our own or of an embedder, and the queue of completions.
 *
 * Nothing of Lua runs inside a libuv callback. A callback calls kv_complete, which only queues; who
 * drives the loop takes the completions from the queue afterwards. While the queue is not empty
 * the loop does not block in its poll.
 */
#ifndef KV_LOOP_LOOP_H
#define KV_LOOP_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <uv.h>

#include "base/error.h"

typedef struct kv_completion kv_completion;

/* A place in the queue, part of whatever waits; in it at most once at a time. */
struct kv_completion {
  kv_completion *next, *previous; /* both NULL: not queued */
  /* Gives the result to `to` (a lua_State for those of Lua's ops); returns how many values. */
  int (*deliver)(kv_completion *self, void *to);
};

/* What a program's signal handler needs to stop whatever runs. */
typedef struct kv_interrupt {
  struct kv_loop *volatile loop; /* NULL until it is open */
  void *volatile thread;         /* the lua_State that runs */
  volatile int session;          /* the prompt whose code that is; 0: none's */
  volatile int errors;           /* that stopping it has cost */
} kv_interrupt;

typedef struct kv_loop {
  uv_loop_t *uv;
  bool foreign;                      /* an embedder's: it is the embedder who runs it */
  volatile sig_atomic_t running;     /* inside kv_loop_poll */
  volatile sig_atomic_t interrupted; /* by kv_loop_interrupt, since it was last asked */
  kv_interrupt *interrupt;           /* of the program; else, with no handler, its own */
  kv_interrupt own_interrupt;
  kv_completion queue; /* head of a ring */
  kv_completion wake;  /* queued to have a dispatch without a cause of its own */
  char *helpers;       /* directory of the helper programs */
  /* A foreign loop's: called after its poll phase while completions wait. */
  void (*dispatch)(void *arg);
  void *dispatch_arg;
  struct kv_supervisor *supervisor;            /* supervise.h; NULL until the first process */
  struct kv_held *held;                        /* what each supervisor is to hold */
  void (*end_processes)(struct kv_loop *loop); /* set with it; called at the loop's end */
  struct kv_timer *spare_timers;               /* closed ones, to be used again */
  void (*free_timers)(struct kv_loop *loop);   /* set with them; called at the loop's end */
  uv_loop_t own;
  uv_idle_t busy; /* active while completions wait */
  uv_check_t after;
  int open_handles; /* of the two above */
  uv_async_t woken; /* for kv_loop_interrupt; on a loop of our own */
} kv_loop;

/* Opens on `foreign`, or on a loop of its own if that is NULL. `helpers` is the directory of the
 * supervisor program. Opens /dev/null for each of the descriptors 0 to 2 that is closed. Returns
 * NULL with *e filled. */
kv_loop *kv_loop_open(uv_loop_t *foreign, const char *helpers, kv_error *e);

/* Ends every process that the loop started and frees the loop. The handles of streams and timers
 * must be closed before; on a loop of our own, those that are left are closed here. On a foreign
 * loop the memory goes when the embedder has run it once more. */
void kv_loop_close(kv_loop *loop);

/* Runs the loop once; with `wait`, until something happens. False if nothing is left that could
 * happen, or if this is a call from inside the loop. */
bool kv_loop_poll(kv_loop *loop, bool wait);

/* For a signal handler: ends the wait of kv_loop_poll. False if it is not in one. */
bool kv_loop_interrupt(kv_loop *loop);

void kv_complete(kv_loop *loop, kv_completion *c);
/* Takes c out of the queue, if it is in it. */
void kv_uncomplete(kv_completion *c);
/* Takes the oldest from the queue; NULL if it is empty. */
kv_completion *kv_loop_next(kv_loop *loop);
bool kv_loop_has_completions(const kv_loop *loop);

#endif
