/*
 * Work for libuv's thread pool, handed from one C module to another through Lua as a light
 * userdata: modules that compute (core/snp) need not know the loop.
 */
#ifndef KV_LOOP_WORK_H
#define KV_LOOP_WORK_H

typedef struct kv_work kv_work;

/* First member of whatever the work needs. `run` is called once, on another thread: it touches
 * neither Lua nor the loop. */
struct kv_work {
  void (*run)(kv_work *self);
};

#endif
