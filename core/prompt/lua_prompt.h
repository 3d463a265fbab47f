/*
 * The prompt's front end, for Lua: all of the room that the program itself has.
 */
#ifndef KV_PROMPT_LUA_PROMPT_H
#define KV_PROMPT_LUA_PROMPT_H

#include "loop/lua_loop.h"

/* Sets the room's functions in the table at the top; the loop is their first upvalue. */
void kv_lua_prompt_functions(lua_State *L, kv_loop *loop);

#endif
