/* Work on other threads for Lua. */
#include "loop/work.h"

#include <stdlib.h>

#include "loop/lua_loop.h"

typedef struct kv_lua_work {
  uv_work_t request;
  kv_loop *loop;
  kv_work *work;
  kv_waiter waiter;
} kv_lua_work;

static void run(uv_work_t *request) {
  kv_lua_work *self = request->data;
  self->work->run(self->work);
}

static void on_done(uv_work_t *request, int status) {
  (void)status;
  kv_lua_work *self = request->data;
  kv_complete(self->loop, &self->waiter.completion);
}

static int deliver_done(kv_completion *c, void *to) {
  kv_waiter *w = (kv_waiter *)((char *)c - offsetof(kv_waiter, completion));
  kv_waiter_push(to, w);
  free((char *)w - offsetof(kv_lua_work, waiter));
  return 1;
}

/* work(item, owner, callback): runs the kv_work that the light userdata `item` points to. `owner`,
 * a value that keeps its memory alive, is held until then. Work that has begun cannot be called
 * off. */
static int loop_work(lua_State *L) {
  luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  kv_lua_work *self = calloc(1, sizeof *self);
  if (!self) return luaL_error(L, "out of memory");
  self->loop = kv_lua_loop(L);
  self->work = lua_touserdata(L, 1);
  self->request.data = self;
  kv_waiter_init(&self->waiter, deliver_done);
  int status = uv_queue_work(self->loop->uv, &self->request, run, on_done);
  if (status < 0) {
    free(self);
    return luaL_error(L, "cannot queue work: %s", uv_strerror(status));
  }
  kv_waiter_begin(L, &self->waiter, 3, 2);
  return 0;
}

void kv_lua_work_functions(lua_State *L, kv_loop *loop) {
  static const luaL_Reg functions[] = {{"work", loop_work}, {NULL, NULL}};
  lua_pushlightuserdata(L, loop);
  luaL_setfuncs(L, functions, 1);
}
