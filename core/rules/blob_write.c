#include <stdlib.h>
#include <string.h>

#include "base/little.h"
#include "rules/blob.h"
#include "rules/large.h"

enum { FIRST_ROOM = 4096, FIRST_OFFSETS = 256, HEAD = 9, LENGTH = 4 };

/* Room for `more` bytes; NULL if there is none. */
static uint8_t *extend(kv_blob *b, size_t more) {
  if (b->failed) return NULL;
  if (more > KV_BLOB_SIZE_MAX - b->size) {
    b->failed = true;
    return NULL;
  }
  if (!b->bytes || b->size + more > b->room) {
    size_t room = b->room ? b->room : FIRST_ROOM;
    while (room < b->size + more) room *= 2;
    uint8_t *bytes = kv_large_realloc(b->bytes, b->size, &room);
    if (!bytes) {
      b->failed = true;
      return NULL;
    }
    b->bytes = bytes;
    b->room = room;
  }
  uint8_t *at = b->bytes + b->size;
  b->size += more;
  return at;
}

void kv_blob_put_tag(kv_blob *b, char tag) {
  uint8_t *at = extend(b, 1);
  if (at) *at = (uint8_t)tag;
}

void kv_blob_put_boolean(kv_blob *b, bool value) { kv_blob_put_tag(b, value ? 't' : 'f'); }

static void put_eight(kv_blob *b, char tag, uint64_t bits) {
  uint8_t *at = extend(b, 9);
  if (!at) return;
  *at = (uint8_t)tag;
  kv_put_le(at + 1, bits, 8);
}

void kv_blob_put_integer(kv_blob *b, int64_t value) { put_eight(b, 'i', (uint64_t)value); }

void kv_blob_put_float(kv_blob *b, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_eight(b, 'd', bits);
}

void kv_blob_put_bytes(kv_blob *b, char tag, const void *bytes, size_t size) {
  if (size > KV_BLOB_SIZE_MAX) {
    b->failed = true;
    return;
  }
  uint8_t *at = extend(b, 1 + LENGTH + size);
  if (!at) return;
  *at = (uint8_t)tag;
  kv_put_le(at + 1, size, LENGTH);
  if (size) memcpy(at + 1 + LENGTH, bytes, size);
}

void kv_blob_put_text(kv_blob *b, const char *text) {
  kv_blob_put_bytes(b, 's', text, strlen(text));
}

void kv_blob_expect(kv_blob *b, size_t more) {
  if (more > KV_BLOB_SIZE_MAX) return;
  size_t size = b->size;
  if (extend(b, more)) b->size = size;
}

/* ---- arrays and objects ---- */

kv_blob_open kv_blob_begin(kv_blob *b, char tag) {
  kv_blob_open in = {b->size, b->offset_count};
  uint8_t *at = extend(b, HEAD);
  if (at) *at = (uint8_t)tag;
  return in;
}

void kv_blob_next(kv_blob *b, const kv_blob_open *in) {
  if (b->failed) return;
  if (b->offset_count == b->offset_room) {
    size_t room = b->offset_room ? 2 * b->offset_room : FIRST_OFFSETS;
    uint32_t *offsets = realloc(b->offsets, room * sizeof *offsets);
    if (!offsets) {
      b->failed = true;
      return;
    }
    b->offsets = offsets;
    b->offset_room = room;
  }
  b->offsets[b->offset_count++] = (uint32_t)(b->size - in->at);
}

void kv_blob_key(kv_blob *b, const kv_blob_open *in, const void *key, size_t size) {
  kv_blob_next(b, in);
  uint8_t *at = size <= KV_BLOB_SIZE_MAX ? extend(b, LENGTH + size) : NULL;
  if (!at) {
    b->failed = true;
    return;
  }
  kv_put_le(at, size, LENGTH);
  if (size) memcpy(at + LENGTH, key, size);
}

void kv_blob_name(kv_blob *b, const kv_blob_open *in, const char *key) {
  kv_blob_key(b, in, key, strlen(key));
}

static int compare_entries(const uint8_t *a, const uint8_t *b) {
  size_t a_size = kv_le32(a), b_size = kv_le32(b);
  size_t both = a_size < b_size ? a_size : b_size;
  int order = both ? memcmp(a + LENGTH, b + LENGTH, both) : 0;
  return order ? order : (a_size > b_size) - (a_size < b_size);
}

/* Merges offsets[0..half) and offsets[half..count) by way of `spare`. */
static void merge(const uint8_t *node, uint32_t *offsets, size_t half, size_t count,
                  uint32_t *spare) {
  memcpy(spare, offsets, half * sizeof *spare);
  size_t left = 0, right = half, to = 0;
  while (left < half && right < count) {
    bool take_right = compare_entries(node + offsets[right], node + spare[left]) < 0;
    offsets[to++] = take_right ? offsets[right++] : spare[left++];
  }
  while (left < half) offsets[to++] = spare[left++];
}

/* Equal keys stay in their order; `spare` has room for half of them. */
static void sort(const uint8_t *node, uint32_t *offsets, size_t count, uint32_t *spare) {
  if (count < 2) return;
  sort(node, offsets, count / 2, spare);
  sort(node, offsets + count / 2, count - count / 2, spare);
  merge(node, offsets, count / 2, count, spare);
}

static size_t entry_size(const uint8_t *entry) {
  size_t key = kv_le32(entry);
  return LENGTH + key + kv_blob_size(entry + LENGTH + key);
}

/* Moves the entries to where their offsets have them in order. */
static void arrange(kv_blob *b, const kv_blob_open *in, uint32_t *offsets, size_t count) {
  size_t size = b->size - in->at - HEAD, room = size, to = 0;
  uint8_t *node = b->bytes + in->at, *sorted = kv_large_realloc(NULL, 0, &room);
  if (!sorted) {
    b->failed = true;
    return;
  }
  for (size_t i = 0; i < count; i++) {
    const uint8_t *entry = node + offsets[i];
    size_t used = entry_size(entry);
    memcpy(sorted + to, entry, used);
    offsets[i] = (uint32_t)(HEAD + to);
    to += used;
  }
  memcpy(node + HEAD, sorted, to);
  free(sorted);
}

static bool is_sorted(const uint8_t *node, const uint32_t *offsets, size_t count) {
  for (size_t i = 1; i < count; i++)
    if (compare_entries(node + offsets[i - 1], node + offsets[i]) >= 0) return false;
  return true;
}

/* Sorts the entries of the object that begins at `in`. False if a key is there twice. */
static bool order_keys(kv_blob *b, const kv_blob_open *in) {
  const uint8_t *node = b->bytes + in->at;
  size_t count = b->offset_count - in->first;
  if (count < 2) return true;
  uint32_t *offsets = b->offsets + in->first;
  if (is_sorted(node, offsets, count)) return true;
  uint32_t *spare = malloc(count * sizeof *spare);
  if (!spare) {
    b->failed = true;
    return true;
  }
  sort(node, offsets, count, spare);
  free(spare);
  if (!is_sorted(node, offsets, count)) return false;
  arrange(b, in, offsets, count);
  return true;
}

bool kv_blob_end(kv_blob *b, const kv_blob_open *in) {
  if (b->failed) return true;
  bool unique = b->bytes[in->at] != 'o' || order_keys(b, in);
  size_t count = b->offset_count - in->first;
  uint8_t *table = extend(b, 4 * count);
  if (!table) return unique;
  for (size_t i = 0; i < count; i++) kv_put_le(table + 4 * i, b->offsets[in->first + i], 4);
  kv_put_le(b->bytes + in->at + 1, b->size - in->at, 4);
  kv_put_le(b->bytes + in->at + 5, count, 4);
  b->offset_count = in->first;
  return unique;
}

void kv_blob_put_raw(kv_blob *b, const uint8_t *bytes, size_t size) {
  uint8_t *at = extend(b, size);
  if (at) memcpy(at, bytes, size);
}

void kv_blob_put_node(kv_blob *b, const uint8_t *node) {
  kv_blob_put_raw(b, node, kv_blob_size(node));
}

void kv_blob_free(kv_blob *b) {
  free(b->bytes);
  free(b->offsets);
  *b = (kv_blob){0};
}
