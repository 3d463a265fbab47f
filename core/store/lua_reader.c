/* Reading an SQLite file, in the calls themselves, beside whoever writes to it. */
#include <string.h>

#include "store/lua_store.h"

#define READER "kavach.store.reader"

typedef struct kv_lua_reader {
  sqlite3 *db; /* NULL once closed */
} kv_lua_reader;

/* reader(path) -> reader | nil, message, kind. Its user value keeps the statements by their SQL. */
static int open_reader(lua_State *L) {
  size_t size;
  const char *path = luaL_checklstring(L, 1, &size);
  luaL_argcheck(L, strlen(path) == size, 1, "a path has no NUL in it");
  kv_lua_reader *self = lua_newuserdatauv(L, sizeof *self, 1);
  self->db = NULL;
  luaL_setmetatable(L, READER);
  lua_newtable(L);
  lua_setiuservalue(L, -2, 1);
  kv_error error;
  kv_store_status status = kv_database_open_readonly(path, &self->db, &error);
  return status == KV_STORE_OK ? 1 : kv_lua_store_fail(L, status, &error);
}

static sqlite3 *check_open(lua_State *L) {
  kv_lua_reader *self = luaL_checkudata(L, 1, READER);
  luaL_argcheck(L, self->db, 1, "the reader is closed");
  return self->db;
}

static int fail(lua_State *L, sqlite3 *db, int code) {
  kv_error error;
  kv_store_status status = kv_store_fail(db, code, &error);
  return kv_lua_store_fail(L, status, &error);
}

/* The statement of the SQL at 2; its code, if there is none. Raises if the number of parameters
 * from 3 on is another. */
static sqlite3_stmt *statement(lua_State *L, sqlite3 *db, int *code) {
  luaL_checkstring(L, 2);
  int count = kv_lua_check_values(L, 3);
  lua_getiuservalue(L, 1, 1);
  lua_pushvalue(L, 2);
  *code = SQLITE_OK;
  sqlite3_stmt *stmt = NULL;
  if (lua_rawget(L, -2) == LUA_TLIGHTUSERDATA) {
    stmt = lua_touserdata(L, -1);
  } else {
    *code = sqlite3_prepare_v3(db, lua_tostring(L, 2), -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (*code == SQLITE_OK && !stmt) luaL_argerror(L, 2, "a statement without SQL");
    if (*code != SQLITE_OK) return NULL;
    lua_pushvalue(L, 2);
    lua_pushlightuserdata(L, stmt);
    lua_rawset(L, -4);
  }
  lua_pop(L, 2);
  if (sqlite3_bind_parameter_count(stmt) != count)
    luaL_error(L, "%d parameters for %d in: %s", count, sqlite3_bind_parameter_count(stmt),
               sqlite3_sql(stmt));
  return stmt;
}

static int bind(lua_State *L, sqlite3_stmt *stmt) {
  int count = sqlite3_bind_parameter_count(stmt), code = SQLITE_OK;
  for (int i = 1; i <= count && code == SQLITE_OK; i++) {
    kv_value value = kv_lua_value(L, i + 2);
    code = kv_value_bind(stmt, i, &value);
  }
  return code;
}

/* The statement with its parameters, at its first step; NULL with *code if that cannot be. */
static sqlite3_stmt *start(lua_State *L, sqlite3 *db, int *code) {
  sqlite3_stmt *stmt = statement(L, db, code);
  if (!stmt) return NULL;
  sqlite3_reset(stmt); /* an error of Lua's may have left it in the middle */
  *code = bind(L, stmt);
  if (*code != SQLITE_OK) return NULL;
  luaL_checkstack(L, sqlite3_column_count(stmt) + 4, NULL);
  *code = sqlite3_step(stmt);
  return stmt;
}

static int finish(sqlite3_stmt *stmt) {
  int code = sqlite3_reset(stmt);
  sqlite3_clear_bindings(stmt); /* they are Lua's */
  return code;
}

static int push_column(lua_State *L, sqlite3_stmt *stmt, int column) {
  kv_value value;
  int code = kv_value_column(stmt, column, &value);
  kv_lua_push_value(L, &value);
  return code;
}

/* reader:row(sql, parameters…) -> true, the columns of the first row… | false if there is none |
 * nil, message, kind */
static int reader_row(lua_State *L) {
  sqlite3 *db = check_open(L);
  int code;
  sqlite3_stmt *stmt = start(L, db, &code);
  if (!stmt) return fail(L, db, code);
  int top = lua_gettop(L), columns = sqlite3_column_count(stmt);
  lua_pushboolean(L, code == SQLITE_ROW);
  bool failed = code != SQLITE_ROW && code != SQLITE_DONE;
  for (int i = 0; code == SQLITE_ROW && i < columns; i++)
    if (push_column(L, stmt, i) != SQLITE_OK) failed = true;
  int pushed = lua_gettop(L) - top;
  int results = failed ? fail(L, db, code == SQLITE_ROW ? SQLITE_NOMEM : code) : pushed;
  finish(stmt);
  return results;
}

/* reader:rows(sql, parameters…) -> list of { name = value } | nil, message, kind. A NULL is nil. */
static int reader_rows(lua_State *L) {
  sqlite3 *db = check_open(L);
  int code;
  sqlite3_stmt *stmt = start(L, db, &code);
  if (!stmt) return fail(L, db, code);
  int columns = sqlite3_column_count(stmt), names = lua_gettop(L);
  for (int i = 0; i < columns; i++) lua_pushstring(L, sqlite3_column_name(stmt, i));
  lua_newtable(L);
  for (lua_Integer row = 1; code == SQLITE_ROW; row++) {
    lua_createtable(L, 0, columns);
    for (int i = 0; i < columns && code == SQLITE_ROW; i++) {
      lua_pushvalue(L, names + 1 + i);
      if (push_column(L, stmt, i) != SQLITE_OK) code = SQLITE_NOMEM;
      lua_rawset(L, -3);
    }
    lua_rawseti(L, -2, row);
    if (code == SQLITE_ROW) code = sqlite3_step(stmt);
  }
  int results = code == SQLITE_DONE ? 1 : fail(L, db, code);
  finish(stmt);
  return results;
}

static int reader_close(lua_State *L) {
  kv_lua_reader *self = luaL_checkudata(L, 1, READER);
  sqlite3_stmt *stmt;
  while (self->db && (stmt = sqlite3_next_stmt(self->db, NULL))) sqlite3_finalize(stmt);
  sqlite3_close(self->db);
  self->db = NULL;
  return 0;
}

void kv_lua_reader_functions(lua_State *L) {
  static const luaL_Reg methods[] = {{"row", reader_row},     {"rows", reader_rows},
                                     {"close", reader_close}, {"__close", reader_close},
                                     {"__gc", reader_close},  {NULL, NULL}};
  if (luaL_newmetatable(L, READER)) {
    luaL_setfuncs(L, methods, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
  lua_pushcfunction(L, open_reader);
  lua_setfield(L, -2, "reader");
}
