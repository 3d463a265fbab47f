#include "loop/loop.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void stay_awake(uv_idle_t *idle) { (void)idle; }

static void after_poll(uv_check_t *check) {
  kv_loop *loop = check->data;
  if (kv_loop_has_completions(loop) && loop->dispatch) loop->dispatch(loop->dispatch_arg);
}

static void do_nothing(uv_async_t *async) { (void)async; }

static void free_loop(kv_loop *loop) {
  if (loop) free(loop->helpers);
  free(loop);
}

/* libuv aborts over a descriptor of its own that has the number of a standard one. */
static void open_standard_descriptors(void) {
  int fd;
  do fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) close(fd);
}

kv_loop *kv_loop_open(uv_loop_t *foreign, const char *helpers, kv_error *e) {
  open_standard_descriptors();
  kv_loop *loop = calloc(1, sizeof *loop);
  if (loop) loop->helpers = strdup(helpers);
  int status = loop && loop->helpers ? 0 : UV_ENOMEM;
  if (status == 0 && !foreign) status = uv_loop_init(&loop->own);
  if (status < 0) {
    free_loop(loop);
    kv_fail(e, "io", "cannot make an event loop: %s", uv_strerror(status));
    return NULL;
  }
  loop->interrupt = &loop->own_interrupt;
  loop->foreign = foreign != NULL;
  loop->uv = foreign ? foreign : &loop->own;
  loop->queue.next = loop->queue.previous = &loop->queue;
  uv_idle_init(loop->uv, &loop->busy);
  uv_check_init(loop->uv, &loop->after);
  loop->busy.data = loop->after.data = loop;
  loop->open_handles = 2;
  if (foreign) uv_check_start(&loop->after, after_poll);
  if (!foreign && uv_async_init(loop->uv, &loop->woken, do_nothing) == 0)
    uv_unref((uv_handle_t *)&loop->woken);
  uv_unref((uv_handle_t *)&loop->after);
  return loop;
}

static void handle_closed(uv_handle_t *handle) {
  kv_loop *loop = handle->data;
  if (--loop->open_handles == 0 && loop->foreign) free_loop(loop);
}

static void close_left_over(uv_handle_t *handle, void *arg) {
  (void)arg;
  if (!uv_is_closing(handle)) uv_close(handle, NULL);
}

void kv_loop_close(kv_loop *loop) {
  loop->interrupt->loop = NULL;
  if (loop->end_processes) loop->end_processes(loop);
  if (loop->free_timers) loop->free_timers(loop);
  uv_close((uv_handle_t *)&loop->busy, handle_closed);
  uv_close((uv_handle_t *)&loop->after, handle_closed);
  if (loop->foreign) return;
  uv_walk(loop->uv, close_left_over, NULL);
  uv_run(loop->uv, UV_RUN_DEFAULT);
  uv_loop_close(loop->uv);
  free_loop(loop);
}

bool kv_loop_poll(kv_loop *loop, bool wait) {
  if (loop->running) return false;
  loop->running = true;
  bool more = uv_run(loop->uv, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT) != 0;
  loop->running = false;
  return more || kv_loop_has_completions(loop);
}

bool kv_loop_interrupt(kv_loop *loop) {
  if (!loop->running || loop->foreign) return false;
  loop->interrupted = 1;
  uv_async_send(&loop->woken);
  return true;
}

void kv_complete(kv_loop *loop, kv_completion *c) {
  if (c->next) return;
  /* Work that ends while the loop closes has nobody to be delivered to: it keeps nothing awake. */
  if (!kv_loop_has_completions(loop) && !uv_is_closing((uv_handle_t *)&loop->busy))
    uv_idle_start(&loop->busy, stay_awake);
  c->next = &loop->queue;
  c->previous = loop->queue.previous;
  c->previous->next = loop->queue.previous = c;
}

void kv_uncomplete(kv_completion *c) {
  if (!c->next) return;
  c->previous->next = c->next;
  c->next->previous = c->previous;
  c->next = c->previous = NULL;
}

kv_completion *kv_loop_next(kv_loop *loop) {
  kv_completion *c = loop->queue.next;
  if (c == &loop->queue) {
    uv_idle_stop(&loop->busy);
    return NULL;
  }
  kv_uncomplete(c);
  return c;
}

bool kv_loop_has_completions(const kv_loop *loop) { return loop->queue.next != &loop->queue; }
