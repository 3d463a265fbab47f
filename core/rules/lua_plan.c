/* Evidence to bytes, by a plan of what it has: without sorting, and without a look at the rest. */
#include <lauxlib.h>

#include "rules/lua_rules.h"

#define PLAN "kavach.rules.plan"

/* How a value is written: as it is; text that is bytes; a list of nodes that are written already; a
 * table by a plan of its own. What is nil stays so. */
typedef enum how { AS_IS, AS_BYTES, AS_NODES, BY_PLAN } how;

typedef struct plan plan;

typedef struct plan_entry {
  const char *name; /* in the list of names */
  size_t size;
  how how;
  const plan *plan; /* held by the user values */
} plan_entry;

/* What evidence has, by name, in order. User values: the list of names, the list of plans. */
struct plan {
  lua_Integer count;
  plan_entry entries[];
};

/* Reads entry i of the list at 1: name, how, name, how … */
static void read_entry(lua_State *L, plan *p, lua_Integer i) {
  static const char *const names[] = {"value", "bytes", "nodes", NULL};
  plan_entry *entry = &p->entries[i];
  lua_rawgeti(L, 1, 2 * i + 1);
  luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 1, "names and ways, in turn");
  entry->name = lua_tolstring(L, -1, &entry->size);
  lua_rawseti(L, 3, i + 1);
  lua_rawgeti(L, 1, 2 * i + 2);
  entry->how = BY_PLAN;
  entry->plan = luaL_testudata(L, -1, PLAN);
  if (!entry->plan) entry->how = (how)luaL_checkoption(L, -1, NULL, names);
  lua_rawseti(L, 4, i + 1);
}

/* plan{name, how, name, how …}, the names in order; how is "value", "bytes", "nodes" or a plan. */
static int rules_plan(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_Integer count = (lua_Integer)lua_rawlen(L, 1) / 2;
  plan *p = lua_newuserdatauv(L, sizeof *p + (size_t)count * sizeof p->entries[0], 2);
  p->count = count;
  lua_createtable(L, (int)count, 0);
  lua_createtable(L, (int)count, 0);
  for (lua_Integer i = 0; i < count; i++) read_entry(L, p, i);
  lua_setiuservalue(L, 2, 2);
  lua_setiuservalue(L, 2, 1);
  luaL_setmetatable(L, PLAN);
  return 1;
}

static void encode_nodes(lua_State *L, kv_blob *out, int list) {
  lua_Integer count = (lua_Integer)lua_rawlen(L, list);
  kv_blob_open in = kv_blob_begin(out, 'a');
  for (lua_Integer i = 1; i <= count; i++) {
    size_t size;
    lua_rawgeti(L, list, i);
    const char *node = luaL_checklstring(L, -1, &size);
    kv_blob_next(out, &in);
    kv_blob_put_raw(out, (const uint8_t *)node, size);
    lua_pop(L, 1);
  }
  kv_blob_end(out, &in);
}

static void encode_planned(lua_State *L, kv_blob *out, int value, int plan_at, const plan *p);

/* The value at the top. */
static void encode_entry(lua_State *L, kv_blob *out, int plan_at, lua_Integer i,
                         const plan_entry *entry) {
  int value = lua_gettop(L);
  size_t size;
  if (lua_isnil(L, value)) {
    kv_blob_put_tag(out, 'n');
  } else if (entry->how == AS_BYTES) {
    const char *bytes = luaL_checklstring(L, value, &size);
    kv_blob_put_bytes(out, 'x', bytes, size);
  } else if (entry->how == AS_IS) {
    kv_lua_encode(L, out, value, 1);
  } else if (entry->how == AS_NODES) {
    luaL_checktype(L, value, LUA_TTABLE);
    encode_nodes(L, out, value);
  } else {
    luaL_checktype(L, value, LUA_TTABLE);
    lua_getiuservalue(L, plan_at, 2);
    lua_rawgeti(L, -1, i + 1);
    encode_planned(L, out, value, value + 2, entry->plan);
    lua_pop(L, 2);
  }
}

/* The table at `value`, by the plan at `plan_at`. */
static void encode_planned(lua_State *L, kv_blob *out, int value, int plan_at, const plan *p) {
  luaL_checkstack(L, KV_LUA_STEP, NULL);
  lua_getiuservalue(L, plan_at, 1);
  int names = lua_gettop(L);
  kv_blob_open in = kv_blob_begin(out, 'o');
  for (lua_Integer i = 0; i < p->count; i++) {
    kv_blob_key(out, &in, p->entries[i].name, p->entries[i].size);
    lua_rawgeti(L, names, i + 1);
    lua_rawget(L, value);
    encode_entry(L, out, plan_at, i, &p->entries[i]);
    lua_pop(L, 1);
  }
  kv_blob_end(out, &in);
  lua_pop(L, 1);
}

/* encode_by(plan, table): a node. */
static int rules_encode_by(lua_State *L) {
  const plan *p = luaL_checkudata(L, 1, PLAN);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  kv_blob *out = kv_lua_push_buffer(L);
  encode_planned(L, out, 2, 1, p);
  return kv_lua_push_bytes(L, out);
}

/* evaluation(plan, views, first, last): the request for the evaluation of some of a list. */
static int rules_evaluation(lua_State *L) {
  const plan *p = luaL_checkudata(L, 1, PLAN);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_Integer first = luaL_checkinteger(L, 3), last = luaL_checkinteger(L, 4);
  kv_blob *out = kv_lua_push_buffer(L);
  kv_blob_open in = kv_blob_begin(out, 'o');
  kv_blob_name(out, &in, "items");
  kv_blob_open items = kv_blob_begin(out, 'a');
  for (lua_Integer i = first; i <= last; i++) {
    kv_blob_next(out, &items);
    if (lua_rawgeti(L, 2, i) != LUA_TTABLE) return luaL_error(L, "rules.evaluation: no view");
    encode_planned(L, out, lua_gettop(L), 1, p);
    lua_pop(L, 1);
  }
  kv_blob_end(out, &items);
  kv_blob_name(out, &in, "op");
  kv_blob_put_text(out, "evaluate");
  kv_blob_end(out, &in);
  return kv_lua_push_bytes(L, out);
}

void kv_lua_plan(lua_State *L) {
  static const luaL_Reg functions[] = {{"plan", rules_plan},
                                       {"encode_by", rules_encode_by},
                                       {"evaluation", rules_evaluation},
                                       {NULL, NULL}};
  luaL_newmetatable(L, PLAN);
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
