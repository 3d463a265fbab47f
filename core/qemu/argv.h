/*
 * Building an argument vector: words one after another in a growing buffer.
 *
 * Failures of allocation are remembered, so that only kv_words_finish has to be checked.
 */
#ifndef KV_QEMU_ARGV_H
#define KV_QEMU_ARGV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* An argument vector in one allocation. `items` ends with a NULL, which `count` does not count. */
typedef struct kv_argv {
  char **items;
  size_t count;
} kv_argv;

void kv_argv_free(kv_argv *argv);

typedef struct kv_words {
  char *text;
  size_t used, room, count;
  bool failed;
} kv_words;

/* A whole word, as it is. */
void kv_words_add(kv_words *words, const char *word);

/* A word in pieces: any number of kv_words_text, _value, _number and _hex, then _end. */
void kv_words_text(kv_words *words, const char *text);

/* The value of an option in QEMU's "key=value,key=value" syntax, where a comma in a value is
 * written twice: whatever a path contains, it stays one value. */
void kv_words_value(kv_words *words, const char *value);
void kv_words_number(kv_words *words, unsigned long long number);
/* "0x" and lower-case digits. */
void kv_words_hex(kv_words *words, unsigned long long number);
void kv_words_end(kv_words *words);

/* Moves the words into *argv (the caller frees it) and resets *words. Returns 0 or -1. */
int kv_words_finish(kv_words *words, kv_argv *argv, kv_error *error);

#endif
