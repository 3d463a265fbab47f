/* Programs that outlive this one, for Lua. */
#include <stdint.h>

#include "loop/detach.h"
#include "loop/lua_loop.h"

/* detach(argv, output) -> the stream that is the program's descriptor 3, pid | nil, message. See
 * detach.h. */
static int detach(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *output = luaL_checkstring(L, 2);
  lua_settop(L, 2);
  size_t count = (size_t)lua_rawlen(L, 1);
  luaL_argcheck(L, count > 0, 1, "argv is empty");
  char **argv = lua_newuserdatauv(L, (count + 1) * sizeof *argv, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 1, (lua_Integer)i + 1);
    if (lua_type(L, -1) != LUA_TSTRING) return luaL_error(L, "argv holds strings only");
    argv[i] = (char *)(uintptr_t)lua_tostring(L, -1);
    lua_pop(L, 1); /* the list keeps it alive */
  }
  argv[count] = NULL;
  kv_error e;
  pid_t pid;
  int channel = kv_detach(argv, output, &pid, &e);
  if (channel < 0) return kv_lua_fail(L, &e);
  kv_lua_push_socket(L, kv_lua_loop(L), channel);
  lua_pushinteger(L, pid);
  return 2;
}

void kv_lua_detach_functions(lua_State *L, kv_loop *loop) {
  static const luaL_Reg functions[] = {{"detach", detach}, {NULL, NULL}};
  lua_pushlightuserdata(L, loop);
  luaL_setfuncs(L, functions, 1);
}
