/*
 * Values of SQL in one run of bytes: a unit's statements with their parameters on the way to the
 * thread that writes, and rows on the way back.
 */
#ifndef KV_STORE_PACK_H
#define KV_STORE_PACK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kv_pack {
  unsigned char *bytes;
  size_t size, room;
} kv_pack;

typedef enum kv_value_type {
  KV_VALUE_NULL,
  KV_VALUE_INTEGER,
  KV_VALUE_FLOAT,
  KV_VALUE_BYTES, /* text or a blob */
  KV_VALUE_HEAD   /* no value: `integer` says of what, `size` how many values follow */
} kv_value_type;

typedef struct kv_value {
  kv_value_type type;
  int64_t integer;
  double number;
  const void *bytes; /* in the pack, if it came from there */
  size_t size;
} kv_value;

/* Appends a copy. Returns 0, or -1 if there is no memory. */
int kv_pack_add(kv_pack *pack, const kv_value *value);

/* Reads what is at *at, and moves *at behind it. False at the end. */
bool kv_pack_next(const kv_pack *pack, size_t *at, kv_value *value);

/* Empties it, and keeps its memory. */
void kv_pack_clear(kv_pack *pack);
void kv_pack_free(kv_pack *pack);

/* Binds a value, which must live until the statement is reset; returns SQLite's code. Bytes are
 * text if they are UTF-8 without NUL, else a blob: so the same bytes are always equal, and what can
 * be read is read by whoever looks into the file with SQLite's own shell. */
int kv_value_bind(sqlite3_stmt *statement, int index, const kv_value *value);

/* The value of a column, valid until the statement's next step. SQLITE_NOMEM if there is no memory
 * for it, else SQLITE_OK. */
int kv_value_column(sqlite3_stmt *statement, int column, kv_value *value);

#endif
