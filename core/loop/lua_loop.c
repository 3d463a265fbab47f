/* The loop, timers and signals for Lua. */
#include "loop/lua_loop.h"

#include <stdlib.h>

#define TIMER "kavach.core.timer"
#define SIGNAL "kavach.core.signal"

kv_loop *kv_lua_loop(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(1)); }

int kv_lua_fail(lua_State *L, const kv_error *e) {
  lua_pushnil(L);
  lua_pushstring(L, e->message);
  return 2;
}

/* ---- waiters ---- */

void kv_waiter_init(kv_waiter *w, int (*deliver)(kv_completion *, void *)) {
  *w = (kv_waiter){.completion = {.deliver = deliver}, .callback = LUA_NOREF, .owner = LUA_NOREF};
}

bool kv_waiter_waits(const kv_waiter *w) { return w->callback != LUA_NOREF; }

void kv_waiter_begin(lua_State *L, kv_waiter *w, int callback, int owner) {
  luaL_checktype(L, callback, LUA_TFUNCTION);
  if (kv_waiter_waits(w)) luaL_error(L, "another task waits for this already");
  lua_pushvalue(L, callback);
  w->callback = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pushvalue(L, owner);
  w->owner = luaL_ref(L, LUA_REGISTRYINDEX);
}

void kv_waiter_cancel(lua_State *L, kv_waiter *w) {
  kv_uncomplete(&w->completion);
  luaL_unref(L, LUA_REGISTRYINDEX, w->callback);
  luaL_unref(L, LUA_REGISTRYINDEX, w->owner);
  w->callback = w->owner = LUA_NOREF;
}

void kv_waiter_push(lua_State *L, kv_waiter *w) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, w->callback);
  kv_waiter_cancel(L, w);
}

/* ---- the loop ---- */

/* poll("once" | "nowait") -> whether anything is left that could happen, whether it was interrupted
 */
static int loop_poll(lua_State *L) {
  static const char *const modes[] = {"once", "nowait", NULL};
  kv_loop *loop = kv_lua_loop(L);
  lua_pushboolean(L, kv_loop_poll(loop, luaL_checkoption(L, 1, "once", modes) == 0));
  lua_pushboolean(L, loop->interrupted);
  loop->interrupted = 0;
  return 2;
}

/* next() -> callback, its arguments…; nothing if no completion waits */
static int loop_next(lua_State *L) {
  kv_completion *c = kv_loop_next(kv_lua_loop(L));
  luaL_checkstack(L, 16, NULL);
  return c ? c->deliver(c, L) : 0;
}

static int loop_hrtime(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)uv_hrtime());
  return 1;
}

static int loop_now(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)(uv_hrtime() / 1000000));
  return 1;
}

static int loop_alive(lua_State *L) {
  kv_loop *loop = kv_lua_loop(L);
  lua_pushboolean(L, uv_loop_alive(loop->uv) || kv_loop_has_completions(loop));
  return 1;
}

/* For a loop that is driven by another one: what to poll, and the longest time to wait in ms. */
static int loop_backend(lua_State *L) {
  kv_loop *loop = kv_lua_loop(L);
  uv_update_time(loop->uv);
  lua_pushinteger(L, uv_backend_fd(loop->uv));
  lua_pushinteger(L, uv_backend_timeout(loop->uv));
  return 2;
}

static int do_nothing(lua_State *L) {
  (void)L;
  return 0;
}

static int deliver_nothing(kv_completion *c, void *to) {
  (void)c;
  lua_pushcfunction(to, do_nothing);
  return 1;
}

/* wake(): has a foreign loop dispatch soon, for a task that is ready */
static int loop_wake(lua_State *L) {
  kv_loop *loop = kv_lua_loop(L);
  loop->wake.deliver = deliver_nothing;
  kv_complete(loop, &loop->wake);
  return 0;
}

static int loop_is_foreign(lua_State *L) {
  lua_pushboolean(L, kv_lua_loop(L)->foreign);
  return 1;
}

/* ---- timers and signals: the handle's box outlives the userdata until libuv lets go of it ---- */

typedef struct kv_timer {
  struct kv_timer *next_spare;
  union {
    uv_handle_t handle;
    uv_timer_t timer;
    uv_signal_t signal;
  } uv;
  kv_loop *loop;
  kv_waiter *waiter; /* in the userdata; NULL once that is closed */
} kv_timer;

typedef struct kv_lua_timer {
  kv_timer *box;
  kv_waiter waiter;
} kv_lua_timer;

static void free_box(uv_handle_t *handle) { free(handle->data); }

static void free_timers(kv_loop *loop) {
  while (loop->spare_timers) {
    kv_timer *box = loop->spare_timers;
    loop->spare_timers = box->next_spare;
    uv_close(&box->uv.handle, free_box);
  }
}

/* A closed timer is kept for the next one: to close a handle costs a turn of the loop. */
static void keep_spare(kv_timer *box) {
  uv_timer_stop(&box->uv.timer);
  box->next_spare = box->loop->spare_timers;
  box->loop->spare_timers = box;
  box->loop->free_timers = free_timers;
}

static void timer_close(lua_State *L, kv_lua_timer *t) {
  if (!t->box) return;
  t->box->waiter = NULL;
  if (t->box->uv.handle.type == UV_TIMER)
    keep_spare(t->box);
  else
    uv_close(&t->box->uv.handle, free_box);
  t->box = NULL;
  kv_waiter_cancel(L, &t->waiter);
}

static int timer_close_method(lua_State *L) {
  timer_close(L, luaL_checkudata(L, 1, TIMER));
  return 0;
}

static int signal_close_method(lua_State *L) {
  timer_close(L, luaL_checkudata(L, 1, SIGNAL));
  return 0;
}

static int deliver_timer(kv_completion *c, void *to) {
  lua_State *L = to;
  kv_waiter *w = (kv_waiter *)((char *)c - offsetof(kv_waiter, completion));
  kv_lua_timer *t = (kv_lua_timer *)((char *)w - offsetof(kv_lua_timer, waiter));
  kv_waiter_push(L, w);
  timer_close(L, t);
  return 1;
}

/* A signal's callback stays for the next one. */
static int deliver_signal(kv_completion *c, void *to) {
  kv_waiter *w = (kv_waiter *)((char *)c - offsetof(kv_waiter, completion));
  lua_rawgeti(to, LUA_REGISTRYINDEX, w->callback);
  return 1;
}

static void fire(kv_timer *box) {
  if (box->waiter) kv_complete(box->loop, &box->waiter->completion);
}

static void on_timer(uv_timer_t *timer) { fire(timer->data); }

static void on_signal(uv_signal_t *signal, int number) {
  (void)number;
  fire(signal->data);
}

static kv_timer *take_spare(kv_loop *loop) {
  kv_timer *box = loop->spare_timers;
  if (box) loop->spare_timers = box->next_spare;
  return box;
}

static kv_timer *new_box(lua_State *L) {
  kv_timer *box = calloc(1, sizeof *box);
  if (!box) return NULL;
  box->loop = kv_lua_loop(L);
  box->uv.handle.data = box;
  return box;
}

/* Pushes a userdata of that type, without a box. */
static kv_lua_timer *push_timer(lua_State *L, const char *type,
                                int (*deliver)(kv_completion *, void *)) {
  luaL_checktype(L, 2, LUA_TFUNCTION);
  kv_lua_timer *t = lua_newuserdatauv(L, sizeof *t, 0);
  t->box = NULL;
  kv_waiter_init(&t->waiter, deliver);
  luaL_setmetatable(L, type);
  return t;
}

/* Has the function at 2 called when the box fires. */
static void wait_for(lua_State *L, kv_lua_timer *t, kv_timer *box) {
  box->waiter = &t->waiter;
  t->box = box;
  kv_waiter_begin(L, &t->waiter, 2, -1);
}

/* timer(ms, callback) -> timer */
static int loop_timer(lua_State *L) {
  kv_loop *loop = kv_lua_loop(L);
  lua_Integer ms = luaL_checkinteger(L, 1);
  kv_lua_timer *t = push_timer(L, TIMER, deliver_timer);
  kv_timer *box = take_spare(loop);
  if (!box) {
    box = new_box(L);
    if (!box) return luaL_error(L, "out of memory");
    uv_timer_init(loop->uv, &box->uv.timer);
  }
  wait_for(L, t, box);
  uv_update_time(loop->uv);
  uv_timer_start(&box->uv.timer, on_timer, ms > 0 ? (uint64_t)ms : 0, 0);
  return 1;
}

/* signal(number, callback) -> handle, whose callback runs each time until it is closed; signals
 * that come before it could run count as one. Does not keep the loop alive. */
static int loop_signal(lua_State *L) {
  lua_Integer number = luaL_checkinteger(L, 1);
  kv_lua_timer *t = push_timer(L, SIGNAL, deliver_signal);
  kv_timer *box = new_box(L);
  if (!box) return luaL_error(L, "out of memory");
  uv_signal_init(box->loop->uv, &box->uv.signal);
  wait_for(L, t, box);
  int status = uv_signal_start(&box->uv.signal, on_signal, (int)number);
  if (status < 0) return luaL_error(L, "signal %d: %s", (int)number, uv_strerror(status));
  uv_unref(&box->uv.handle);
  return 1;
}

static void new_type(lua_State *L, const char *name, lua_CFunction close) {
  luaL_newmetatable(L, name);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  static const char *const closers[] = {"close", "__gc", "__close"};
  for (size_t i = 0; i < sizeof closers / sizeof closers[0]; i++) {
    lua_pushcfunction(L, close);
    lua_setfield(L, -2, closers[i]);
  }
  lua_pop(L, 1);
}

void kv_lua_loop_functions(lua_State *L, kv_loop *loop) {
  static const luaL_Reg functions[] = {
      {"poll", loop_poll},
      {"next", loop_next},
      {"now", loop_now},
      {"hrtime", loop_hrtime},
      {"alive", loop_alive},
      {"wake", loop_wake},
      {"backend", loop_backend},
      {"timer", loop_timer},
      {"signal", loop_signal},
      {"is_foreign", loop_is_foreign},
      {NULL, NULL},
  };
  new_type(L, TIMER, timer_close_method);
  new_type(L, SIGNAL, signal_close_method);
  lua_pushlightuserdata(L, loop);
  luaL_setfuncs(L, functions, 1);
}
