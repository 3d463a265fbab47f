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

/* ---- sort ---- */

/* Whether the value at `a` is less than that at `b`, by the function at 2 if there is one. */
static bool is_less(lua_State *L, int a, int b) {
  if (lua_isnoneornil(L, 2)) return lua_compare(L, a, b, LUA_OPLT);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, a);
  lua_pushvalue(L, b);
  lua_call(L, 2, 1);
  bool less = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return less;
}

/* Puts the value at the top into the heap of the first `count`, at `at` or below. Pops it. */
static void sink(lua_State *L, lua_Integer at, lua_Integer count) {
  int moved = lua_gettop(L), larger = moved + 1;
  for (lua_Integer child = 2 * at; child <= count; child = 2 * at) {
    lua_rawgeti(L, 1, child);
    if (child < count) {
      lua_rawgeti(L, 1, child + 1);
      bool right = is_less(L, larger, larger + 1);
      if (right) lua_copy(L, larger + 1, larger);
      if (right) child++;
      lua_pop(L, 1);
    }
    if (!is_less(L, moved, larger)) break;
    lua_rawseti(L, 1, at);
    at = child;
  }
  lua_settop(L, moved);
  lua_rawseti(L, 1, at);
}

/* Heapsort, whatever the function says. Lua's own asks the clock where to split a list that is
 * hard to sort: a decision would hang on it, and a worker may not ask. */
static int sort(lua_State *L) {
  lua_Integer size = (lua_Integer)plain_table(L, 1);
  size_t steps = 4;
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
  for (lua_Integer n = size; n > 1; n /= 2) steps += 4;
  kv_vm_charge(L, (size_t)size * steps);
  lua_settop(L, 2);
  for (lua_Integer i = size / 2; i > 0; i--) {
    lua_rawgeti(L, 1, i);
    sink(L, i, size);
  }
  for (lua_Integer last = size; last > 1; last--) {
    lua_rawgeti(L, 1, last);
    lua_rawgeti(L, 1, 1);
    lua_rawseti(L, 1, last);
    sink(L, 1, last - 1);
  }
  return 0;
}

void kv_vm_tables(lua_State *L) {
  static const luaL_Reg guards[] = {{"concat", concat}, {"insert", insert},     {"move", move},
                                    {"pack", NULL},     {"remove", remove_one}, {"unpack", unpack},
                                    {NULL, NULL}};
  lua_newtable(L);
  lua_pushcfunction(L, luaopen_table);
  lua_call(L, 0, 1);
  for (const luaL_Reg *g = guards; g->name; g++) {
    lua_getfield(L, -1, g->name);
    if (g->func) lua_pushcclosure(L, g->func, 1);
    lua_setfield(L, -3, g->name);
  }
  lua_pop(L, 1);
  lua_pushcfunction(L, sort);
  lua_setfield(L, -2, "sort");
  kv_vm_freeze(L, "table");
}
