/*
 * The guest policy: the 64 bits that an SEV-SNP guest is launched with, and its report repeats (AMD
 * 56860, section 4.3). Bits 7:0 and 15:8 are the lowest firmware ABI version that may run it, bit
 * 17 is reserved and always 1, bits 63:26 are reserved and 0; the others are
 * kv_guest_policy_bits().
 */
#ifndef KV_SNP_GUEST_POLICY_H
#define KV_SNP_GUEST_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define KV_GUEST_POLICY_ABI_MINOR UINT64_C(0xff)
#define KV_GUEST_POLICY_ABI_MAJOR UINT64_C(0xff00)
#define KV_GUEST_POLICY_SMT UINT64_C(0x10000)
#define KV_GUEST_POLICY_ALWAYS UINT64_C(0x20000) /* bit 17 */
#define KV_GUEST_POLICY_MIGRATE_MA UINT64_C(0x40000)
#define KV_GUEST_POLICY_DEBUG UINT64_C(0x80000)
#define KV_GUEST_POLICY_SINGLE_SOCKET UINT64_C(0x100000)
#define KV_GUEST_POLICY_CXL UINT64_C(0x200000)
#define KV_GUEST_POLICY_AES_256_XTS UINT64_C(0x400000)
#define KV_GUEST_POLICY_RAPL_DIS UINT64_C(0x800000)
#define KV_GUEST_POLICY_CIPHERTEXT_HIDING UINT64_C(0x1000000)
#define KV_GUEST_POLICY_PAGE_SWAP_DISABLE UINT64_C(0x2000000)

/* What most guests are launched with: any ABI, SMT allowed. */
#define KV_GUEST_POLICY_USUAL (KV_GUEST_POLICY_ALWAYS | KV_GUEST_POLICY_SMT)

typedef struct kv_guest_policy_bit {
  const char *field; /* its name in a configuration: "smt_allowed" */
  const char *name;  /* the specification's: "SMT" */
  uint64_t mask;
  bool permits; /* 1 permits something to the host; else 1 demands something of it */
} kv_guest_policy_bit;

/* The bits that can be chosen, lowest first. */
const kv_guest_policy_bit *kv_guest_policy_bits(size_t *count);

/* Every bit with a meaning, the ABI's and bit 17 included. */
uint64_t kv_guest_policy_known(void);

/* Whether firmware could take these bits at all. Returns 0, or -1 and *error (`invalid_argument`)
 * that names the reserved bits. */
int kv_guest_policy_check(uint64_t bits, kv_error *error);

static inline unsigned kv_guest_policy_abi_major(uint64_t bits) {
  return (unsigned)(bits >> 8 & 0xff);
}

static inline unsigned kv_guest_policy_abi_minor(uint64_t bits) { return (unsigned)(bits & 0xff); }

#endif
