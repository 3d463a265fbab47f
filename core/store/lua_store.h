/*
 * What the files of this room share that Lua sees.
 */
#ifndef KV_STORE_LUA_STORE_H
#define KV_STORE_LUA_STORE_H

#include <lauxlib.h>
#include <lua.h>

#include "store/database.h"
#include "store/pack.h"

/* Raises unless all arguments from `first` on are values of SQL: nil, a boolean (0 or 1), a number
 * or a string. Returns how many they are. */
int kv_lua_check_values(lua_State *L, int first);
/* The value at `index`, which has been checked; its bytes are Lua's. */
kv_value kv_lua_value(lua_State *L, int index);
/* Pushes a value. */
void kv_lua_push_value(lua_State *L, const kv_value *value);

/* Pushes nil, the message and the status's name; returns 3. */
int kv_lua_store_fail(lua_State *L, kv_store_status status, const kv_error *error);

/* Sets `reader` in the table at the top of the stack. */
void kv_lua_reader_functions(lua_State *L);

#endif
