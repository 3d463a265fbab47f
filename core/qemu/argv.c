#include "qemu/argv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 2048 };

static bool make_room(kv_words *words, size_t size) {
  if (words->failed) return false;
  if (size <= words->room - words->used) return true;
  size_t room = words->room ? words->room : FIRST_ROOM;
  while (room - words->used < size) room *= 2;
  char *text = realloc(words->text, room);
  if (!text) {
    words->failed = true;
    return false;
  }
  words->text = text;
  words->room = room;
  return true;
}

static void append(kv_words *words, const char *bytes, size_t size) {
  if (!make_room(words, size)) return;
  memcpy(words->text + words->used, bytes, size);
  words->used += size;
}

void kv_words_text(kv_words *words, const char *text) { append(words, text, strlen(text)); }

void kv_words_value(kv_words *words, const char *value) {
  for (const char *comma; (comma = strchr(value, ',')) != NULL; value = comma + 1) {
    append(words, value, (size_t)(comma - value) + 1);
    append(words, ",", 1);
  }
  kv_words_text(words, value);
}

void kv_words_number(kv_words *words, unsigned long long number) {
  char digits[24];
  snprintf(digits, sizeof digits, "%llu", number);
  kv_words_text(words, digits);
}

void kv_words_hex(kv_words *words, unsigned long long number) {
  char digits[24];
  snprintf(digits, sizeof digits, "0x%llx", number);
  kv_words_text(words, digits);
}

void kv_words_end(kv_words *words) {
  append(words, "", 1);
  words->count++;
}

void kv_words_add(kv_words *words, const char *word) {
  kv_words_text(words, word);
  kv_words_end(words);
}

int kv_words_finish(kv_words *words, kv_argv *argv, kv_error *error) {
  size_t pointers = (words->count + 1) * sizeof(char *);
  char **items = words->failed ? NULL : malloc(pointers + words->used);
  if (items) {
    char *text = (char *)items + pointers;
    if (words->used) memcpy(text, words->text, words->used);
    for (size_t i = 0; i < words->count; i++) {
      items[i] = text;
      text += strlen(text) + 1;
    }
    items[words->count] = NULL;
    *argv = (kv_argv){items, words->count};
  }
  free(words->text);
  *words = (kv_words){0};
  return items ? 0 : kv_fail(error, "creation_failed", "out of memory for QEMU's arguments");
}

void kv_argv_free(kv_argv *argv) {
  free((void *)argv->items);
  *argv = (kv_argv){0};
}
