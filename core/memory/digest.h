/*
 * Digests that tell accidents, and files that are not the ones they were, from what is whole: XXH3
 * with 128 bits (xxHash 0.8, doc/xxhash_spec.md), in its canonical form, big-endian. Whoever can
 * choose the bytes can forge them: they are no cryptographic hashes.
 */
#ifndef KV_MEMORY_DIGEST_H
#define KV_MEMORY_DIGEST_H

#include <stdbool.h>

#include "memory/pages.h"

enum { KV_DIGEST_SIZE = 16 }; /* bytes */

/* The digest of bytes in memory. */
void kv_digest_bytes(const void *bytes, size_t size, uint8_t digest[KV_DIGEST_SIZE]);

/* The digest of a file's content, wherever its holes are: of, for each page of kv_pages_walk, its
 * number and then its bytes, and at the end the file's size in bytes; numbers as 64 bits,
 * little-endian. Moves the position of `fd`; *stop, result and errors are those of kv_pages_walk.
 */
int kv_sparse_digest(int fd, const atomic_bool *stop, uint8_t digest[KV_DIGEST_SIZE],
                     kv_error *error);

/* The digest of a file's bytes, from the first to the last: what kv_digest_bytes gives of them all.
 * `durable`: first has the disk take them. Of a regular file only; does not move the position of
 * `fd`. *size: how many they are. *stop, result and errors are those of kv_pages_walk. */
int kv_file_digest(int fd, bool durable, const atomic_bool *stop, uint64_t *size,
                   uint8_t digest[KV_DIGEST_SIZE], kv_error *error);

#endif
