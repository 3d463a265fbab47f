/*
 * ECDSA over P-384 with one key after many signatures: libcrypto's own verification for a key that
 * is new, and its multiplication with tables of a point's multiples (EC_GROUP_precompute_mult) for
 * one that comes back, at less than half of the time. Nothing in a verification is secret.
 */
#ifndef KV_SNP_P384_H
#define KV_SNP_P384_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  KV_P384_SIZE = 48,          /* of a coordinate, a scalar and SHA-384 */
  KV_P384_PREPARE_AFTER = 3,  /* verifications, before tables are made: they cost as much as 3 */
  KV_P384_PREPARED_MAX = 256, /* keys that have tables at one time: about 160 kB each */
};

typedef struct kv_p384 kv_p384;         /* the curve, for all keys and threads */
typedef struct kv_p384_key kv_p384_key; /* a public key, for all threads */

/* All bytes are big-endian: a point is 97 of them, everything else KV_P384_SIZE. */

/* NULL: out of memory. It must outlive its keys. */
kv_p384 *kv_p384_new(void);
void kv_p384_free(kv_p384 *curve);

/* `point`: 04, x, y. NULL: it is not on the curve, or out of memory. */
kv_p384_key *kv_p384_key_new(kv_p384 *curve, const uint8_t *point);
void kv_p384_key_free(kv_p384_key *key);

/* Whether a scalar is from 1 to n-1, n being the order of the group (SEC 1, 4.1.4). */
bool kv_p384_in_range(const kv_p384 *curve, const uint8_t *scalar);

/* Whether (r, s) is the key's signature of `digest`. 1, 0, or -1: out of memory. */
int kv_p384_verify(kv_p384_key *key, const uint8_t *digest, const uint8_t *r, const uint8_t *s);

/* The two ways that kv_p384_verify chooses from, for comparing them. The second makes the tables if
 * there are none. */
int kv_p384_verify_plain(kv_p384_key *key, const uint8_t *digest, const uint8_t *r,
                         const uint8_t *s);
int kv_p384_verify_prepared(kv_p384_key *key, const uint8_t *digest, const uint8_t *r,
                            const uint8_t *s);

#endif
