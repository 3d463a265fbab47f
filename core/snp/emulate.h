/*
 * The platform emulator: software in place of a processor's security firmware and of AMD's key
 * server. It makes a key hierarchy of its own (ARK, ASK, ASVK, VCEK, VLEK), with the extensions and
 * encodings of the real one, and signs reports in the real format. Every name in its certificates
 * says that they are simulated; no real root vouches for them.
 *
 * Bytes and keys in, bytes out: no files, no clock. Randomness is libcrypto's.
 */
#ifndef KV_SNP_EMULATE_H
#define KV_SNP_EMULATE_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "snp/report.h"

/* organizationName and organizationalUnitName of every name that the emulator makes. */
#define KV_EMULATOR_ORGANIZATION "kavach platform emulator (simulated)"
#define KV_EMULATOR_UNIT "simulated: not AMD hardware"

typedef enum kv_emulated_role {
  KV_EMULATED_ARK,
  KV_EMULATED_ASK,
  KV_EMULATED_ASVK,
  KV_EMULATED_VCEK,
  KV_EMULATED_VLEK,
} kv_emulated_role;

enum { KV_EMULATED_ROLES = KV_EMULATED_VLEK + 1 };

/* What a certificate says. */
typedef struct kv_emulated_subject {
  kv_emulated_role role;
  kv_product product;            /* Milan, Genoa or Turin */
  int64_t not_before, not_after; /* seconds since 1970 */
  /* For VCEK and VLEK: */
  const char
      *product_name;   /* "Milan-B0"; NULL: the product's name, with AMD's stepping for Milan */
  uint64_t tcb;        /* TCB_VERSION in the product's layout: the key is for this one */
  uint8_t chip_id[64]; /* VCEK; of Turin, only the first 8 bytes */
  const char *csp_id;  /* VLEK */
} kv_emulated_subject;

/* Bytes or text that the caller frees. Text ends with a NUL that is not counted. */
typedef struct kv_emulated_bytes {
  uint8_t *bytes;
  size_t size;
} kv_emulated_bytes;

/* "ark", "ask", "asvk", "vcek", "vlek". */
const char *kv_emulated_role_name(kv_emulated_role role);

/* Makes the private key that the role needs (RSA-4096, which takes seconds, for authorities; P-384
 * for the others; AMD 57230, chapter 3), as PKCS #8 in PEM. */
int kv_emulate_key(kv_emulated_role role, kv_emulated_bytes *pem, kv_error *error);

/* A private key of PEM text, of the kind that the role needs. EVP_PKEY_free it. NULL and *error. */
EVP_PKEY *kv_emulate_key_read(kv_emulated_role role, const char *pem, size_t size, kv_error *error);

/* Checks that PEM text is the private key, of the kind that the role needs, of a certificate in
 * DER. */
int kv_emulate_key_check(kv_emulated_role role, const char *pem, size_t size, const uint8_t *der,
                         size_t der_size, kv_error *error);

/* Makes a certificate for `key`, in DER, signed with RSASSA-PSS, SHA-384, MGF1 with SHA-384 and
 * salt length 48. `issuer` is the issuer's certificate in DER; NULL and 0 for the ARK, which signs
 * itself. */
int kv_emulate_certificate(const kv_emulated_subject *subject, EVP_PKEY *key, const uint8_t *issuer,
                           size_t issuer_size, EVP_PKEY *issuer_key, kv_emulated_bytes *der,
                           kv_error *error);

typedef struct kv_emulated_crl {
  int64_t this_update, next_update; /* seconds since 1970 */
  uint64_t number;
  const uint8_t *const *revoked; /* certificates in DER whose serial numbers are revoked */
  const size_t *revoked_sizes;
  size_t revoked_count;
} kv_emulated_crl;

/* Makes a revocation list, in DER, that the ARK (certificate and key) signs as AMD's signs its. */
int kv_emulate_crl(const kv_emulated_crl *list, const uint8_t *ark, size_t ark_size,
                   EVP_PKEY *ark_key, kv_emulated_bytes *der, kv_error *error);

/* Signs bytes 0x000 to 0x29f of a report with a P-384 key and writes the signature, with zeros in
 * all that is left of its 512 bytes. Whatever the report says is signed. */
int kv_emulate_sign(uint8_t report[KV_REPORT_SIZE], EVP_PKEY *key, kv_error *error);

/* Whether a certificate's subject or issuer has the emulator's organization. Tells what a simulated
 * certificate is when it is shown; that one says nothing is no proof of the contrary. */
bool kv_is_simulated(const uint8_t *der, size_t size);

#endif
