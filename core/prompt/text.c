#include "prompt/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_ROOM = 256 };

static void move_to_front(kv_bytes *bytes) {
  if (bytes->at && bytes->from > 0) memmove(bytes->at, bytes->at + bytes->from, bytes->size);
  bytes->from = 0;
}

char *kv_bytes_reserve(kv_bytes *bytes, size_t size) {
  if (size > SIZE_MAX / 4 - bytes->size) return NULL;
  if (bytes->room - bytes->from - bytes->size >= size && bytes->at != NULL)
    return bytes->at + bytes->from + bytes->size;
  move_to_front(bytes);
  size_t room = bytes->room > LEAST_ROOM ? bytes->room : LEAST_ROOM;
  while (room - bytes->size < size) room *= 2;
  if (room != bytes->room) {
    char *at = realloc(bytes->at, room);
    if (at == NULL) return NULL;
    bytes->at = at;
    bytes->room = room;
  }
  return bytes->at + bytes->size;
}

bool kv_bytes_add(kv_bytes *bytes, const void *from, size_t size) {
  if (size == 0) return true;
  char *to = kv_bytes_reserve(bytes, size);
  if (to == NULL) return false;
  memcpy(to, from, size);
  bytes->size += size;
  return true;
}

void kv_bytes_drop(kv_bytes *bytes, size_t count) {
  bytes->from += count;
  bytes->size -= count;
  if (bytes->size == 0) bytes->from = 0;
}

void kv_bytes_free(kv_bytes *bytes) {
  free(bytes->at);
  *bytes = (kv_bytes){0};
}

size_t kv_utf8_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

size_t kv_utf8_get(const char *text, size_t size, wchar_t *character) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const unsigned char *at = (const unsigned char *)text;
  size_t length = kv_utf8_length(at[0]);
  *character = KV_REPLACEMENT;
  if (length == 0 || length > size) return 1;
  uint32_t value = length == 1 ? at[0] : at[0] & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) {
    if ((at[i] & 0xc0) != 0x80) return 1;
    value = value << 6 | (at[i] & 0x3fu);
  }
  if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return 1;
  *character = (wchar_t)value;
  return length;
}

size_t kv_utf8_put(wchar_t character, char *to) {
  uint32_t value = (uint32_t)character;
  if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) value = KV_REPLACEMENT;
  if (value < 0x80) {
    to[0] = (char)value;
    return 1;
  }
  size_t length = value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
  for (size_t i = length - 1; i > 0; i--, value >>= 6) to[i] = (char)(0x80 | (value & 0x3f));
  to[0] = (char)(value | (0xf00u >> length & 0xf0));
  return length;
}

bool kv_bytes_add_wide(kv_bytes *bytes, const wchar_t *text, size_t count) {
  char *to = kv_bytes_reserve(bytes, kv_wide_bytes(text, count));
  if (to == NULL) return false;
  for (size_t i = 0; i < count; i++) {
    size_t length = kv_utf8_put(text[i], to);
    to += length;
    bytes->size += length;
  }
  return true;
}

size_t kv_wide_bytes(const wchar_t *text, size_t count) {
  char one[KV_UTF8_MOST];
  size_t size = 0;
  for (size_t i = 0; i < count; i++) size += kv_utf8_put(text[i], one);
  return size;
}

wchar_t *kv_wide(const char *text, size_t size, size_t *count) {
  wchar_t *wide = malloc((size + 1) * sizeof *wide);
  if (wide == NULL) return NULL;
  *count = 0;
  for (size_t at = 0; at < size;) at += kv_utf8_get(text + at, size - at, &wide[(*count)++]);
  wide[*count] = 0;
  return wide;
}
