/*
 * Values as bytes: how evidence and data reach the policy VM, and how its answers come back. The VM
 * reads them where they lie; nothing in them can be written to, and nothing of them is code.
 *
 * A node begins with its tag:
 *   'n'                    nil
 *   't', 'f'               true, false
 *   'i', 'd'               8 bytes: an integer, a float (IEEE 754)
 *   's', 'x'               u32 length, the bytes; 'x' are bytes that a policy sees as hex digits
 *   'a'                    an array: u32 size, u32 count, the nodes, u32 offset of each
 *   'o'                    an object: the same, of entries: u32 length of the key, the key, a node;
 *                          the offsets are in the order of the keys, as memcmp has it
 * Numbers are little-endian; `size` is that of the whole node, offsets are from its tag.
 */
#ifndef KV_RULES_BLOB_H
#define KV_RULES_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { KV_BLOB_DEPTH_MAX = 32, KV_BLOB_SIZE_MAX = 256 << 20 };

/* ---- reading: of a node that was checked, or that a writer made ---- */

/* Checks that `bytes` are one node, whole, and nothing else. Returns 0, or -1 and *error. */
int kv_blob_check(const uint8_t *bytes, size_t size, kv_error *error);

/* The number of an array's or object's members. */
uint32_t kv_blob_count(const uint8_t *node);

/* Bytes of an 's' or 'x'. */
const uint8_t *kv_blob_bytes(const uint8_t *node, size_t *size);

int64_t kv_blob_integer(const uint8_t *node);
double kv_blob_float(const uint8_t *node);

/* The i-th (from 0) node of an array, or of an object's, whose key is put into *key then. */
const uint8_t *kv_blob_item(const uint8_t *array, uint32_t i);
const uint8_t *kv_blob_entry(const uint8_t *object, uint32_t i, const uint8_t **key, size_t *size);

/* The node of a key; NULL if the object has none of that name. */
const uint8_t *kv_blob_find(const uint8_t *object, const void *key, size_t size);

/* The size of a node, whatever it is. */
size_t kv_blob_size(const uint8_t *node);

/* ---- writing ---- */

/* Grows as it is written; zeroed to begin with. Whoever made it frees `bytes` and `offsets`. */
typedef struct kv_blob {
  uint8_t *bytes;
  size_t size, room;
  uint32_t *offsets; /* a stack: those of the arrays and objects that are open */
  size_t offset_count, offset_room;
  bool failed; /* no memory, or larger than KV_BLOB_SIZE_MAX: nothing more is written */
} kv_blob;

/* An array or object that is being written. */
typedef struct kv_blob_open {
  size_t at, first;
} kv_blob_open;

/* Makes room for so many bytes at once; no promise that more do not come. */
void kv_blob_expect(kv_blob *b, size_t more);

void kv_blob_put_tag(kv_blob *b, char tag);
void kv_blob_put_boolean(kv_blob *b, bool value);
void kv_blob_put_integer(kv_blob *b, int64_t value);
void kv_blob_put_float(kv_blob *b, double value);
void kv_blob_put_bytes(kv_blob *b, char tag, const void *bytes, size_t size);
void kv_blob_put_text(kv_blob *b, const char *text);
void kv_blob_put_node(kv_blob *b, const uint8_t *node);              /* a copy */
void kv_blob_put_raw(kv_blob *b, const uint8_t *bytes, size_t size); /* no node: a header */

/* Before each member, kv_blob_next or kv_blob_key. */
kv_blob_open kv_blob_begin(kv_blob *b, char tag);
void kv_blob_next(kv_blob *b, const kv_blob_open *in);
void kv_blob_key(kv_blob *b, const kv_blob_open *in, const void *key, size_t size);
void kv_blob_name(kv_blob *b, const kv_blob_open *in, const char *key);

/* Closes it; sorts an object's keys. False if a key is there twice. */
bool kv_blob_end(kv_blob *b, const kv_blob_open *in);

void kv_blob_free(kv_blob *b);

#endif
