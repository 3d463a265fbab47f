#include "snp/guest_policy.h"

#include <inttypes.h>

static const kv_guest_policy_bit BITS[] = {
    {"smt_allowed", "SMT", KV_GUEST_POLICY_SMT, true},
    {"migration_agent_allowed", "MIGRATE_MA", KV_GUEST_POLICY_MIGRATE_MA, true},
    {"debug_allowed", "DEBUG", KV_GUEST_POLICY_DEBUG, true},
    {"single_socket_only", "SINGLE_SOCKET", KV_GUEST_POLICY_SINGLE_SOCKET, false},
    {"cxl_allowed", "CXL_ALLOW", KV_GUEST_POLICY_CXL, true},
    {"aes_256_xts_required", "MEM_AES_256_XTS", KV_GUEST_POLICY_AES_256_XTS, false},
    {"rapl_disabled", "RAPL_DIS", KV_GUEST_POLICY_RAPL_DIS, false},
    {"ciphertext_hiding", "CIPHERTEXT_HIDING_DRAM", KV_GUEST_POLICY_CIPHERTEXT_HIDING, false},
    {"page_swap_disabled", "PAGE_SWAP_DISABLE", KV_GUEST_POLICY_PAGE_SWAP_DISABLE, false},
};

enum { COUNT = sizeof BITS / sizeof *BITS };

const kv_guest_policy_bit *kv_guest_policy_bits(size_t *count) {
  *count = COUNT;
  return BITS;
}

uint64_t kv_guest_policy_known(void) {
  uint64_t known = KV_GUEST_POLICY_ABI_MINOR | KV_GUEST_POLICY_ABI_MAJOR | KV_GUEST_POLICY_ALWAYS;
  for (size_t i = 0; i < COUNT; i++) known |= BITS[i].mask;
  return known;
}

int kv_guest_policy_check(uint64_t bits, kv_error *error) {
  uint64_t unknown = bits & ~kv_guest_policy_known();
  if (unknown)
    return kv_fail(error, "invalid_argument",
                   "guest policy 0x%" PRIx64 ": reserved bits are set: 0x%" PRIx64
                   " (bits 26 to 63 must be 0)",
                   bits, unknown);
  if (!(bits & KV_GUEST_POLICY_ALWAYS))
    return kv_fail(error, "invalid_argument",
                   "guest policy 0x%" PRIx64 ": bit 17 is reserved and must be 1", bits);
  return 0;
}
