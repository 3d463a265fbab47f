/*
 * The VM save area: the registers that a virtual CPU begins with, as each VMM sets them. A page of
 * 4096 bytes, laid out as AMD64 APM volume 2, appendix B, table B-4 says.
 */
#ifndef KV_SNP_VMSA_H
#define KV_SNP_VMSA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "snp/kernel_hashes.h" /* KV_PAGE_SIZE */

/* Where the bootstrap processor begins: the reset vector. */
#define KV_VMSA_RESET_EIP UINT32_C(0xfffffff0)

typedef enum kv_vmm { KV_VMM_QEMU, KV_VMM_EC2, KV_VMM_GCE } kv_vmm;

/* "QEMU", "ec2" or "gce", in any case. Returns 0, or -1 and *error (`invalid_argument`). */
int kv_vmm_parse(const char *name, kv_vmm *vmm, kv_error *error);

/* The page of a CPU that begins at `eip`. `signature` is Fn0000_0001_EAX as the guest sees it (used
 * with QEMU only), `features` SEV_FEATURES (APM volume 2, table B-4, offset 0x3b0). */
void kv_vmsa_page(kv_vmm vmm, uint32_t eip, uint32_t signature, uint64_t features,
                  uint8_t page[KV_PAGE_SIZE]);

/* The page of a CPU that QEMU starts in an SVSM at `rip`: flat 32-bit protected mode. */
void kv_vmsa_svsm_page(uint32_t rip, uint32_t signature, uint8_t page[KV_PAGE_SIZE]);

/* Fn0000_0001_EAX of a combined family, model and stepping (AMD64 APM volume 3, appendix E).
 * Returns 0, or -1 and *error (`invalid_argument`) for what does not fit into it. */
int kv_cpu_signature(unsigned family, unsigned model, unsigned stepping, uint32_t *signature,
                     kv_error *error);

#endif
