/*
 * SHA-256 and SHA-384 (FIPS 180-4) by libcrypto, fetched once and used again: looking an algorithm
 * up costs more than hashing a short message.
 */
#ifndef KV_SNP_HASH_H
#define KV_SNP_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { KV_SHA256_SIZE = 32, KV_SHA384_SIZE = 48 };

typedef struct kv_hash kv_hash;

typedef enum kv_hash_kind { KV_HASH_SHA256, KV_HASH_SHA384 } kv_hash_kind;

/* Returns NULL and *error if libcrypto has no such algorithm or memory is short. */
kv_hash *kv_hash_open(kv_hash_kind kind, kv_error *error);

void kv_hash_free(kv_hash *hash);

/* The bytes of a message, part by part. These return 0, or -1 and *error. */
int kv_hash_update(kv_hash *hash, const void *bytes, size_t size, kv_error *error);

/* Writes the digest (KV_SHA256_SIZE or KV_SHA384_SIZE bytes) and is ready for another message. */
int kv_hash_finish(kv_hash *hash, uint8_t *digest, kv_error *error);

/* A whole message. */
int kv_hash_once(kv_hash *hash, const void *bytes, size_t size, uint8_t *digest, kv_error *error);

#endif
