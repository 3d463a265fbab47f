/*
 * An SNP launch, page by page: LD <- SHA-384(PAGE_INFO), which has LD, what the page is and where
 * (AMD 56860, section 8.17, table PAGE_INFO).
 */
#ifndef KV_SNP_LAUNCH_H
#define KV_SNP_LAUNCH_H

#include "snp/measure.h"

typedef struct kv_snp_launch {
  kv_hash *hash;
  uint8_t digest[KV_LAUNCH_DIGEST_SIZE];
  uint8_t contents[KV_SHA384_SIZE]; /* of `last` */
  uint8_t last[KV_PAGE_SIZE];       /* the page hashed last: firmware has long runs of equal ones */
  bool has_last;
  const kv_measure *measure; /* whom to tell */
} kv_snp_launch;

/* Begins at `seed`, or, if that is NULL, at zeros. */
int kv_snp_launch_open(kv_snp_launch *launch, const kv_measure *measure, const uint8_t *seed,
                       kv_error *error);

void kv_snp_launch_close(kv_snp_launch *launch);

/* A page whose contents count: NORMAL or VMSA. */
int kv_snp_launch_page(kv_snp_launch *launch, kv_page_type type, uint64_t gpa,
                       const uint8_t page[KV_PAGE_SIZE], kv_error *error);

/* `size` bytes, a multiple of KV_PAGE_SIZE, of NORMAL pages from `gpa` on. */
int kv_snp_launch_image(kv_snp_launch *launch, uint64_t gpa, const uint8_t *bytes, size_t size,
                        kv_error *error);

/* `size` bytes of pages whose contents do not count: all other types. */
int kv_snp_launch_range(kv_snp_launch *launch, kv_page_type type, uint64_t gpa, uint64_t size,
                        kv_error *error);

#endif
