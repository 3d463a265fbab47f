/*
 * What has been entered, the last at the end, each once. With a file, what other prompts have
 * entered before, too.
 *
 * The file has an entry in each line, with \n for a newline and \\ for a backslash, and is its
 * owner's alone. Prompts append to it, and the one that finds it too long as it begins writes it
 * anew.
 */
#ifndef KV_PROMPT_HISTORY_H
#define KV_PROMPT_HISTORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum {
  KV_HISTORY_MOST = 10000,            /* entries */
  KV_HISTORY_BYTES_MOST = 4 << 20,    /* of all */
  KV_HISTORY_ENTRY_MOST = 256 * 1024, /* bytes of one: what is longer is not kept */
};

typedef struct kv_entry {
  char *text; /* UTF-8 */
  size_t size;
} kv_entry;

typedef struct kv_history {
  char *path; /* NULL: nothing is written */
  kv_entry *entries;
  size_t count, room, bytes;
} kv_history;

/* Reads the file at `path` (NULL: none). Returns 0, or -1 and *warning, why it is not read, or not
 * all of it, or why nothing will be kept; the history is good for use anyhow. */
int kv_history_open(kv_history *history, const char *path, kv_error *warning);

/* At the end; none that is empty, or begins with a blank, or is too long. One that has control
 * characters is not written. */
void kv_history_add(kv_history *history, const char *text, size_t size);

void kv_history_free(kv_history *history);

#endif
