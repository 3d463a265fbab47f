#include "rules/blob.h"

#include <string.h>

#include "base/little.h"

/* ---- reading ---- */

enum { HEAD = 9, LENGTH = 4 };

/* What an array or object is made of. */
static uint32_t offset_at(const uint8_t *node, uint32_t i) {
  const uint8_t *table = node + kv_le32(node + 1) - (size_t)4 * kv_le32(node + 5);
  return kv_le32(table + (size_t)4 * i);
}

uint32_t kv_blob_count(const uint8_t *node) { return kv_le32(node + 5); }

const uint8_t *kv_blob_bytes(const uint8_t *node, size_t *size) {
  *size = kv_le32(node + 1);
  return node + 1 + LENGTH;
}

int64_t kv_blob_integer(const uint8_t *node) { return (int64_t)kv_le64(node + 1); }

double kv_blob_float(const uint8_t *node) {
  uint64_t bits = kv_le64(node + 1);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

const uint8_t *kv_blob_item(const uint8_t *array, uint32_t i) {
  return array + offset_at(array, i);
}

const uint8_t *kv_blob_entry(const uint8_t *object, uint32_t i, const uint8_t **key, size_t *size) {
  const uint8_t *entry = object + offset_at(object, i);
  *size = kv_le32(entry);
  *key = entry + LENGTH;
  return *key + *size;
}

/* Keys in the order that objects have them. */
static int compare(const void *a, size_t a_size, const void *b, size_t b_size) {
  size_t both = a_size < b_size ? a_size : b_size;
  int order = both ? memcmp(a, b, both) : 0;
  return order ? order : (a_size > b_size) - (a_size < b_size);
}

const uint8_t *kv_blob_find(const uint8_t *object, const void *key, size_t size) {
  uint32_t from = 0, to = kv_blob_count(object);
  while (from < to) {
    uint32_t middle = from + (to - from) / 2;
    const uint8_t *found;
    size_t found_size;
    const uint8_t *node = kv_blob_entry(object, middle, &found, &found_size);
    int order = compare(key, size, found, found_size);
    if (order == 0) return node;
    if (order < 0)
      to = middle;
    else
      from = middle + 1;
  }
  return NULL;
}

size_t kv_blob_size(const uint8_t *node) {
  switch (*node) {
  case 'i':
  case 'd':
    return 9;
  case 's':
  case 'x':
    return 1 + LENGTH + (size_t)kv_le32(node + 1);
  case 'a':
  case 'o':
    return kv_le32(node + 1);
  default:
    return 1;
  }
}

/* ---- checking ---- */

/* A node that was found to be as long as `size` bytes allow; 0 if it is not. */
static size_t check_node(const uint8_t *node, size_t size, int depth);

/* The bytes of an entry's key and the node behind it; 0 if it is none, or not above the last. */
static size_t check_entry(const uint8_t *entry, size_t size, const uint8_t *last, int depth) {
  if (size < LENGTH) return 0;
  size_t key = kv_le32(entry);
  if (key > size - LENGTH) return 0;
  if (last && compare(last + LENGTH, kv_le32(last), entry + LENGTH, key) >= 0) return 0;
  size_t node = check_node(entry + LENGTH + key, size - LENGTH - key, depth);
  return node ? LENGTH + key + node : 0;
}

/* Members lie one behind the other, in the order of their offsets. */
static size_t check_members(const uint8_t *node, size_t size, int depth) {
  if (size < HEAD || depth == 0) return 0;
  size_t whole = kv_le32(node + 1), count = kv_le32(node + 5);
  if (whole < HEAD || whole > size || count > (whole - HEAD) / 4) return 0;
  size_t at = HEAD, end = whole - 4 * count;
  const uint8_t *last = NULL;
  for (uint32_t i = 0; i < count; i++) {
    if (offset_at(node, i) != at) return 0;
    size_t used = *node == 'a' ? check_node(node + at, end - at, depth - 1)
                               : check_entry(node + at, end - at, last, depth - 1);
    if (used == 0) return 0;
    last = node + at;
    at += used;
  }
  return at == end ? whole : 0;
}

static size_t check_node(const uint8_t *node, size_t size, int depth) {
  if (size == 0) return 0;
  switch (*node) {
  case 'n':
  case 't':
  case 'f':
    return 1;
  case 'i':
  case 'd':
    return size >= 9 ? 9 : 0;
  case 's':
  case 'x':
    if (size < 1 + LENGTH || kv_le32(node + 1) > size - 1 - LENGTH) return 0;
    return 1 + LENGTH + (size_t)kv_le32(node + 1);
  case 'a':
  case 'o':
    return check_members(node, size, depth);
  default:
    return 0;
  }
}

int kv_blob_check(const uint8_t *bytes, size_t size, kv_error *error) {
  if (size <= KV_BLOB_SIZE_MAX && check_node(bytes, size, KV_BLOB_DEPTH_MAX) == size && size > 0)
    return 0;
  return kv_fail(error, "invalid_argument", "a message of %zu bytes is no value", size);
}
