/* The guest policy's bits for Lua. */
#include <lauxlib.h>

#include "snp/cbit.h"
#include "snp/guest_policy.h"
#include "snp/lua_snp.h"

/* guest_policy_bits(): a list of { field=, name=, mask=, permits= }, lowest bit first. */
static int guest_policy_bits(lua_State *L) {
  size_t count;
  const kv_guest_policy_bit *bits = kv_guest_policy_bits(&count);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_createtable(L, 0, 4);
    lua_pushstring(L, bits[i].field), lua_setfield(L, -2, "field");
    lua_pushstring(L, bits[i].name), lua_setfield(L, -2, "name");
    lua_pushinteger(L, (lua_Integer)bits[i].mask), lua_setfield(L, -2, "mask");
    lua_pushboolean(L, bits[i].permits), lua_setfield(L, -2, "permits");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* guest_policy_check(bits): true, or nil, a message and a kind. */
static int guest_policy_check(lua_State *L) {
  kv_error error;
  if (kv_guest_policy_check((uint64_t)luaL_checkinteger(L, 1), &error) < 0)
    return kv_lua_failure(L, &error);
  lua_pushboolean(L, 1);
  return 1;
}

void kv_lua_guest_policy(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {{"guest_policy_bits", guest_policy_bits},
                                       {"guest_policy_check", guest_policy_check},
                                       {NULL, NULL}};
  luaL_setfuncs(L, FUNCTIONS, 0);
  lua_pushinteger(L, (lua_Integer)kv_guest_policy_known());
  lua_setfield(L, -2, "GUEST_POLICY_KNOWN");
  lua_pushinteger(L, (lua_Integer)KV_GUEST_POLICY_ALWAYS);
  lua_setfield(L, -2, "GUEST_POLICY_ALWAYS");
  lua_pushinteger(L, (lua_Integer)KV_GUEST_POLICY_USUAL);
  lua_setfield(L, -2, "SEV_SNP_POLICY");
  lua_pushinteger(L, kv_cbit_position());
  lua_setfield(L, -2, "CBIT_POS");
}
