/*
 * A certificate with its key, shared by threads, and a bounded keyring of those whose signatures
 * were verified. What a credential says is true at any time: nothing in it depends on a clock.
 */
#ifndef KV_SNP_CREDENTIAL_H
#define KV_SNP_CREDENTIAL_H

#include <stdatomic.h>

#include "snp/certificate.h"
#include "snp/p384.h"
#include "snp/rsa_pss.h"

enum { KV_SHA256_SIZE = 32 };

/* Does not change once it is in a keyring. */
typedef struct kv_credential {
  atomic_uint references;
  uint8_t id[KV_SHA256_SIZE]; /* SHA-256 of the certificate */
  kv_certificate certificate;
  uint8_t key_id[KV_SHA256_SIZE]; /* SHA-256 of its SubjectPublicKeyInfo */
  EVP_PKEY *rsa;                  /* KV_KEY_RSA_4096; else NULL */
  kv_p384_key *p384;              /* KV_KEY_P384, if its point is on the curve; else NULL */
  bool verified;                  /* its signature is right, by the key with this key_id */
  uint8_t verified_by[KV_SHA256_SIZE];
  uint8_t der[];
} kv_credential;

/* Reads a certificate (copied) and its key. `id` is its SHA-256. NULL and *error: as from
 * kv_certificate_parse, or out of memory (`io`). */
kv_credential *kv_credential_new(kv_slice der, const uint8_t *id, const kv_digests *digests,
                                 kv_p384 *curve, kv_error *error);
kv_credential *kv_credential_hold(kv_credential *credential);
void kv_credential_release(kv_credential *credential); /* may be NULL */

typedef struct kv_keyring kv_keyring;

/* For at most 4 * `sets` credentials; `sets` is a power of two. NULL: out of memory. */
kv_keyring *kv_keyring_new(size_t sets);
void kv_keyring_free(kv_keyring *keyring);

/* The credential with this id, to be released; or NULL. */
kv_credential *kv_keyring_get(kv_keyring *keyring, const uint8_t *id);

/* Keeps it, if need be in place of an older one. */
void kv_keyring_put(kv_keyring *keyring, kv_credential *credential);

#endif
