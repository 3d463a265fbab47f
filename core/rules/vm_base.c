/* The functions that a policy has of Lua's base library, some of them guarded. */
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

#include "rules/vm_state.h"

/* ---- frozen tables ---- */

/* What a missing name costs: the search for the nearest. */
enum { MISS_STEPS = 2000, CANDIDATES_MAX = 256 };

/* What it costs to be ready for an error. */
enum { PCALL_STEPS = 20 };

static void offer_keys(lua_State *L, int table, kv_nearest *n) {
  size_t count = 0;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING || count++ == CANDIDATES_MAX) continue;
    size_t size;
    const char *name = lua_tolstring(L, -1, &size);
    kv_nearest_offer(n, name, size);
  }
}

/* __index of a library, or of the environment: there is nothing of that name. */
static int missing(lua_State *L) {
  const char *library = lua_tostring(L, lua_upvalueindex(1));
  if (lua_type(L, 2) != LUA_TSTRING) return luaL_error(L, "%s has names as keys", library);
  size_t size;
  kv_nearest nearest;
  const char *name = lua_tolstring(L, 2, &size);
  kv_vm_charge(L, MISS_STEPS);
  kv_nearest_begin(&nearest, name, size);
  offer_keys(L, 1, &nearest);
  const char *hint = "";
  if (nearest.best[0]) hint = lua_pushfstring(L, " (did you mean '%s'?)", nearest.best);
  if (size > KV_VM_NAME_MAX) name = "of a long name";
  return luaL_error(L, "there is no '%s' in %s%s", name, library, hint);
}

static int refuse_write(lua_State *L) {
  const char *library = lua_tostring(L, lua_upvalueindex(1));
  if (strcmp(library, KV_VM_GLOBALS) != 0) return luaL_error(L, "%s is read-only", library);
  if (lua_type(L, 2) != LUA_TSTRING) return luaL_error(L, "a policy has no globals of its own");
  return luaL_error(L, "a policy has no globals of its own: declare 'local %s'",
                    lua_tostring(L, 2));
}

void kv_vm_freeze(lua_State *L, const char *name) {
  int library = lua_gettop(L);
  lua_createtable(L, 0, 1);
  lua_pushstring(L, name);
  lua_pushcclosure(L, missing, 1);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, library);
  lua_newtable(L);
  lua_createtable(L, 0, 3);
  lua_pushvalue(L, library);
  lua_setfield(L, -2, "__index");
  lua_pushstring(L, name);
  lua_pushcclosure(L, refuse_write, 1);
  lua_setfield(L, -2, "__newindex");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  lua_setfield(L, library - 1, name);
  lua_settop(L, library - 1);
}

/* ---- text ---- */

void kv_vm_to_text(lua_State *L, int index) {
  index = lua_absindex(L, index);
  if (luaL_callmeta(L, index, "__tostring")) {
    if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "'__tostring' must return a string");
    return;
  }
  switch (lua_type(L, index)) {
  case LUA_TNUMBER:
  case LUA_TSTRING:
    lua_pushvalue(L, index);
    lua_tolstring(L, -1, NULL);
    break;
  case LUA_TBOOLEAN:
    lua_pushstring(L, lua_toboolean(L, index) ? "true" : "false");
    break;
  default:
    lua_pushstring(L, luaL_typename(L, index));
  }
}

static int to_text(lua_State *L) {
  luaL_checkany(L, 1);
  kv_vm_to_text(L, 1);
  return 1;
}

/* tonumber reads its text to the end. */
static int to_number(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING) kv_vm_charge(L, lua_rawlen(L, 1) / 8);
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* ---- errors ---- */

/* Calls the function below `arguments` arguments. Running out of memory ends the evaluation. */
static bool protected_call(lua_State *L, int arguments) {
  kv_vm *vm = kv_vm_of(L);
  kv_vm_charge(L, PCALL_STEPS);
  size_t chain = vm->chain_length; /* an include may be left by the error */
  int status = lua_pcall(L, arguments, LUA_MULTRET, 0);
  if (status == LUA_ERRMEM) kv_vm_stop(vm, KV_VM_OUT_OF_MEMORY);
  if (status != LUA_OK) vm->chain_length = chain;
  return status == LUA_OK;
}

static int policy_pcall(lua_State *L) {
  luaL_checkany(L, 1);
  bool good = protected_call(L, lua_gettop(L) - 1);
  lua_pushboolean(L, good);
  lua_insert(L, 1);
  return lua_gettop(L);
}

/* Lua's own calls the handler while its hook is off: a loop in it would have no end. This one calls
 * it when the error has been caught. */
static int policy_xpcall(lua_State *L) {
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_pushvalue(L, 2);
  lua_insert(L, 1);
  lua_remove(L, 3);
  bool good = protected_call(L, lua_gettop(L) - 2);
  if (!good) {
    lua_pushvalue(L, 1);
    lua_insert(L, -2);
    protected_call(L, 1);
  }
  lua_pushboolean(L, good);
  lua_replace(L, 1);
  return lua_gettop(L);
}

/* ---- metatables ---- */

static void refuse_field(lua_State *L, const char *field) {
  lua_pushstring(L, field);
  if (lua_rawget(L, 2) != LUA_TNIL) luaL_error(L, "a policy's metatables have no %s", field);
  lua_pop(L, 1);
}

/* Finalisers run whenever it pleases the collector, and with the hook off; weak tables show when
 * it ran. */
static int set_metatable(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  if (!lua_isnoneornil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    refuse_field(L, "__gc");
    refuse_field(L, "__mode");
  }
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static int get_metatable(lua_State *L) {
  luaL_checkany(L, 1);
  if (!lua_getmetatable(L, 1)) return 0;
  if (lua_type(L, 1) != LUA_TTABLE) lua_pushboolean(L, 0);
  luaL_getmetafield(L, 1, "__metatable");
  return 1;
}

/* ---- pairs, in the order of the keys ---- */

typedef struct sort_key {
  int type; /* numbers before strings before booleans */
  bool whole;
  lua_Integer integer;
  lua_Number number;
  const char *text;
  size_t size;
} sort_key;

static int compare_numbers(const sort_key *a, const sort_key *b) {
  if (a->whole && b->whole) return (a->integer > b->integer) - (a->integer < b->integer);
  if (a->number != b->number) return a->number > b->number ? 1 : -1;
  return (int)a->whole - (int)b->whole;
}

static int compare_keys(const sort_key *a, const sort_key *b) {
  if (a->type != b->type) return a->type - b->type;
  if (a->type == 0) return compare_numbers(a, b);
  if (a->type == 2) return (int)a->integer - (int)b->integer;
  int order = memcmp(a->text, b->text, a->size < b->size ? a->size : b->size);
  return order ? order : (a->size > b->size) - (a->size < b->size);
}

/* Sinks the key at `at` in the heap of the first `count`. */
static void sink(sort_key *keys, size_t at, size_t count) {
  sort_key moved = keys[at];
  for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
    if (child + 1 < count && compare_keys(&keys[child], &keys[child + 1]) < 0) child++;
    if (compare_keys(&moved, &keys[child]) >= 0) break;
    keys[at] = keys[child];
    at = child;
  }
  keys[at] = moved;
}

/* Heapsort: glibc's qsort asks the system how much memory there is, which no worker may. */
static void sort_keys(sort_key *keys, size_t count) {
  for (size_t i = count / 2; i > 0; i--) sink(keys, i - 1, count);
  for (size_t last = count; last > 1; last--) {
    sort_key largest = keys[0];
    keys[0] = keys[last - 1];
    keys[last - 1] = largest;
    sink(keys, 0, last - 1);
  }
}

static sort_key key_at_top(lua_State *L) {
  sort_key key = {0};
  switch (lua_type(L, -1)) {
  case LUA_TNUMBER:
    key.whole = lua_isinteger(L, -1);
    key.integer = key.whole ? lua_tointeger(L, -1) : 0;
    key.number = lua_tonumber(L, -1);
    break;
  case LUA_TSTRING:
    key.type = 1;
    key.text = lua_tolstring(L, -1, &key.size);
    break;
  case LUA_TBOOLEAN:
    key.type = 2;
    key.integer = lua_toboolean(L, -1);
    break;
  default:
    /* it does not say of which type: which is met first is a matter of addresses */
    luaL_error(L, "pairs: a key that is no number, text or boolean has no order");
  }
  return key;
}

static void push_key(lua_State *L, const sort_key *key) {
  if (key->type == 1)
    lua_pushlstring(L, key->text, key->size);
  else if (key->type == 2)
    lua_pushboolean(L, (int)key->integer);
  else if (key->whole)
    lua_pushinteger(L, key->integer);
  else
    lua_pushnumber(L, key->number);
}

static size_t count_keys(lua_State *L, int table) {
  size_t count = 0;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_pop(L, 1);
    count++;
  }
  return count;
}

/* Pushes a list of the table's keys. They stay in the table, or in the list. */
static void push_sorted_keys(lua_State *L, int table) {
  size_t count = count_keys(L, table), steps = 2, i = 0;
  for (size_t n = count; n > 1; n /= 2) steps++;
  kv_vm_charge(L, count * steps);
  sort_key *keys = lua_newuserdatauv(L, (count ? count : 1) * sizeof *keys, 0);
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_pop(L, 1);
    keys[i++] = key_at_top(L);
  }
  sort_keys(keys, count);
  lua_createtable(L, (int)count, 0);
  for (i = 0; i < count; i++) {
    push_key(L, &keys[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_remove(L, -2);
}

/* Upvalues: the table, the list of its keys, how many were given out. */
static int next_pair(lua_State *L) {
  lua_Integer at = lua_tointeger(L, lua_upvalueindex(3));
  do {
    lua_settop(L, 0);
    if (lua_rawgeti(L, lua_upvalueindex(2), ++at) == LUA_TNIL) return 1;
    lua_pushvalue(L, 1);
    kv_vm_charge(L, 1);
  } while (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL);
  lua_pushinteger(L, at);
  lua_replace(L, lua_upvalueindex(3));
  return 2;
}

/* Upvalues: the view, how many of its members were given out. */
static int next_member(lua_State *L) {
  const kv_view *view = kv_vm_to_view(L, lua_upvalueindex(1));
  lua_Integer at = lua_tointeger(L, lua_upvalueindex(2));
  lua_settop(L, 0);
  if (at >= kv_blob_count(view->node)) return lua_pushnil(L), 1;
  kv_vm_push_member(L, view, (uint32_t)at);
  lua_pushinteger(L, at + 1);
  lua_replace(L, lua_upvalueindex(2));
  return 2;
}

static int policy_pairs(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  if (kv_vm_to_view(L, 1)) {
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_member, 2);
  } else {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushvalue(L, 1);
    push_sorted_keys(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_pair, 3);
  }
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

/* ---- all of them ---- */

/* Copies functions of the library at the top into the table below; `guard` gets it as upvalue. */
static void copy(lua_State *L, const char *name, lua_CFunction guard) {
  lua_getfield(L, -1, name);
  if (guard) lua_pushcclosure(L, guard, 1);
  lua_setfield(L, -3, name);
}

void kv_vm_base(lua_State *L) {
  static const luaL_Reg own[] = {{"tostring", to_text},           {"pcall", policy_pcall},
                                 {"xpcall", policy_xpcall},       {"pairs", policy_pairs},
                                 {"getmetatable", get_metatable}, {NULL, NULL}};
  luaL_setfuncs(L, own, 0);
  lua_pushcfunction(L, luaopen_base);
  lua_call(L, 0, 1); /* into the table of globals, which no policy sees */
  copy(L, "assert", NULL);
  copy(L, "error", NULL);
  copy(L, "ipairs", NULL);
  copy(L, "select", NULL);
  copy(L, "type", NULL);
  copy(L, "tonumber", to_number);
  copy(L, "setmetatable", set_metatable);
  lua_pop(L, 1);
}
