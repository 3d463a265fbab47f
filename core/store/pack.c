#include "store/pack.h"

#include <stdlib.h>
#include <string.h>

static int reserve(kv_pack *pack, size_t more) {
  enum { FIRST_ROOM = 256 };
  if (more > SIZE_MAX / 2 - pack->size) return -1;
  size_t room = pack->room ? pack->room : FIRST_ROOM;
  while (room < pack->size + more) room *= 2;
  if (room == pack->room) return 0;
  unsigned char *larger = realloc(pack->bytes, room);
  if (!larger) return -1;
  pack->bytes = larger;
  pack->room = room;
  return 0;
}

static void put(kv_pack *pack, const void *bytes, size_t size) {
  if (size == 0) return;
  memcpy(pack->bytes + pack->size, bytes, size);
  pack->size += size;
}

static void get(const kv_pack *pack, size_t *at, void *to, size_t size) {
  memcpy(to, pack->bytes + *at, size);
  *at += size;
}

int kv_pack_add(kv_pack *pack, const kv_value *value) {
  size_t bytes = value->type == KV_VALUE_BYTES ? value->size : 0;
  size_t head = 1 + sizeof value->integer + sizeof value->size;
  if (bytes > SIZE_MAX / 4 || reserve(pack, head + bytes) < 0) return -1;
  unsigned char type = (unsigned char)value->type;
  put(pack, &type, 1);
  if (type == KV_VALUE_INTEGER || type == KV_VALUE_HEAD)
    put(pack, &value->integer, sizeof value->integer);
  if (type == KV_VALUE_FLOAT) put(pack, &value->number, sizeof value->number);
  if (type == KV_VALUE_BYTES || type == KV_VALUE_HEAD) put(pack, &value->size, sizeof value->size);
  put(pack, value->bytes, bytes);
  return 0;
}

bool kv_pack_next(const kv_pack *pack, size_t *at, kv_value *value) {
  if (*at >= pack->size) return false;
  unsigned char type;
  get(pack, at, &type, 1);
  *value = (kv_value){.type = (kv_value_type)type};
  if (type == KV_VALUE_INTEGER || type == KV_VALUE_HEAD)
    get(pack, at, &value->integer, sizeof value->integer);
  if (type == KV_VALUE_FLOAT) get(pack, at, &value->number, sizeof value->number);
  if (type == KV_VALUE_BYTES || type == KV_VALUE_HEAD)
    get(pack, at, &value->size, sizeof value->size);
  if (type == KV_VALUE_BYTES) {
    value->bytes = pack->bytes + *at;
    *at += value->size;
  }
  return true;
}

void kv_pack_clear(kv_pack *pack) { pack->size = 0; }

void kv_pack_free(kv_pack *pack) {
  free(pack->bytes);
  *pack = (kv_pack){0};
}

/* ---- what is text ---- */

/* The length of the character at p, of which `left` bytes are there; 0 if it is none (RFC 3629,
 * section 4). */
static size_t character(const unsigned char *p, size_t left) {
  unsigned char c = p[0], low = 0x80, high = 0xbf;
  size_t length = c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
  if (length == 0 || length > left) return 0;
  if (c == 0xe0) low = 0xa0;  /* else it were too long */
  if (c == 0xed) high = 0x9f; /* surrogates */
  if (c == 0xf0) low = 0x90;
  if (c == 0xf4) high = 0x8f; /* above U+10FFFF */
  if (p[1] < low || p[1] > high) return 0;
  for (size_t i = 2; i < length; i++)
    if ((p[i] & 0xc0) != 0x80) return 0;
  return length;
}

static bool is_text(const unsigned char *bytes, size_t size) {
  size_t at = 0;
  while (at < size) {
    if (bytes[at] == 0) return false;
    size_t length = bytes[at] < 0x80 ? 1 : character(bytes + at, size - at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

/* ---- SQLite's side ---- */

int kv_value_bind(sqlite3_stmt *statement, int index, const kv_value *value) {
  const void *bytes = value->size ? value->bytes : "";
  switch (value->type) {
  case KV_VALUE_INTEGER:
    return sqlite3_bind_int64(statement, index, value->integer);
  case KV_VALUE_FLOAT:
    return sqlite3_bind_double(statement, index, value->number);
  case KV_VALUE_BYTES:
    if (is_text(bytes, value->size))
      return sqlite3_bind_text64(statement, index, bytes, value->size, SQLITE_STATIC, SQLITE_UTF8);
    return sqlite3_bind_blob64(statement, index, bytes, value->size, SQLITE_STATIC);
  default:
    return sqlite3_bind_null(statement, index);
  }
}

int kv_value_column(sqlite3_stmt *statement, int column, kv_value *value) {
  *value = (kv_value){.type = KV_VALUE_NULL};
  switch (sqlite3_column_type(statement, column)) {
  case SQLITE_INTEGER:
    value->type = KV_VALUE_INTEGER;
    value->integer = sqlite3_column_int64(statement, column);
    return SQLITE_OK;
  case SQLITE_FLOAT:
    value->type = KV_VALUE_FLOAT;
    value->number = sqlite3_column_double(statement, column);
    return SQLITE_OK;
  case SQLITE_NULL:
    return SQLITE_OK;
  default:
    value->type = KV_VALUE_BYTES;
    value->bytes = sqlite3_column_blob(statement, column);
    value->size = (size_t)sqlite3_column_bytes(statement, column);
    return value->bytes || value->size == 0 ? SQLITE_OK : SQLITE_NOMEM;
  }
}
