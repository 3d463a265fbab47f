/* Whatever a worker is sent, it answers with a value; and a value that passes the check can be gone
 * through from end to end, is found again by its names, and is itself when it is written anew. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rules/blob.h"
#include "rules/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
  if (!holds) abort();
}

/* Writes the node anew, member by member. */
static void copy(const uint8_t *node, kv_blob *out) {
  const uint8_t *key;
  size_t size;
  if (*node != 'a' && *node != 'o') {
    kv_blob_put_node(out, node);
    return;
  }
  kv_blob_open in = kv_blob_begin(out, (char)*node);
  /* backwards, so that it has to be sorted */
  for (uint32_t i = kv_blob_count(node); *node == 'o' && i > 0; i--) {
    const uint8_t *value = kv_blob_entry(node, i - 1, &key, &size);
    check(kv_blob_find(node, key, size) == value);
    kv_blob_key(out, &in, key, size);
    copy(value, out);
  }
  for (uint32_t i = 0; *node == 'a' && i < kv_blob_count(node); i++) {
    kv_blob_next(out, &in);
    copy(kv_blob_item(node, i), out);
  }
  check(kv_blob_end(out, &in));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  kv_error error;
  kv_session session = {0};
  kv_blob reply = {0}, again = {0};
  if (kv_blob_check(data, size, &error) == 0) {
    check(kv_blob_size(data) == size);
    copy(data, &again);
    check(again.size == size && memcmp(again.bytes, data, size) == 0);
  }
  kv_session_handle(&session, data, size, &reply);
  check(!reply.failed && kv_blob_check(reply.bytes, reply.size, &error) == 0);
  kv_session_close(&session);
  kv_blob_free(&reply);
  kv_blob_free(&again);
  return 0;
}
