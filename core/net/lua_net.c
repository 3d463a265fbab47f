/* Collects what this room exports to Lua, and nothing more. */
#include "net/lua_net.h"

#include <lauxlib.h>

int luaopen_kavach_net(lua_State *L);

__attribute__((visibility("default"))) int luaopen_kavach_net(lua_State *L) {
  lua_newtable(L);
  kv_lua_net_filter(L);
  kv_lua_net_address(L);
  return 1;
}
