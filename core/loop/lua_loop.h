/*
 * What the Lua side of the loop room shares: the loop of a lua_State, and waiting with a callback.
 */
#ifndef KV_LOOP_LUA_LOOP_H
#define KV_LOOP_LUA_LOOP_H

#include <lauxlib.h>
#include <lua.h>

#include "loop/loop.h"

/* The registry's field for a program's kv_interrupt, if it has one. It is set before the loop is
 * opened. */
#define KAVACH_INTERRUPT "kavach.interrupt"

/* A completion that a Lua function waits for. */
typedef struct kv_waiter {
  kv_completion completion;
  int callback, owner; /* references in the registry; LUA_NOREF while nobody waits */
} kv_waiter;

/* The loop that the running function was registered with: its first upvalue. */
kv_loop *kv_lua_loop(lua_State *L);

void kv_waiter_init(kv_waiter *w, int (*deliver)(kv_completion *, void *));
/* Waits with the function at `callback`; the userdata at `owner` lives on until it ends. Raises if
 * somebody waits already. */
void kv_waiter_begin(lua_State *L, kv_waiter *w, int callback, int owner);
/* Pushes the callback and ends the wait. For `deliver`. */
void kv_waiter_push(lua_State *L, kv_waiter *w);
/* Ends the wait without a call. */
void kv_waiter_cancel(lua_State *L, kv_waiter *w);
bool kv_waiter_waits(const kv_waiter *w);

/* For a signal handler: errors in the Lua code that runs, if it is of that session, until it has
 * come back to the `guard` that called it. */
void kv_lua_stop(kv_interrupt *interrupt, int session);

/* Pushes nil and the message: what an op that fails returns. */
int kv_lua_fail(lua_State *L, const kv_error *e);

/* Set the room's functions in the table at the top; the loop is their first upvalue. */
void kv_lua_loop_functions(lua_State *L, kv_loop *loop);
void kv_lua_interrupt_functions(lua_State *L, kv_loop *loop);
void kv_lua_stream_functions(lua_State *L, kv_loop *loop);
void kv_lua_child_functions(lua_State *L, kv_loop *loop);
void kv_lua_ending_functions(lua_State *L, kv_loop *loop);
void kv_lua_work_functions(lua_State *L, kv_loop *loop);
void kv_lua_system_functions(lua_State *L, kv_loop *loop);
void kv_lua_detach_functions(lua_State *L, kv_loop *loop);
void kv_lua_private_file_functions(lua_State *L); /* without it */
void kv_lua_program_functions(lua_State *L);      /* without it */

/* Pushes a stream userdata that owns fd, an end of a fresh pipe; nil if it cannot. */
void kv_lua_push_pipe(lua_State *L, kv_loop *loop, int fd);
/* The same for any descriptor. */
void kv_lua_push_socket(lua_State *L, kv_loop *loop, int fd);
/* The descriptor of the open stream at `index`, for another process; raises if there is none. */
int kv_lua_lend_stream(lua_State *L, int index);
/* The descriptor of the open program at `index`; raises if there is none. */
int kv_lua_program_fd(lua_State *L, int index);

#endif
