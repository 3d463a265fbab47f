/*
 * What Lua sees of this room: memory_file, hash, sparse_copy, sparse_digest, file_digest.
 */
#ifndef KV_MEMORY_LUA_MEMORY_H
#define KV_MEMORY_LUA_MEMORY_H

#include <lua.h>

/* Sets the room's functions in the table at the top of the stack. */
void kv_lua_memory(lua_State *L);

#endif
