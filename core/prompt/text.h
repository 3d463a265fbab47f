/*
 * Bytes that grow, and text: UTF-8 outside, wide characters (UCS-4) where lines are edited.
 */
#ifndef KV_PROMPT_TEXT_H
#define KV_PROMPT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

/* What is in it lies at `at` + `from`, `size` bytes. All zeros: empty. */
typedef struct kv_bytes {
  char *at;
  size_t from, size, room;
} kv_bytes;

/* False if memory is short: then nothing has been added. */
bool kv_bytes_add(kv_bytes *bytes, const void *from, size_t size);

/* Room for `size` more bytes behind what is there, or NULL. */
char *kv_bytes_reserve(kv_bytes *bytes, size_t size);

/* Takes bytes away from the front. */
void kv_bytes_drop(kv_bytes *bytes, size_t count);

void kv_bytes_free(kv_bytes *bytes);

static inline const char *kv_bytes_begin(const kv_bytes *bytes) {
  return bytes->at ? bytes->at + bytes->from : "";
}

enum { KV_UTF8_MOST = 4, KV_REPLACEMENT = 0xfffd };

/* How many bytes a character takes that begins with this one; 0: none begins so. */
size_t kv_utf8_length(unsigned char first);

/* The first character of `size` > 0 bytes, and how many bytes it takes. Of what is no UTF-8, one
 * byte is taken as U+FFFD. */
size_t kv_utf8_get(const char *text, size_t size, wchar_t *character);

/* Writes up to KV_UTF8_MOST bytes; returns how many. */
size_t kv_utf8_put(wchar_t character, char *to);

bool kv_bytes_add_wide(kv_bytes *bytes, const wchar_t *text, size_t count);

/* How many bytes this text takes. */
size_t kv_wide_bytes(const wchar_t *text, size_t count);

/* UTF-8 as wide characters, for free(), and how many; NULL if memory is short. */
wchar_t *kv_wide(const char *text, size_t size, size_t *count);

#endif
