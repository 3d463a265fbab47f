/*
 * Files and directories that nobody but their owner can read, and that appear whole or not at all.
 */
#ifndef KV_BASE_PRIVATE_FILE_H
#define KV_BASE_PRIVATE_FILE_H

#include <stddef.h>

#include "base/error.h"

/* Makes `path` and what is missing above it, mode 0700. What is there already stays as it is, and
 * must be a directory. Returns 0, or -1 and *error (`io`). */
int kv_private_directory(const char *path, kv_error *error);

/* Writes a file, mode 0600, under a name of its own beside `path`, to disk, and then renames it: a
 * reader sees the old file, if any, or all of the new one. Returns 0, or -1 and *error (`io`). */
int kv_private_file_write(const char *path, const void *bytes, size_t size, kv_error *error);

#endif
