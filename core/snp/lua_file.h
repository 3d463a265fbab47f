/*
 * Files, for what of this room faces Lua: the rest of it takes bytes. They are read here, not in
 * Lua, because a measurement reads them on other threads, in pieces that are hashed while the cache
 * has them: 60 MiB of initrd never become a string. Only lua_measure_job.c uses it.
 */
#ifndef KV_SNP_LUA_FILE_H
#define KV_SNP_LUA_FILE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "snp/hash.h"

/* All of it, in memory to be freed; empty files give a pointer, too. NULL and *error (`io`) if it
 * cannot be read or has more than `most` bytes. */
uint8_t *kv_file_read(const char *path, size_t most, size_t *size, kv_error *error);

/* The SHA-256 of it. When *stop becomes true it fails, with an empty message: somebody else knows
 * why. */
int kv_file_sha256(const char *path, atomic_bool *stop, uint8_t digest[KV_SHA256_SIZE],
                   kv_error *error);

#endif
