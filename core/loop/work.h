/*
 * Work for libuv's thread pool, handed from one C module to another through Lua as a light
 * userdata: modules that compute (core/snp) need not know the loop.
 */
#ifndef KV_LOOP_WORK_H
#define KV_LOOP_WORK_H

typedef struct kv_work kv_work;

/* First member of whatever the work needs, whose finaliser is not called while `run` is at it: a
 * Lua state that closes waits first. */
struct kv_work {
  /* Called once, on another thread: it touches neither Lua nor the loop. Never, if the state closes
   * before a thread is free. */
  void (*run)(kv_work *self);
  /* NULL, or called on Lua's thread, perhaps before `run`: somebody waits, so it should soon end.
   */
  void (*stop)(kv_work *self);
};

#endif
