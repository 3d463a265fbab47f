/*
 * RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes, RSA-4096 (RFC 8017, 8.1): what
 * all of AMD's certificates and revocation lists are signed with.
 */
#ifndef KV_SNP_RSA_PSS_H
#define KV_SNP_RSA_PSS_H

#include <openssl/evp.h>

#include "snp/der.h"

/* What libcrypto looks up by name, once. */
typedef struct kv_digests {
  EVP_MD *sha256, *sha384;
} kv_digests;

/* False: libcrypto has them not. Free in either case. */
bool kv_digests_fetch(kv_digests *digests);
void kv_digests_free(kv_digests *digests);

/* The digest of `bytes`, 32 or 48 bytes. False: out of memory. */
bool kv_digest(const EVP_MD *md, kv_slice bytes, uint8_t *digest);

/* The key with this modulus (512 bytes, big-endian) and exponent 65537. NULL: out of memory. */
EVP_PKEY *kv_rsa_key(kv_slice modulus);

/* Whether `signature` is the key's, of `bytes`. Several threads may use one key. */
bool kv_rsa_pss_verify(const kv_digests *digests, EVP_PKEY *key, kv_slice bytes,
                       kv_slice signature);

#endif
