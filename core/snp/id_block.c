#include "snp/id_block.h"

#include <string.h>

#include "base/little.h"
#include "snp/sev_key.h"

/* ID_BLOCK. */
enum {
  BLOCK_FAMILY_ID = 0x30,
  BLOCK_IMAGE_ID = 0x40,
  BLOCK_VERSION = 0x50,
  BLOCK_GUEST_SVN = 0x54,
  BLOCK_POLICY = 0x58,
};

/* ID_AUTH. */
enum {
  AUTH_ID_KEY_ALGO = 0x0,
  AUTH_AUTHOR_KEY_ALGO = 0x4,
  AUTH_BLOCK_SIGNATURE = 0x40,
  AUTH_ID_KEY = 0x240,
  AUTH_KEY_SIGNATURE = 0x680,
  AUTH_AUTHOR_KEY = 0x880,
};

enum { ALGO_ECDSA_P384_SHA384 = 1 /* 56860, chapter 10 */ };

void kv_id_block_write(const kv_id_block *block, uint8_t bytes[KV_ID_BLOCK_SIZE]) {
  memcpy(bytes, block->launch_digest, sizeof block->launch_digest);
  memcpy(bytes + BLOCK_FAMILY_ID, block->family_id, sizeof block->family_id);
  memcpy(bytes + BLOCK_IMAGE_ID, block->image_id, sizeof block->image_id);
  kv_put_le(bytes + BLOCK_VERSION, 1, 4);
  kv_put_le(bytes + BLOCK_GUEST_SVN, block->guest_svn, 4);
  kv_put_le(bytes + BLOCK_POLICY, block->policy, 8);
}

int kv_id_auth_write(const uint8_t block[KV_ID_BLOCK_SIZE], EVP_PKEY *id_key, EVP_PKEY *author_key,
                     uint8_t auth[KV_ID_AUTH_SIZE], kv_error *error) {
  memset(auth, 0, KV_ID_AUTH_SIZE);
  kv_put_le(auth + AUTH_ID_KEY_ALGO, ALGO_ECDSA_P384_SHA384, 4);
  if (kv_sev_key_write(id_key, auth + AUTH_ID_KEY, error) < 0 ||
      kv_sev_sign(id_key, block, KV_ID_BLOCK_SIZE, auth + AUTH_BLOCK_SIGNATURE, error) < 0)
    return -1;
  if (!author_key) return 0;
  kv_put_le(auth + AUTH_AUTHOR_KEY_ALGO, ALGO_ECDSA_P384_SHA384, 4);
  if (kv_sev_key_write(author_key, auth + AUTH_AUTHOR_KEY, error) < 0) return -1;
  return kv_sev_sign(author_key, auth + AUTH_ID_KEY, KV_SEV_KEY_SIZE, auth + AUTH_KEY_SIGNATURE,
                     error);
}

int kv_id_auth_check(const uint8_t block[KV_ID_BLOCK_SIZE], const uint8_t auth[KV_ID_AUTH_SIZE],
                     kv_id_auth_result *result, kv_error *error) {
  *result = (kv_id_auth_result){0};
  result->block_signed =
      kv_le32(auth + AUTH_ID_KEY_ALGO) == ALGO_ECDSA_P384_SHA384 &&
      kv_sev_verify(auth + AUTH_ID_KEY, block, KV_ID_BLOCK_SIZE, auth + AUTH_BLOCK_SIGNATURE);
  if (kv_sev_key_digest(auth + AUTH_ID_KEY, result->id_key_digest, error) < 0) return -1;
  result->has_author = kv_le32(auth + AUTH_AUTHOR_KEY_ALGO) != 0;
  if (!result->has_author) return 0;
  result->key_signed = kv_le32(auth + AUTH_AUTHOR_KEY_ALGO) == ALGO_ECDSA_P384_SHA384 &&
                       kv_sev_verify(auth + AUTH_AUTHOR_KEY, auth + AUTH_ID_KEY, KV_SEV_KEY_SIZE,
                                     auth + AUTH_KEY_SIGNATURE);
  return kv_sev_key_digest(auth + AUTH_AUTHOR_KEY, result->author_key_digest, error);
}
