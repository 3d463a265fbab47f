/* `require "kavach.store"`: SQLite files that a thread of their own writes to. The SQL is Lua's. */
#include "store/lua_store.h"

#include <errno.h>
#include <string.h>

#include "store/store.h"

#define STORE "kavach.store"
#define UNIT "kavach.store.unit"

typedef struct kv_lua_store {
  kv_store *store; /* NULL: it could not be opened */
  kv_unit *taken;  /* of which Lua is being told */
} kv_lua_store;

typedef struct kv_lua_unit {
  kv_unit *unit; /* NULL once it was submitted */
} kv_lua_unit;

/* ---- values ---- */

int kv_lua_check_values(lua_State *L, int first) {
  int last = lua_gettop(L);
  for (int i = first; i <= last; i++) {
    int type = lua_type(L, i);
    if (type != LUA_TNIL && type != LUA_TBOOLEAN && type != LUA_TNUMBER && type != LUA_TSTRING)
      luaL_typeerror(L, i, "value of SQL");
  }
  return last < first ? 0 : last - first + 1;
}

kv_value kv_lua_value(lua_State *L, int index) {
  kv_value value = {.type = KV_VALUE_NULL};
  switch (lua_type(L, index)) {
  case LUA_TBOOLEAN:
    value.type = KV_VALUE_INTEGER;
    value.integer = lua_toboolean(L, index);
    break;
  case LUA_TNUMBER:
    value.type = lua_isinteger(L, index) ? KV_VALUE_INTEGER : KV_VALUE_FLOAT;
    if (value.type == KV_VALUE_INTEGER)
      value.integer = lua_tointeger(L, index);
    else
      value.number = lua_tonumber(L, index);
    break;
  case LUA_TSTRING:
    value.type = KV_VALUE_BYTES;
    value.bytes = lua_tolstring(L, index, &value.size);
    break;
  default:
    break;
  }
  return value;
}

void kv_lua_push_value(lua_State *L, const kv_value *value) {
  if (value->type == KV_VALUE_INTEGER)
    lua_pushinteger(L, value->integer);
  else if (value->type == KV_VALUE_FLOAT)
    lua_pushnumber(L, value->number);
  else if (value->type == KV_VALUE_BYTES)
    lua_pushlstring(L, value->size ? value->bytes : "", value->size);
  else
    lua_pushnil(L);
}

int kv_lua_store_fail(lua_State *L, kv_store_status status, const kv_error *error) {
  lua_pushnil(L);
  lua_pushstring(L, error->message);
  lua_pushstring(L, kv_store_status_name(status));
  return 3;
}

/* ---- units ---- */

/* unit(): an empty one */
static int new_unit(lua_State *L) {
  kv_lua_unit *self = lua_newuserdatauv(L, sizeof *self, 0);
  self->unit = NULL;
  luaL_setmetatable(L, UNIT);
  self->unit = kv_unit_new();
  return self->unit ? 1 : luaL_error(L, "out of memory");
}

static kv_lua_unit *check_unit(lua_State *L, int index) {
  kv_lua_unit *self = luaL_checkudata(L, index, UNIT);
  luaL_argcheck(L, self->unit, index, "the unit was submitted");
  return self;
}

static int unit_gc(lua_State *L) {
  kv_lua_unit *self = luaL_checkudata(L, 1, UNIT);
  kv_unit_free(self->unit);
  self->unit = NULL;
  return 0;
}

/* unit:add(statement, parameters…) -> unit */
static int unit_add(lua_State *L) {
  kv_lua_unit *self = check_unit(L, 1);
  lua_Integer statement = luaL_checkinteger(L, 2);
  int count = kv_lua_check_values(L, 3);
  luaL_argcheck(L, statement >= 0 && statement <= INT32_MAX, 2, "there is no such statement");
  int failed = kv_unit_add(self->unit, (int)statement, (size_t)count);
  for (int i = 3; i < 3 + count && failed == 0; i++) {
    kv_value value = kv_lua_value(L, i);
    failed = kv_pack_add(&self->unit->statements, &value);
  }
  if (failed != 0) {
    unit_gc(L); /* half of one is none */
    return luaL_error(L, "out of memory");
  }
  lua_settop(L, 1);
  return 1;
}

/* ---- stores ---- */

/* open(path [, { create =, vfs = }]) -> store | nil, message, kind */
static int open_store(lua_State *L) {
  size_t size;
  kv_open_options options = {.path = luaL_checklstring(L, 1, &size)};
  luaL_argcheck(L, strlen(options.path) == size, 1, "a path has no NUL in it");
  if (!lua_isnoneornil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_getfield(L, 2, "create");
    options.create = lua_toboolean(L, -1);
    lua_getfield(L, 2, "vfs"); /* it stays on the stack, and so in memory */
    options.vfs = luaL_optstring(L, -1, NULL);
  }
  kv_lua_store *self = lua_newuserdatauv(L, sizeof *self, 0);
  *self = (kv_lua_store){0};
  luaL_setmetatable(L, STORE);
  kv_store_status status = KV_STORE_OK;
  kv_error error;
  self->store = kv_store_open(&options, &status, &error);
  return self->store ? 1 : kv_lua_store_fail(L, status, &error);
}

static kv_lua_store *check_store(lua_State *L) { return luaL_checkudata(L, 1, STORE); }

static kv_store *check_open(lua_State *L) {
  kv_store *store = check_store(L)->store;
  luaL_argcheck(L, store && !kv_store_is_closed(store), 1, "the store is closed");
  return store;
}

/* store:statement(sql [, "one"]) -> its number */
static int store_statement(lua_State *L) {
  static const char *const demands[] = {"any", "one", NULL};
  kv_store *store = check_open(L);
  const char *sql = luaL_checkstring(L, 2);
  int number = kv_store_statement(store, sql, luaL_checkoption(L, 3, "any", demands) == 1);
  if (number < 0) return luaL_error(L, "there are too many statements, or there is no memory");
  lua_pushinteger(L, number);
  return 1;
}

typedef uint64_t submit_function(kv_store *store, kv_unit *unit);

static int submit_to(lua_State *L, submit_function *submit) {
  kv_store *store = check_open(L);
  kv_lua_unit *self = check_unit(L, 2);
  luaL_argcheck(
      L, self->unit->statements.size == 0 || self->unit->highest < kv_store_statements(store), 2,
      "it has a statement that the store has not");
  kv_unit *unit = self->unit;
  self->unit = NULL;
  lua_pushinteger(L, (lua_Integer)submit(store, unit));
  return 1;
}

/* store:submit(unit) -> its number */
static int store_submit(lua_State *L) { return submit_to(L, kv_store_submit); }

/* store:guard(unit) -> its number */
static int store_guard(lua_State *L) { return submit_to(L, kv_store_guard); }

/* Pushes a list of rows, which are lists of values; nil if there are none. */
static void push_rows(lua_State *L, const kv_pack *rows) {
  size_t at = 0;
  kv_value value;
  if (rows->size == 0) {
    lua_pushnil(L);
    return;
  }
  lua_newtable(L);
  for (lua_Integer row = 1; kv_pack_next(rows, &at, &value); row++) {
    lua_Integer columns = (lua_Integer)value.size;
    lua_createtable(L, (int)columns, 0);
    for (lua_Integer i = 1; i <= columns && kv_pack_next(rows, &at, &value); i++) {
      kv_lua_push_value(L, &value);
      lua_rawseti(L, -2, i);
    }
    lua_rawseti(L, -2, row);
  }
}

/* store:take() -> a unit's number, true, its rows (nil: none) | its number, false, message, kind;
 * nothing if no unit is done. Of a closed store, too. */
static int store_take(lua_State *L) {
  kv_lua_store *self = check_store(L);
  kv_unit_free(self->taken);
  self->taken = self->store ? kv_store_take(self->store) : NULL;
  kv_unit *unit = self->taken;
  if (!unit) return 0;
  lua_pushinteger(L, (lua_Integer)unit->number);
  lua_pushboolean(L, unit->status == KV_STORE_OK);
  if (unit->status == KV_STORE_OK) {
    push_rows(L, &unit->rows);
    return 3;
  }
  lua_pushstring(L, unit->error.message);
  lua_pushstring(L, kv_store_status_name(unit->status));
  return 4;
}

/* store:notifier() -> a descriptor, the caller's to close | nil, message */
static int store_notifier(lua_State *L) {
  int fd = kv_store_notifier(check_open(L));
  if (fd < 0) {
    lua_pushnil(L);
    lua_pushstring(L, strerror(errno));
    return 2;
  }
  lua_pushinteger(L, fd);
  return 1;
}

/* store:trouble() -> nil | message, kind: why nothing is written */
static int store_trouble(lua_State *L) {
  kv_error error;
  kv_store_status status = kv_store_trouble(check_open(L), &error);
  if (status == KV_STORE_OK) return 0;
  lua_pushstring(L, error.message);
  lua_pushstring(L, kv_store_status_name(status));
  return 2;
}

static int store_retry(lua_State *L) {
  kv_store_retry(check_open(L));
  return 0;
}

static int store_drain(lua_State *L) {
  kv_store_drain(check_open(L));
  return 0;
}

/* store:counts() -> how many units have become durable, in how many transactions; how many are not
 * done, and how many wait to be taken */
static int store_counts(lua_State *L) {
  kv_store *store = check_store(L)->store;
  kv_store_counts counts = store ? kv_store_count(store) : (kv_store_counts){0};
  lua_pushinteger(L, (lua_Integer)counts.units);
  lua_pushinteger(L, (lua_Integer)counts.commits);
  lua_pushinteger(L, (lua_Integer)counts.queued);
  lua_pushinteger(L, (lua_Integer)counts.done);
  return 4;
}

/* store:close(): waits for all that is queued. */
static int store_close(lua_State *L) {
  kv_store *store = check_store(L)->store;
  if (store) kv_store_close(store, true);
  return 0;
}

/* Of what is queued, nobody has been told that it is done. */
static int store_gc(lua_State *L) {
  kv_lua_store *self = check_store(L);
  kv_unit_free(self->taken);
  if (self->store) kv_store_free(self->store);
  *self = (kv_lua_store){0};
  return 0;
}

/* ---- the module ---- */

static void new_type(lua_State *L, const char *name, const luaL_Reg *methods) {
  if (luaL_newmetatable(L, name)) {
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
}

int luaopen_kavach_store(lua_State *L);

__attribute__((visibility("default"))) int luaopen_kavach_store(lua_State *L) {
  static const luaL_Reg functions[] = {{"open", open_store}, {"unit", new_unit}, {NULL, NULL}};
  static const luaL_Reg store_methods[] = {{"statement", store_statement},
                                           {"submit", store_submit},
                                           {"guard", store_guard},
                                           {"take", store_take},
                                           {"notifier", store_notifier},
                                           {"trouble", store_trouble},
                                           {"retry", store_retry},
                                           {"drain", store_drain},
                                           {"counts", store_counts},
                                           {"close", store_close},
                                           {"__close", store_close},
                                           {"__gc", store_gc},
                                           {NULL, NULL}};
  static const luaL_Reg unit_methods[] = {{"add", unit_add}, {"__gc", unit_gc}, {NULL, NULL}};
  new_type(L, STORE, store_methods);
  new_type(L, UNIT, unit_methods);
  luaL_newlib(L, functions);
  kv_lua_reader_functions(L);
  return 1;
}
