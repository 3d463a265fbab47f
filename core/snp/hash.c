#include "snp/hash.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct kv_hash {
  EVP_MD *algorithm;
  EVP_MD_CTX *state;
};

kv_hash *kv_hash_open(kv_hash_kind kind, kv_error *error) {
  kv_hash *hash = calloc(1, sizeof *hash);
  if (hash) {
    hash->algorithm = EVP_MD_fetch(NULL, kind == KV_HASH_SHA256 ? "SHA256" : "SHA384", NULL);
    hash->state = EVP_MD_CTX_new();
    if (hash->algorithm && hash->state &&
        EVP_DigestInit_ex2(hash->state, hash->algorithm, NULL) == 1)
      return hash;
  }
  kv_hash_free(hash);
  kv_fail(error, "io", "libcrypto cannot compute %s",
          kind == KV_HASH_SHA256 ? "SHA-256" : "SHA-384");
  return NULL;
}

void kv_hash_free(kv_hash *hash) {
  if (!hash) return;
  EVP_MD_CTX_free(hash->state);
  EVP_MD_free(hash->algorithm);
  free(hash);
}

int kv_hash_update(kv_hash *hash, const void *bytes, size_t size, kv_error *error) {
  if (EVP_DigestUpdate(hash->state, bytes, size) == 1) return 0;
  return kv_fail(error, "io", "libcrypto failed to hash");
}

int kv_hash_finish(kv_hash *hash, uint8_t *digest, kv_error *error) {
  if (EVP_DigestFinal_ex(hash->state, digest, NULL) == 1 &&
      EVP_DigestInit_ex2(hash->state, NULL, NULL) == 1)
    return 0;
  return kv_fail(error, "io", "libcrypto failed to hash");
}

int kv_hash_once(kv_hash *hash, const void *bytes, size_t size, uint8_t *digest, kv_error *error) {
  if (kv_hash_update(hash, bytes, size, error) < 0) return -1;
  return kv_hash_finish(hash, digest, error);
}
