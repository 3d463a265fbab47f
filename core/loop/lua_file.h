/*
 * The files that Lua's io library opens.
 */
#ifndef KV_LOOP_LUA_FILE_H
#define KV_LOOP_LUA_FILE_H

#include <lauxlib.h>
#include <stdio.h>

/* The open file at `index`; raises if there is none. It is Lua's to close. */
FILE *kv_lua_file(lua_State *L, int index);

/* Pushes a file that is closed, to Lua: made before there is anything to lose, should there be no
 * memory for it. */
luaL_Stream *kv_lua_new_file(lua_State *L);

/* Has it be the open file `fd`, which is its own from then on, with a mode of fdopen(3). Returns 0,
 * or -1 and errno, and `fd` is closed. */
int kv_lua_open_file(luaL_Stream *stream, int fd, const char *mode);

/* Sets file_facts, file_open and file_locked in the table at the top of the stack. */
void kv_lua_file_functions(lua_State *L);

#endif
