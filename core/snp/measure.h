/*
 * The launch digest: what MEASUREMENT of a report will be for a guest launched with this firmware,
 * kernel and CPUs. SEV-SNP: AMD 56860, section 8.17 (SNP_LAUNCH_UPDATE), table PAGE_INFO; the order
 * of pages is the VMM's. SEV and SEV-ES: AMD 55766, LAUNCH_MEASURE: SHA-256 over what was launched.
 */
#ifndef KV_SNP_MEASURE_H
#define KV_SNP_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "snp/hash.h"
#include "snp/kernel_hashes.h"
#include "snp/ovmf.h"
#include "snp/vmsa.h"

enum {
  KV_LAUNCH_DIGEST_SIZE = KV_SHA384_SIZE, /* the longest; SEV's and SEV-ES's has KV_SHA256_SIZE */
  KV_MEASURE_VCPUS_MAX = 4096, /* KVM_MAX_VCPUS, Linux, arch/x86/include/asm/kvm_host.h */
};

typedef enum kv_measure_mode {
  KV_MEASURE_SNP,
  KV_MEASURE_SNP_OVMF_HASH, /* only as far as the firmware's pages */
  KV_MEASURE_SNP_SVSM, /* under an SVSM, which QEMU puts below the firmware and its variables */
  KV_MEASURE_SEV,
  KV_MEASURE_SEV_ES,
} kv_measure_mode;

/* PAGE_TYPE of PAGE_INFO. */
typedef enum kv_page_type {
  KV_PAGE_NORMAL = 1,
  KV_PAGE_VMSA = 2,
  KV_PAGE_ZERO = 3,
  KV_PAGE_UNMEASURED = 4,
  KV_PAGE_SECRETS = 5,
  KV_PAGE_CPUID = 6,
} kv_page_type;

/* One page of an SNP launch, and the digest after it. */
typedef struct kv_measure_step {
  kv_page_type type;
  uint64_t gpa;
  const uint8_t *contents; /* SHA-384 of the page, or zeros where its contents do not count */
  const uint8_t *digest;
} kv_measure_step;

typedef struct kv_measure {
  kv_measure_mode mode;
  kv_vmm vmm;
  uint32_t vcpus;
  bool has_vcpu_signature; /* needed under QEMU where CPUs count */
  uint32_t vcpu_signature; /* kv_cpu_signature */
  uint64_t guest_features; /* SEV_FEATURES; counts with KV_MEASURE_SNP only */
  const kv_ovmf *ovmf;
  const kv_ovmf *svsm; /* KV_MEASURE_SNP_SVSM only; its hypervisor-given metadata are measured */
  uint64_t vars_size;  /* the same: bytes of variables between it and the firmware */
  const uint8_t *ovmf_hash; /* KV_MEASURE_SNP: the digest after the firmware's pages, or NULL */
  bool has_kernel;
  kv_kernel_hashes kernel; /* if has_kernel; kv_measure_check does not read it */
  void (*on_step)(void *arg, const kv_measure_step *step); /* NULL: nobody wants to know */
  void *on_step_arg;
} kv_measure;

/* Whether all of this fits together; what would be measured with a kernel, before its hashes are
 * there. Returns 0, or -1 and *error: `invalid_argument` for what was asked, `io` for images that
 * cannot be launched so. */
int kv_measure_check(const kv_measure *measure, kv_error *error);

/* Checks, too. Writes *size bytes. */
int kv_measure_digest(const kv_measure *measure, uint8_t digest[KV_LAUNCH_DIGEST_SIZE],
                      size_t *size, kv_error *error);

/* The page that the CPU `index` begins with, as it is measured. */
int kv_measure_vmsa(const kv_measure *measure, uint32_t index, uint8_t page[KV_PAGE_SIZE],
                    kv_error *error);

/* "snp", "snp:ovmf-hash", "snp:svsm", "sev", "seves". Returns 0, or -1 and *error. */
int kv_measure_mode_parse(const char *name, kv_measure_mode *mode, kv_error *error);

/* "NORMAL" …. */
const char *kv_page_type_name(kv_page_type type);

#endif
