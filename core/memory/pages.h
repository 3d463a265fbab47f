/*
 * The pages of a sparse file, such as a guest's memory: those that say more than a hole does.
 */
#ifndef KV_MEMORY_PAGES_H
#define KV_MEMORY_PAGES_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { KV_MEMORY_PAGE = 4096 }; /* bytes; the smallest page of x86-64 */

/* Takes a run of pages, none of them all zero: `size` bytes, whole pages, that lie at byte `offset`
 * of the file. Returns 0, or -1 and *error, which ends the walk. */
typedef int kv_pages_use(void *arg, const uint8_t *pages, size_t size, uint64_t offset,
                         kv_error *error);

/* Reads a regular file from its beginning to its end, but for its holes, and gives `use` each page
 * that is not all zero, once, in order. Pages are counted from the beginning; the last one of a
 * file that ends within a page is filled up with zeros. *size: the file's, in bytes, before
 * `use` is called. Moves the descriptor's position. *stop, which another thread may set, is looked
 * at between a MiB and the next. Returns 0, or -1 and *error: `invalid_argument` for what is no
 * regular file, `io`, also for a file whose size changes meanwhile, `cancelled` after *stop, or
 * what `use` failed with. */
int kv_pages_walk(int fd, const atomic_bool *stop, kv_pages_use *use, void *arg, uint64_t *size,
                  kv_error *error);

#endif
