/* Lua's table library, guarded: it takes plain tables only, so that nothing of a policy's runs in
 * the middle of its loops, and charges for their length before they begin. */
#include <lualib.h>

#include "rules/vm_state.h"

static size_t plain_table(lua_State *L, int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  luaL_argcheck(L, !lua_getmetatable(L, index), index, "a table without a metatable is needed");
  return lua_rawlen(L, index);
}

/* How many numbers there are from `first` to `last`. */
static size_t span(lua_Integer first, lua_Integer last) {
  if (first > last) return 0;
  size_t less_one = (size_t)last - (size_t)first;
  return less_one == SIZE_MAX ? SIZE_MAX : less_one + 1;
}

static int guarded(lua_State *L, size_t steps) {
  kv_vm_charge(L, steps);
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static int concat(lua_State *L) {
  lua_Integer size = (lua_Integer)plain_table(L, 1);
  return guarded(L, span(luaL_optinteger(L, 3, 1), luaL_optinteger(L, 4, size)));
}

static int insert(lua_State *L) {
  lua_Integer size = (lua_Integer)plain_table(L, 1);
  if (lua_gettop(L) < 3) return guarded(L, 1);
  return guarded(L, span(luaL_checkinteger(L, 2), size) + 1);
}

static int remove_one(lua_State *L) {
  lua_Integer size = (lua_Integer)plain_table(L, 1);
  return guarded(L, span(luaL_optinteger(L, 2, size), size) + 1);
}

static int move(lua_State *L) {
  plain_table(L, 1);
  if (!lua_isnoneornil(L, 5)) plain_table(L, 5);
  return guarded(L, span(luaL_checkinteger(L, 2), luaL_checkinteger(L, 3)));
}

static int unpack(lua_State *L) {
  lua_Integer size = (lua_Integer)plain_table(L, 1);
  return guarded(L, span(luaL_optinteger(L, 2, 1), luaL_optinteger(L, 3, size)));
}

static int sort(lua_State *L) {
  size_t size = plain_table(L, 1), steps = 4;
  for (size_t n = size; n > 1; n /= 2) steps += 4;
  return guarded(L, size * steps);
}

void kv_vm_tables(lua_State *L) {
  static const luaL_Reg guards[] = {
      {"concat", concat},     {"insert", insert}, {"move", move},     {"pack", NULL},
      {"remove", remove_one}, {"sort", sort},     {"unpack", unpack}, {NULL, NULL}};
  lua_newtable(L);
  lua_pushcfunction(L, luaopen_table);
  lua_call(L, 0, 1);
  for (const luaL_Reg *g = guards; g->name; g++) {
    lua_getfield(L, -1, g->name);
    if (g->func) lua_pushcclosure(L, g->func, 1);
    lua_setfield(L, -3, g->name);
  }
  lua_pop(L, 1);
  kv_vm_freeze(L, "table");
}
