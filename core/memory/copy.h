/*
 * Copies of sparse files, such as a guest's memory.
 */
#ifndef KV_MEMORY_COPY_H
#define KV_MEMORY_COPY_H

#include "memory/pages.h"

/* Makes `to`, a regular file open for writing, as long as `from` and the same bytes, with holes
 * where `from` has pages (KV_MEMORY_PAGE) of zeros; what was in it before is gone. Neither is
 * written to disk for sure: no fsync. *copied: the bytes that were written. Moves the position of
 * `from`; *stop as in kv_pages_walk. Returns 0, or -1 and *error: as kv_pages_walk fails,
 * `invalid_argument` too for a `to` that is `from` or only appends, `io` too for what cannot be
 * written. `to` is then empty, unless it was found unfit before it was touched. */
int kv_sparse_copy(int from, int to, const atomic_bool *stop, uint64_t *copied, kv_error *error);

#endif
