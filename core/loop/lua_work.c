/* Work on other threads for Lua. */
#include "loop/work.h"

#include <stdlib.h>

#include "loop/lua_loop.h"

#define PENDING "kavach.core.work"

/* libuv's until on_done was called, then Lua's. */
typedef struct kv_lua_work {
  uv_work_t request;
  kv_loop *loop;
  kv_work *work;
  struct pending *pending; /* NULL: the state has closed, nobody waits */
  bool returned;           /* on_done was called */
  uv_sem_t ran;            /* posted when `run` is done */
  kv_waiter waiter;
} kv_lua_work;

/* A userdata that the registry holds while the work is pending. It is younger than all that the
 * work needs, so that a state that closes finalises it first. */
typedef struct pending {
  kv_lua_work *work; /* NULL: it was delivered */
} pending;

static void run(uv_work_t *request) {
  kv_lua_work *self = request->data;
  self->work->run(self->work);
  uv_sem_post(&self->ran);
}

static void free_work(kv_lua_work *self) {
  uv_sem_destroy(&self->ran);
  free(self);
}

static void on_done(uv_work_t *request, int status) {
  (void)status;
  kv_lua_work *self = request->data;
  self->returned = true;
  if (self->pending)
    kv_complete(self->loop, &self->waiter.completion);
  else
    free_work(self);
}

static int deliver_done(kv_completion *c, void *to) {
  kv_waiter *w = (kv_waiter *)((char *)c - offsetof(kv_waiter, completion));
  kv_lua_work *self = (kv_lua_work *)((char *)w - offsetof(kv_lua_work, waiter));
  kv_waiter_push(to, w);
  self->pending->work = NULL;
  free_work(self);
  return 1;
}

/* The state closes. What no thread has begun is called off; for what one is at, this waits. A loop
 * of ours then calls on_done as it closes, an embedder's when it next runs. */
static int give_up(lua_State *L) {
  pending *waits = luaL_checkudata(L, 1, PENDING);
  kv_lua_work *self = waits->work;
  if (!self) return 0;
  waits->work = NULL;
  self->pending = NULL;
  kv_waiter_cancel(L, &self->waiter);
  if (self->returned) {
    free_work(self);
  } else if (uv_cancel((uv_req_t *)&self->request) != 0) {
    if (self->work->stop) self->work->stop(self->work);
    uv_sem_wait(&self->ran);
  }
  return 0;
}

/* Pushes the userdata that waits; its user value keeps `owner` alive. */
static kv_lua_work *push_pending(lua_State *L, int owner) {
  pending *waits = lua_newuserdatauv(L, sizeof *waits, 1);
  waits->work = NULL;
  luaL_setmetatable(L, PENDING);
  lua_pushvalue(L, owner);
  lua_setiuservalue(L, -2, 1);
  kv_lua_work *self = calloc(1, sizeof *self);
  if (!self || uv_sem_init(&self->ran, 0) < 0) {
    free(self);
    luaL_error(L, "out of memory");
    return NULL;
  }
  waits->work = self;
  self->pending = waits;
  kv_waiter_init(&self->waiter, deliver_done);
  self->returned = true; /* as long as libuv has not got it */
  return self;
}

/* work(item, owner, callback): runs the kv_work that the light userdata `item` points to. `owner`,
 * a value that keeps its memory alive, is held until then. Work that has begun cannot be called
 * off. */
static int loop_work(lua_State *L) {
  luaL_checktype(L, 1, LUA_TLIGHTUSERDATA);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  kv_lua_work *self = push_pending(L, 2);
  self->loop = kv_lua_loop(L);
  self->work = lua_touserdata(L, 1);
  self->request.data = self;
  kv_waiter_begin(L, &self->waiter, 3, -1);
  int status = uv_queue_work(self->loop->uv, &self->request, run, on_done);
  if (status < 0) {
    kv_waiter_cancel(L, &self->waiter);
    return luaL_error(L, "cannot queue work: %s", uv_strerror(status));
  }
  self->returned = false;
  return 0;
}

void kv_lua_work_functions(lua_State *L, kv_loop *loop) {
  static const luaL_Reg functions[] = {{"work", loop_work}, {NULL, NULL}};
  luaL_newmetatable(L, PENDING);
  lua_pushcfunction(L, give_up);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  lua_pushlightuserdata(L, loop);
  luaL_setfuncs(L, functions, 1);
}
