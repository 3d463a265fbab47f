/* Collects what this room exports to Lua, and nothing more. */
#include "snp/lua_snp.h"

#include <lauxlib.h>

int kv_lua_failure(lua_State *L, const kv_error *error) {
  lua_pushnil(L);
  lua_pushstring(L, error->message);
  lua_pushstring(L, error->kind);
  return 3;
}

int luaopen_kavach_snp(lua_State *L);

__attribute__((visibility("default"))) int luaopen_kavach_snp(lua_State *L) {
  lua_newtable(L);
  kv_lua_report(L);
  kv_lua_evidence(L);
  kv_lua_guest_policy(L);
  kv_lua_verify(L);
  kv_lua_measure(L);
  kv_lua_id_block(L);
  kv_lua_emulate(L);
  kv_lua_certificate(L);
  kv_lua_digest(L);
  return 1;
}
