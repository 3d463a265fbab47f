/* What is to be done at this host's end, for Lua: directories and files that go with it, and
 * descriptors that are held until all that it started is gone. The supervisor sees to it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/tree.h"
#include "loop/lua_file.h"
#include "loop/lua_loop.h"
#include "loop/private.h"
#include "loop/supervise.h"

/* ---- private directories ---- */

/* The locks, by path, in a table of the registry. */
static const char locks_key = 0;

static void push_locks(lua_State *L) { lua_rawgetp(L, LUA_REGISTRYINDEX, &locks_key); }

/* private_dir() -> path | nil, message */
static int private_dir(lua_State *L) {
  char path[KV_PRIVATE_PATH_MAX];
  kv_error e;
  kv_loop *loop = kv_lua_loop(L);
  if (kv_private_name(path, &e) < 0) return kv_lua_fail(L, &e);
  if (kv_supervisor_own_directory(loop, path, &e) < 0) return kv_lua_fail(L, &e);
  int lock = kv_private_make(path, &e);
  if (lock < 0) {
    kv_tree_remove(path);
    kv_supervisor_disown_directory(loop, path);
    return kv_lua_fail(L, &e);
  }
  push_locks(L);
  lua_pushinteger(L, lock);
  lua_setfield(L, -2, path);
  lua_pushstring(L, path);
  return 1;
}

/* private_parent() -> the folder that they are made in | nil, message */
static int private_parent(lua_State *L) {
  char parent[KV_PRIVATE_PATH_MAX];
  kv_error e;
  if (kv_private_parent(parent, &e) < 0) return kv_lua_fail(L, &e);
  lua_pushstring(L, parent);
  return 1;
}

/* Lets go of a private directory. False if it is none, or no more. */
static bool release(lua_State *L, const char *path) {
  push_locks(L);
  if (lua_getfield(L, -1, path) != LUA_TNUMBER) return false;
  close((int)lua_tointeger(L, -1));
  kv_supervisor_disown_directory(kv_lua_loop(L), path);
  lua_pushnil(L);
  lua_setfield(L, -3, path);
  return true;
}

/* remove_dir(path): a private directory, with all in it; nothing if it is gone -> true | nil,
 * message */
static int remove_dir(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  push_locks(L);
  if (lua_getfield(L, -1, path) == LUA_TNUMBER && kv_tree_remove(path) < 0) {
    lua_pushnil(L);
    lua_pushfstring(L, "cannot remove '%s': %s", path, strerror(errno));
    return 2;
  }
  release(L, path);
  lua_pushboolean(L, 1);
  return 1;
}

/* keep_dir(path) -> its new path | nil, message: lets the directory outlive the host. It gets a
 * name that no sweep takes. */
static int keep_dir(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  const char *name = strrchr(path, '/');
  if (!name || !release(L, path)) {
    lua_pushnil(L);
    lua_pushfstring(L, "'%s' is not a private directory of this host", path);
    return 2;
  }
  lua_pushlstring(L, path, (size_t)(name - path));
  const char *kept = lua_pushfstring(L, "%s/kept%s", lua_tostring(L, -1), name + strlen("/vm"));
  if (rename(path, kept) < 0) {
    lua_pushnil(L);
    lua_pushfstring(L, "cannot rename '%s': %s", path, strerror(errno));
    return 2;
  }
  return 1;
}

/* ---- files and descriptors ---- */

/* own_file(path): has the file removed when this host ends, however it does -> true | nil, message
 */
static int own_file(lua_State *L) {
  kv_error e;
  if (kv_supervisor_own_directory(kv_lua_loop(L), luaL_checkstring(L, 1), &e) < 0)
    return kv_lua_fail(L, &e);
  lua_pushboolean(L, 1);
  return 1;
}

/* disown_file(path): it is removed already */
static int disown_file(lua_State *L) {
  kv_supervisor_disown_directory(kv_lua_loop(L), luaL_checkstring(L, 1));
  return 0;
}

/* hold(file): keeps an open file of Lua's from being let go of by the kernel until this host has
 * ended, and all that it started: with a lock on it that is what the lock tells -> a number for
 * release | nil, message */
static int hold(lua_State *L) {
  kv_error e;
  uint32_t number = kv_supervisor_hold(kv_lua_loop(L), fileno(kv_lua_file(L, 1)), &e);
  if (number == 0) return kv_lua_fail(L, &e);
  lua_pushinteger(L, number);
  return 1;
}

/* release(number): it is not held any more, soon */
static int release_held(lua_State *L) {
  kv_supervisor_release(kv_lua_loop(L), (uint32_t)luaL_checkinteger(L, 1));
  return 0;
}

void kv_lua_ending_functions(lua_State *L, kv_loop *loop) {
  static const luaL_Reg functions[] = {{"private_dir", private_dir},
                                       {"private_parent", private_parent},
                                       {"remove_dir", remove_dir},
                                       {"keep_dir", keep_dir},
                                       {"own_file", own_file},
                                       {"disown_file", disown_file},
                                       {"hold", hold},
                                       {"release", release_held},
                                       {NULL, NULL}};
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &locks_key);
  lua_pushlightuserdata(L, loop);
  luaL_setfuncs(L, functions, 1);
}
