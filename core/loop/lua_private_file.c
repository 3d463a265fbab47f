/* Files that are private to their owner, for Lua: keys, say, and what was fetched. */
#include "base/private_file.h"
#include "base/tree.h"
#include "loop/lua_loop.h"

static int fail(lua_State *L, const kv_error *error) {
  kv_lua_fail(L, error);
  lua_pushstring(L, error->kind);
  return 3;
}

/* private_directory(path): makes it, mode 0700, with what is missing above. True, or nil, a message
 * and a kind. */
static int private_directory(lua_State *L) {
  kv_error error;
  if (kv_private_directory(luaL_checkstring(L, 1), &error) < 0) return fail(L, &error);
  lua_pushboolean(L, 1);
  return 1;
}

/* private_file(path, bytes): writes it, mode 0600, all or nothing. True, or nil, a message and a
 * kind. */
static int private_file(lua_State *L) {
  size_t size;
  kv_error error;
  const char *path = luaL_checkstring(L, 1), *bytes = luaL_checklstring(L, 2, &size);
  if (kv_private_file_write(path, bytes, size, &error) < 0) return fail(L, &error);
  lua_pushboolean(L, 1);
  return 1;
}

/* remove_tree(path): removes a folder with all that is in it (base/tree.h), or a file. True, also
 * if there is none; or nil and "PATH: why". */
static int remove_tree(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  if (kv_tree_remove(path) < 0) return luaL_fileresult(L, 0, path);
  lua_pushboolean(L, 1);
  return 1;
}

void kv_lua_private_file_functions(lua_State *L) {
  static const luaL_Reg functions[] = {{"private_directory", private_directory},
                                       {"private_file", private_file},
                                       {"remove_tree", remove_tree},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
