/* Collects what the rooms export, and the public C API. */
#include <lauxlib.h>
#include <stdio.h>

#include "kavach.h"
#include "loop/lua_file.h"
#include "loop/lua_loop.h"
#include "memory/lua_memory.h"
#include "paths.h"
#include "prompt/lua_prompt.h"
#include "qemu/lua_qemu.h"

#define LOOP "kavach.core.loop"

static const char loop_key = 0;

static int close_loop(lua_State *L) {
  kv_loop **loop = lua_touserdata(L, 1);
  if (*loop) kv_loop_close(*loop);
  *loop = NULL;
  return 0;
}

/* A foreign loop's: runs what is due. An error in it is an error of kavach's own. */
static void dispatch(void *arg) {
  lua_State *L = arg;
  int top = lua_gettop(L);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "kavach.task.scheduler");
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) {
    lua_getfield(L, -1, "step");
    lua_pcall(L, 0, 0, 0);
  }
  if (lua_gettop(L) > top && lua_isstring(L, -1))
    fprintf(stderr, "kavach: %s\n", lua_tostring(L, -1));
  lua_settop(L, top);
}

/* The state's loop. Its userdata gets its finaliser before any other of ours, so it is the last to
 * be finalised when the state closes. */
static kv_loop *open_loop(lua_State *L, uv_loop_t *foreign, kv_error *e) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &loop_key) == LUA_TUSERDATA) {
    kv_loop **known = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (!foreign || (*known)->uv == foreign) return *known;
    kv_fail(e, "invalid_argument",
            "this Lua state has a loop already: give yours before the first require");
    return NULL;
  }
  lua_pop(L, 1);
  char helpers[KV_PATH_MAX];
  kv_helper_dir(helpers);
  kv_loop **loop = lua_newuserdatauv(L, sizeof *loop, 0);
  *loop = kv_loop_open(foreign, helpers, e);
  if (luaL_newmetatable(L, LOOP)) {
    lua_pushcfunction(L, close_loop);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  if (!*loop) return NULL;
  lua_rawsetp(L, LUA_REGISTRYINDEX, &loop_key);
  if (lua_getfield(L, LUA_REGISTRYINDEX, KAVACH_INTERRUPT) == LUA_TLIGHTUSERDATA) {
    (*loop)->interrupt = lua_touserdata(L, -1);
    (*loop)->interrupt->loop = *loop;
  }
  lua_pop(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  (*loop)->dispatch = dispatch;
  (*loop)->dispatch_arg = lua_tothread(L, -1);
  lua_pop(L, 1);
  return *loop;
}

int luaopen_kavach_core(lua_State *L);

KAVACH_API int luaopen_kavach_core(lua_State *L) {
  kv_error e;
  kv_loop *loop = open_loop(L, NULL, &e);
  if (!loop) return luaL_error(L, "%s", e.message);
  lua_newtable(L);
  kv_lua_loop_functions(L, loop);
  kv_lua_interrupt_functions(L, loop);
  kv_lua_prompt_functions(L, loop);
  kv_lua_stream_functions(L, loop);
  kv_lua_child_functions(L, loop);
  kv_lua_ending_functions(L, loop);
  kv_lua_work_functions(L, loop);
  kv_lua_system_functions(L, loop);
  kv_lua_detach_functions(L, loop);
  kv_lua_private_file_functions(L);
  kv_lua_program_functions(L);
  kv_lua_file_functions(L);
  kv_lua_memory(L);
  kv_lua_qemu(L);
  lua_pushliteral(L, KAVACH_VERSION);
  lua_setfield(L, -2, "version");
  return 1;
}

/* ---- the C API: kavach.h ---- */

/* Lets `require` find the C side in this program, modules with libraries of their own beside the
 * helpers, and the Lua side where it stands. */
static void register_module(lua_State *L) {
  char directory[KV_PATH_MAX], helpers[KV_PATH_MAX];
  kv_lua_dir(directory);
  kv_helper_dir(helpers);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_kavach_core);
  lua_setfield(L, -2, "kavach.core");
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "path");
  lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s", directory, directory, lua_tostring(L, -1));
  lua_setfield(L, -3, "path");
  lua_pop(L, 1);
  lua_getfield(L, -1, "cpath");
  lua_pushfstring(L, "%s/../?.so;%s", helpers, lua_tostring(L, -1));
  lua_setfield(L, -3, "cpath");
  lua_pop(L, 3);
}

KAVACH_API int kavach_open(lua_State *L, uv_loop_t *loop) {
  kv_error e;
  register_module(L);
  if (!loop || open_loop(L, loop, &e)) return 0;
  lua_pushstring(L, e.message);
  return -1;
}

/* Pushes a function of lua/kavach/embed.lua. */
static int push_embed(lua_State *L, const char *name) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "kavach.embed");
  if (lua_pcall(L, 1, 1, 0) != LUA_OK) return -1;
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
  return 0;
}

KAVACH_API int kavach_spawn(lua_State *L, int arguments) {
  int function = lua_gettop(L) - arguments;
  if (push_embed(L, "spawn") < 0) return -1;
  lua_insert(L, function);
  return lua_pcall(L, arguments + 1, 0, 0) == LUA_OK ? 0 : -1;
}

KAVACH_API int kavach_failed(lua_State *L) {
  if (push_embed(L, "failed") < 0 || lua_pcall(L, 0, 1, 0) != LUA_OK) {
    lua_pop(L, 1);
    return 1;
  }
  int failed = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return failed;
}
