#include "snp/sev_key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/little.h"
#include "snp/hash.h"

enum {
  CURVE_P384 = 2, /* 56860, chapter 10, ECC curve identifiers */
  KEY_X = 0x4,
  KEY_Y = 0x4c,
  NUMBER_ROOM = 72,
  NUMBER_SIZE = 48,
  POINT_SIZE = 1 + 2 * NUMBER_SIZE, /* uncompressed: SEC 1, section 2.3.3 */
  DER_ROOM = 128,                   /* SEQUENCE of two INTEGERs of at most 49 bytes each */
};

static const char GROUP[] = "secp384r1";

static int failed(kv_error *error, const char *what) {
  ERR_clear_error();
  return kv_fail(error, "io", "libcrypto failed to %s", what);
}

/* ---- keys ---- */

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *buffer, int size, int writing, void *arg) {
  (void)buffer, (void)size, (void)writing, (void)arg;
  return -1;
}

static bool is_p384(const EVP_PKEY *key) {
  char group[32];
  size_t length;
  return EVP_PKEY_is_a(key, "EC") &&
         EVP_PKEY_get_group_name(key, group, sizeof group, &length) == 1 &&
         strcmp(group, GROUP) == 0;
}

EVP_PKEY *kv_sev_key_read(const char *pem, size_t size, kv_error *error) {
  BIO *text = size < INT32_MAX ? BIO_new_mem_buf(pem, (int)size) : NULL;
  EVP_PKEY *key = text ? PEM_read_bio_PrivateKey(text, NULL, no_passphrase, NULL) : NULL;
  BIO_free(text);
  ERR_clear_error();
  if (!key) {
    kv_fail(error, "io", "no private key in PEM (one that is encrypted cannot be used)");
  } else if (!is_p384(key)) {
    kv_fail(error, "io", "the key is not of the curve P-384 (secp384r1)");
    EVP_PKEY_free(key);
    key = NULL;
  }
  return key;
}

static void put_reversed(uint8_t *to, const uint8_t *from) {
  for (size_t i = 0; i < NUMBER_SIZE; i++) to[i] = from[NUMBER_SIZE - 1 - i];
}

int kv_sev_key_write(const EVP_PKEY *key, uint8_t bytes[KV_SEV_KEY_SIZE], kv_error *error) {
  BIGNUM *x = NULL, *y = NULL;
  uint8_t big[2][NUMBER_SIZE];
  int status = -1;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1 ||
      EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) != 1 ||
      BN_bn2binpad(x, big[0], NUMBER_SIZE) < 0 || BN_bn2binpad(y, big[1], NUMBER_SIZE) < 0) {
    failed(error, "read a public key");
    goto done;
  }
  memset(bytes, 0, KV_SEV_KEY_SIZE);
  kv_put_le(bytes, CURVE_P384, 4);
  put_reversed(bytes + KEY_X, big[0]);
  put_reversed(bytes + KEY_Y, big[1]);
  status = 0;
done:
  BN_free(x);
  BN_free(y);
  return status;
}

/* NULL if the bytes are no point of P-384. */
static EVP_PKEY *public_key(const uint8_t bytes[KV_SEV_KEY_SIZE]) {
  uint8_t point[POINT_SIZE] = {0x04};
  put_reversed(point + 1, bytes + KEY_X);
  put_reversed(point + 1 + NUMBER_SIZE, bytes + KEY_Y);
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)GROUP, 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
      OSSL_PARAM_construct_end()};
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  if (kv_le32(bytes) != CURVE_P384 || !maker || EVP_PKEY_fromdata_init(maker) != 1 ||
      EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
    key = NULL;
  EVP_PKEY_CTX_free(maker);
  ERR_clear_error();
  return key;
}

int kv_sev_key_digest(const uint8_t key[KV_SEV_KEY_SIZE], uint8_t digest[KV_KEY_DIGEST_SIZE],
                      kv_error *error) {
  kv_hash *hash = kv_hash_open(KV_HASH_SHA384, error);
  if (!hash) return -1;
  int status = kv_hash_once(hash, key, KV_SEV_KEY_SIZE, digest, error);
  kv_hash_free(hash);
  return status;
}

/* ---- signatures ---- */

static int put_der(const uint8_t *der, size_t size, uint8_t *signature) {
  const uint8_t *at = der;
  uint8_t r[NUMBER_SIZE], s[NUMBER_SIZE];
  ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &at, (long)size);
  bool fits = parts && BN_bn2binpad(ECDSA_SIG_get0_r(parts), r, NUMBER_SIZE) >= 0 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(parts), s, NUMBER_SIZE) >= 0;
  ECDSA_SIG_free(parts);
  if (!fits) return -1;
  memset(signature, 0, KV_SEV_SIGNATURE_SIZE);
  put_reversed(signature, r);
  put_reversed(signature + NUMBER_ROOM, s);
  return 0;
}

int kv_sev_sign(EVP_PKEY *key, const uint8_t *bytes, size_t size,
                uint8_t signature[KV_SEV_SIGNATURE_SIZE], kv_error *error) {
  uint8_t der[DER_ROOM];
  size_t length = sizeof der;
  EVP_MD_CTX *state = EVP_MD_CTX_new();
  bool done = state && EVP_DigestSignInit_ex(state, NULL, "SHA384", NULL, NULL, key, NULL) == 1 &&
              EVP_DigestSign(state, der, &length, bytes, size) == 1;
  EVP_MD_CTX_free(state);
  if (!done || put_der(der, length, signature) < 0) return failed(error, "sign");
  return 0;
}

/* Nothing but two numbers of NUMBER_SIZE bytes may be set. */
static bool well_formed(const uint8_t *signature) {
  uint8_t stray = 0;
  for (size_t i = 0; i < KV_SEV_SIGNATURE_SIZE; i++)
    if (i >= 2 * NUMBER_ROOM || i % NUMBER_ROOM >= NUMBER_SIZE) stray |= signature[i];
  return stray == 0;
}

static int get_der(const uint8_t *signature, uint8_t der[DER_ROOM]) {
  BIGNUM *r = BN_lebin2bn(signature, NUMBER_SIZE, NULL);
  BIGNUM *s = BN_lebin2bn(signature + NUMBER_ROOM, NUMBER_SIZE, NULL);
  ECDSA_SIG *parts = ECDSA_SIG_new();
  int length = -1;
  if (r && s && parts && ECDSA_SIG_set0(parts, r, s) == 1) {
    r = s = NULL;
    uint8_t *at = der;
    length = i2d_ECDSA_SIG(parts, &at);
  }
  ECDSA_SIG_free(parts);
  BN_free(r);
  BN_free(s);
  return length;
}

bool kv_sev_verify(const uint8_t key[KV_SEV_KEY_SIZE], const uint8_t *bytes, size_t size,
                   const uint8_t signature[KV_SEV_SIGNATURE_SIZE]) {
  uint8_t der[DER_ROOM];
  int length = well_formed(signature) ? get_der(signature, der) : -1;
  EVP_PKEY *public = public_key(key);
  EVP_MD_CTX *state = EVP_MD_CTX_new();
  bool good = length > 0 && public && state &&
              EVP_DigestVerifyInit_ex(state, NULL, "SHA384", NULL, NULL, public, NULL) == 1 &&
              EVP_DigestVerify(state, der, (size_t)length, bytes, size) == 1;
  EVP_MD_CTX_free(state);
  EVP_PKEY_free(public);
  ERR_clear_error();
  return good;
}
