/*
 * The parts of `require "kavach.rules"`. Each sets its functions in the table at the top of the
 * stack.
 */
#ifndef KV_RULES_LUA_RULES_H
#define KV_RULES_LUA_RULES_H

#include <lua.h>

#include "rules/blob.h"

/* Values to bytes and back: lua_values.c. */
void kv_lua_values(lua_State *L);

/* Evidence to bytes: lua_plan.c. */
void kv_lua_plan(lua_State *L);

/* Slots of the stack that a step into a value takes. */
enum { KV_LUA_STEP = 8 };

/* Pushes a buffer that Lua frees, whatever is raised. */
kv_blob *kv_lua_push_buffer(lua_State *L);

/* Pushes what was written as a string, and frees it. Returns 1, or raises if there is no memory. */
int kv_lua_push_bytes(lua_State *L, kv_blob *b);

/* Writes the value at `index`, an absolute one, of at most `depth` tables in one another. */
void kv_lua_encode(lua_State *L, kv_blob *out, int index, int depth);

#endif
