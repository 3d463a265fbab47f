/*
 * Where QEMU is.
 */
#ifndef KV_QEMU_FIND_H
#define KV_QEMU_FIND_H

#include "base/error.h"

/* Finds an executable regular file. `wanted` (may be NULL) is what the user asked for: with a slash
 * it is the file, without one a name to search for instead of qemu-system-x86_64. The search goes
 * through `search_path` (a PATH; may be NULL), then /usr/local/bin and /usr/bin. Relative entries
 * of the path are skipped: what runs must not depend on the working directory.
 * Returns a path that the caller frees, or NULL and *error (`backend_unavailable`). */
char *kv_qemu_find(const char *wanted, const char *search_path, kv_error *error);

#endif
