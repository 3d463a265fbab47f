/*
 * Keys and signatures of P-384 as SEV firmware has them (AMD 56860, chapter 10). A public key:
 * curve number, x, y, then zeros; a signature: r, s, then zeros, over SHA-384. Each number is
 * little-endian in 72 bytes.
 */
#ifndef KV_SNP_SEV_KEY_H
#define KV_SNP_SEV_KEY_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { KV_SEV_KEY_SIZE = 0x404, KV_SEV_SIGNATURE_SIZE = 0x200, KV_KEY_DIGEST_SIZE = 48 };

/* The private key in PEM text (SEC 1 or PKCS #8, not encrypted); EVP_PKEY_free it. NULL and *error
 * (`io`) if there is none, or not of the curve P-384. */
EVP_PKEY *kv_sev_key_read(const char *pem, size_t size, kv_error *error);

/* The public key as SEV firmware has it. */
int kv_sev_key_write(const EVP_PKEY *key, uint8_t bytes[KV_SEV_KEY_SIZE], kv_error *error);

/* SHA-384 of that: ID_KEY_DIGEST or AUTHOR_KEY_DIGEST of a report. */
int kv_sev_key_digest(const uint8_t key[KV_SEV_KEY_SIZE], uint8_t digest[KV_KEY_DIGEST_SIZE],
                      kv_error *error);

/* Returns 0, or -1 and *error if libcrypto fails. */
int kv_sev_sign(EVP_PKEY *key, const uint8_t *bytes, size_t size,
                uint8_t signature[KV_SEV_SIGNATURE_SIZE], kv_error *error);

/* False, too, if the key is no point of the curve or the signature has other bytes set. */
bool kv_sev_verify(const uint8_t key[KV_SEV_KEY_SIZE], const uint8_t *bytes, size_t size,
                   const uint8_t signature[KV_SEV_SIGNATURE_SIZE]);

#endif
