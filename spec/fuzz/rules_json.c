/* A document that is read is a value that passes the check; one that is not says why. */
#include <stdint.h>
#include <stdlib.h>

#include "rules/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  kv_blob b = {0};
  kv_error error;
  error.message[0] = '\0';
  if (kv_json_read((const char *)data, size, &b, &error) == 0) {
    if (kv_blob_check(b.bytes, b.size, &error) < 0) abort();
  } else if (error.message[0] == '\0') {
    abort();
  }
  kv_blob_free(&b);
  return 0;
}
