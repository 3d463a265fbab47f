/*
 * Opening SQLite files, and what went wrong with them.
 */
#ifndef KV_STORE_DATABASE_H
#define KV_STORE_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/error.h"

typedef enum kv_store_status {
  KV_STORE_OK,
  /* These fail one unit: what it demands is not so; its SQL is wrong or breaks a constraint. */
  KV_STORE_FENCED,
  KV_STORE_SQL,
  /* These fail every unit of a group, and nothing can be written until it is tried again. */
  KV_STORE_FULL,     /* the disk, a quota, or the largest size of a file */
  KV_STORE_READONLY, /* the file, its folder or its file system */
  KV_STORE_CORRUPT,  /* damaged, or no SQLite file at all */
  KV_STORE_BUSY,     /* another process writes for longer than anybody waits */
  KV_STORE_IO
} kv_store_status;

/* "full", "readonly" …; "ok". */
const char *kv_store_status_name(kv_store_status status);

/* Whether it is of the second kind. */
bool kv_store_is_fatal(kv_store_status status);

/* What a code of SQLite's means; *error says it with the file's name. */
kv_store_status kv_store_fail(sqlite3 *db, int code, kv_error *error);

typedef struct kv_open_options {
  const char *path;
  const char *vfs; /* one of SQLite's; NULL: the usual one */
  bool create;     /* a file that is not there is made, mode 0600 */
} kv_open_options;

/* A connection that writes: WAL, and each commit is on the disk when it returns. It may be used by
 * one thread at a time. Another process that writes is waited for, for some seconds. */
kv_store_status kv_database_open(const kv_open_options *options, sqlite3 **db, kv_error *error);

/* A connection that only reads, and keeps nobody from writing. */
kv_store_status kv_database_open_readonly(const char *path, sqlite3 **db, kv_error *error);

#endif
