/* Whatever bytes a terminal sends: keys that are characters or have names, and pasted text that is
 * UTF-8 without control characters. They are the same in whatever pieces the bytes come. */
#include "prompt/keys.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
  if (!holds) abort();
}

static uint64_t mix(uint64_t sum, uint64_t value) { return (sum ^ value) * 0x100000001b3; }

static uint64_t use_pasted(const kv_bytes *pasted) {
  uint64_t sum = pasted->size;
  for (size_t at = 0; at < pasted->size;) {
    wchar_t c;
    size_t taken = kv_utf8_get(kv_bytes_begin(pasted) + at, pasted->size - at, &c);
    check(c != KV_REPLACEMENT || taken == 3);
    check(c == '\n' || c == '\t' || (c >= ' ' && c < 127) || c >= 0xa0);
    at += taken;
    sum = mix(sum, (uint64_t)c);
  }
  return sum;
}

static uint64_t use(const kv_keys *keys, const kv_key *key) {
  check(key->code <= KV_KEY_PASTE && (key->code < 0xd800 || key->code > 0xdfff));
  check(key->modifiers < 8);
  uint64_t sum = mix(key->code, key->modifiers);
  return key->code == KV_KEY_PASTE ? mix(sum, use_pasted(&keys->pasted)) : sum;
}

/* In pieces of this many bytes, each in memory of its own, so that reading beyond it is seen. */
static uint64_t take(const uint8_t *data, size_t size, size_t piece) {
  kv_keys keys = {0};
  kv_key key;
  uint64_t sum = 1;
  while (size > 0) {
    size_t count = size < piece ? size : piece, at = 0;
    char *bytes = malloc(count);
    if (bytes == NULL) break;
    memcpy(bytes, data, count);
    while (at < count) {
      size_t taken = kv_keys_take(&keys, bytes + at, count - at, 0, &key);
      check(taken > 0 && taken <= count - at);
      check(key.code != KV_KEY_NONE || at + taken == count);
      if (key.code != KV_KEY_NONE) sum = mix(sum, use(&keys, &key));
      at += taken;
    }
    free(bytes);
    data += count;
    size -= count;
  }
  bool waits = kv_keys_deadline(&keys) >= 0;
  kv_keys_expire(&keys, &key);
  if (key.code != KV_KEY_NONE) sum = mix(sum, use(&keys, &key));
  check(waits || key.code == KV_KEY_NONE);
  check(kv_keys_deadline(&keys) < 0 && !kv_keys_pasting(&keys));
  kv_keys_free(&keys);
  return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint64_t whole = take(data, size, size + 1);
  check(take(data, size, 1) == whole);
  check(take(data, size, 7) == whole);
  return 0;
}
