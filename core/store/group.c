#include "store/group.h"

#include <string.h>

static kv_store_status out_of_memory(kv_error *error) {
  kv_fail(error, "io", "out of memory");
  return KV_STORE_IO;
}

/* ---- one statement ---- */

static kv_store_status prepare(sqlite3 *db, kv_statement *statement, kv_error *error) {
  if (statement->stmt) return KV_STORE_OK;
  int code =
      sqlite3_prepare_v3(db, statement->sql, -1, SQLITE_PREPARE_PERSISTENT, &statement->stmt, NULL);
  if (code != SQLITE_OK) return kv_store_fail(db, code, error);
  if (statement->stmt) return KV_STORE_OK;
  kv_fail(error, "io", "a statement without SQL");
  return KV_STORE_SQL;
}

/* The parameters that follow at *at in the pack. */
static kv_store_status bind(sqlite3 *db, sqlite3_stmt *stmt, const kv_pack *pack, size_t *at,
                            size_t count, kv_error *error) {
  if ((size_t)sqlite3_bind_parameter_count(stmt) != count) {
    kv_fail(error, "io", "%zu parameters for %d in: %.200s", count,
            sqlite3_bind_parameter_count(stmt), sqlite3_sql(stmt));
    return KV_STORE_SQL;
  }
  kv_value value;
  for (size_t i = 0; i < count && kv_pack_next(pack, at, &value); i++) {
    int code = kv_value_bind(stmt, (int)i + 1, &value);
    if (code != SQLITE_OK) return kv_store_fail(db, code, error);
  }
  return KV_STORE_OK;
}

static int keep_row(sqlite3_stmt *stmt, kv_pack *rows) {
  int columns = sqlite3_column_count(stmt);
  kv_value value = {.type = KV_VALUE_HEAD, .size = (size_t)columns};
  if (kv_pack_add(rows, &value) < 0) return SQLITE_NOMEM;
  for (int i = 0; i < columns; i++)
    if (kv_value_column(stmt, i, &value) != SQLITE_OK || kv_pack_add(rows, &value) < 0)
      return SQLITE_NOMEM;
  return SQLITE_OK;
}

static kv_store_status step(sqlite3 *db, const kv_statement *statement, kv_pack *rows,
                            kv_error *error) {
  sqlite3_stmt *stmt = statement->stmt;
  int code, count = 0;
  while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
    count++;
    if (rows && keep_row(stmt, rows) != SQLITE_OK) return out_of_memory(error);
  }
  if (code != SQLITE_DONE) return kv_store_fail(db, code, error);
  if (!statement->one) return KV_STORE_OK;
  if (sqlite3_column_count(stmt) == 0) count = sqlite3_changes(db);
  if (count == 1) return KV_STORE_OK;
  kv_fail(error, "io", "not so: %.300s", statement->sql);
  return KV_STORE_FENCED;
}

/* The statements of a unit; rows are kept in `rows`, if it is not NULL. */
static kv_store_status run_unit(kv_group *group, const kv_unit *unit, kv_pack *rows,
                                kv_error *error) {
  kv_value head;
  kv_store_status status = KV_STORE_OK;
  for (size_t at = 0; status == KV_STORE_OK && kv_pack_next(&unit->statements, &at, &head);) {
    kv_statement *statement = &group->statements[head.integer];
    status = prepare(group->db, statement, error);
    if (status != KV_STORE_OK) break;
    status = bind(group->db, statement->stmt, &unit->statements, &at, head.size, error);
    if (status == KV_STORE_OK) status = step(group->db, statement, rows, error);
    sqlite3_reset(statement->stmt);
    sqlite3_clear_bindings(statement->stmt); /* they are the unit's, which is freed */
  }
  return status;
}

/* ---- the transaction ---- */

static kv_store_status run(sqlite3 *db, const char *sql, kv_error *error) {
  int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
  return code == SQLITE_OK ? KV_STORE_OK : kv_store_fail(db, code, error);
}

/* Some errors have ended the transaction already. */
static void roll_back(sqlite3 *db) {
  if (!sqlite3_get_autocommit(db)) run(db, "ROLLBACK", NULL);
}

static void set_all(kv_group *group, kv_store_status status, const kv_error *error) {
  for (kv_unit *unit = group->units.first; unit; unit = unit->next) {
    unit->status = status;
    kv_pack_clear(&unit->rows);
    if (error) unit->error = *error;
  }
}

static kv_store_status run_apart(kv_group *group, kv_unit *unit, kv_error *error) {
  kv_store_status status = run(group->db, "SAVEPOINT unit", error);
  if (status != KV_STORE_OK) return status;
  status = run_unit(group, unit, &unit->rows, &unit->error);
  if (kv_store_is_fatal(status)) {
    *error = unit->error;
    return status;
  }
  unit->status = status;
  if (status != KV_STORE_OK) {
    kv_pack_clear(&unit->rows);
    status = run(group->db, "ROLLBACK TO unit", error);
  }
  return status == KV_STORE_OK ? run(group->db, "RELEASE unit", error) : status;
}

/* Begins, and looks whether the guard holds, which nobody can change before the end. */
static kv_store_status begin(kv_group *group, kv_error *error) {
  kv_store_status status = run(group->db, "BEGIN IMMEDIATE", error);
  if (status == KV_STORE_OK && group->guard) status = run_unit(group, group->guard, NULL, error);
  return status;
}

static kv_store_status run_all(kv_group *group, bool apart, kv_error *error) {
  kv_store_status status = begin(group, error);
  for (kv_unit *unit = group->units.first; unit && status == KV_STORE_OK; unit = unit->next)
    status = apart ? run_apart(group, unit, error) : run_unit(group, unit, &unit->rows, error);
  if (status == KV_STORE_OK) status = run(group->db, "COMMIT", error);
  if (status != KV_STORE_OK) roll_back(group->db);
  return status;
}

/* Units seldom fail on their own. So at first they are done without savepoints, which cost more
 * than many a unit; only if one fails is all of it done again with them. */
kv_store_status kv_group_write(kv_group *group, kv_error *error) {
  set_all(group, KV_STORE_OK, NULL);
  kv_store_status status = run_all(group, false, error);
  if (status != KV_STORE_OK && !kv_store_is_fatal(status) && group->units.count > 1) {
    set_all(group, KV_STORE_OK, NULL);
    status = run_all(group, true, error);
  }
  if (status != KV_STORE_OK) set_all(group, status, error);
  return kv_store_is_fatal(status) ? status : KV_STORE_OK;
}
