/*
 * The file of a history: only its owner's, locked while it is in use, and the one that is at its
 * path now, whoever has written it anew meanwhile.
 */
#ifndef KV_PROMPT_HISTORY_FILE_H
#define KV_PROMPT_HISTORY_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "prompt/text.h"

typedef struct kv_history_file {
  int fd;   /* -1: none */
  bool cut; /* it is longer than what is read of it, its end */
} kv_history_file;

/* Opens the file, or makes it, and with `folder` what it is to be in. Returns 0, or -1 and *error.
 */
int kv_history_file_open(kv_history_file *file, const char *path, bool folder, kv_error *error);

int kv_history_file_read(kv_history_file *file, kv_bytes *all, kv_error *error);

void kv_history_file_append(const kv_history_file *file, const char *line, size_t size);

void kv_history_file_close(kv_history_file *file);

#endif
