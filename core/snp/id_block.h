/*
 * The ID block, which binds a launch digest to its author, and the ID authentication information
 * that signs it: AMD 56860, section 8.18 (SNP_LAUNCH_FINISH), tables ID_BLOCK and ID_AUTH. QEMU
 * takes both, in base64, as `id-block` and `id-auth` of sev-snp-guest.
 */
#ifndef KV_SNP_ID_BLOCK_H
#define KV_SNP_ID_BLOCK_H

#include "snp/sev_key.h"

enum { KV_ID_BLOCK_SIZE = 96, KV_ID_AUTH_SIZE = 4096 };

typedef struct kv_id_block {
  uint8_t launch_digest[48];
  uint8_t family_id[16], image_id[16];
  uint32_t guest_svn;
  uint64_t policy; /* the guest policy that the guest is launched with */
} kv_id_block;

void kv_id_block_write(const kv_id_block *block, uint8_t bytes[KV_ID_BLOCK_SIZE]);

/* Signs the ID block with the ID key, and that key with the author's, if there is one (else its
 * fields are zero). */
int kv_id_auth_write(const uint8_t block[KV_ID_BLOCK_SIZE], EVP_PKEY *id_key, EVP_PKEY *author_key,
                     uint8_t auth[KV_ID_AUTH_SIZE], kv_error *error);

/* What firmware would say to them. */
typedef struct kv_id_auth_result {
  bool block_signed; /* the ID key in `auth` signed the block */
  bool has_author;
  bool key_signed; /* the author key in `auth` signed the ID key */
  uint8_t id_key_digest[KV_KEY_DIGEST_SIZE], author_key_digest[KV_KEY_DIGEST_SIZE];
} kv_id_auth_result;

/* Returns 0 and *result, or -1 and *error if libcrypto fails. */
int kv_id_auth_check(const uint8_t block[KV_ID_BLOCK_SIZE], const uint8_t auth[KV_ID_AUTH_SIZE],
                     kv_id_auth_result *result, kv_error *error);

#endif
