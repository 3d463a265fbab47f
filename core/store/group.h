/*
 * A group: units that become durable together, in one transaction.
 */
#ifndef KV_STORE_GROUP_H
#define KV_STORE_GROUP_H

#include "store/unit.h"

enum { KV_STATEMENTS_MAX = 256 };

typedef struct kv_statement {
  char *sql;
  bool one;           /* must change exactly one row, or give exactly one if it gives rows */
  sqlite3_stmt *stmt; /* of the thread that writes; NULL until first used */
} kv_statement;

typedef struct kv_group {
  sqlite3 *db;
  kv_statement *statements; /* KV_STATEMENTS_MAX of them, which are there or NULL SQL */
  const kv_unit *guard;     /* NULL, or what must hold for anything to be written */
  kv_units units;
} kv_group;

/* Does the units and commits them. Each gets its status, and its rows if that is KV_STORE_OK. A
 * unit that fails on its own (KV_STORE_FENCED, KV_STORE_SQL) leaves no trace and the others as they
 * are. Any other failure is that of all units, and is returned with *error. */
kv_store_status kv_group_write(kv_group *group, kv_error *error);

#endif
