/*
 * The files that Lua's io library opens.
 */
#ifndef KV_LOOP_LUA_FILE_H
#define KV_LOOP_LUA_FILE_H

#include <lua.h>
#include <stdio.h>

/* The open file at `index`; raises if there is none. It is Lua's to close. */
FILE *kv_lua_file(lua_State *L, int index);

/* Sets file_facts and file_open in the table at the top of the stack. */
void kv_lua_file_functions(lua_State *L);

#endif
