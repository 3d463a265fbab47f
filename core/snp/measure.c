#include "snp/measure.h"

#include <string.h>

#include "snp/launch.h"

/* Where VMSAs are in PAGE_INFO: the last page below 2^48 (Linux, arch/x86/kvm/svm/sev.c,
 * snp_launch_update_vmsa). */
#define VMSA_GPA UINT64_C(0xfffffffff000)

static const char *const MODES[] = {[KV_MEASURE_SNP] = "snp",
                                    [KV_MEASURE_SNP_OVMF_HASH] = "snp:ovmf-hash",
                                    [KV_MEASURE_SNP_SVSM] = "snp:svsm",
                                    [KV_MEASURE_SEV] = "sev",
                                    [KV_MEASURE_SEV_ES] = "seves"};

int kv_measure_mode_parse(const char *name, kv_measure_mode *mode, kv_error *error) {
  for (size_t i = 0; i < sizeof MODES / sizeof *MODES; i++) {
    if (strcmp(name, MODES[i]) == 0) {
      *mode = (kv_measure_mode)i;
      return 0;
    }
  }
  return kv_fail(error, "invalid_argument",
                 "unknown mode '%s' (use snp, snp:ovmf-hash, snp:svsm, sev or seves)", name);
}

const char *kv_page_type_name(kv_page_type type) {
  switch (type) {
  case KV_PAGE_NORMAL:
    return "NORMAL";
  case KV_PAGE_VMSA:
    return "VMSA";
  case KV_PAGE_ZERO:
    return "ZERO";
  case KV_PAGE_UNMEASURED:
    return "UNMEASURED";
  case KV_PAGE_SECRETS:
    return "SECRETS";
  case KV_PAGE_CPUID:
    return "CPUID";
  }
  return "unknown";
}

/* ---- CPUs ---- */

/* The lowest address of the SVSM. */
static uint64_t svsm_gpa(const kv_measure *measure) {
  return measure->ovmf->gpa - measure->vars_size - measure->svsm->size;
}

/* What they begin with: all but the first are alike. */
static void fill_vmsa(const kv_measure *measure, uint32_t index, uint8_t page[KV_PAGE_SIZE]) {
  if (measure->svsm) {
    uint32_t rip = (uint32_t)svsm_gpa(measure) + measure->svsm->svsm_entry;
    kv_vmsa_svsm_page(rip, measure->vcpu_signature, page);
    return;
  }
  uint64_t features = measure->mode == KV_MEASURE_SNP ? measure->guest_features : 0;
  uint32_t eip = index == 0 ? KV_VMSA_RESET_EIP : measure->ovmf->reset_eip;
  kv_vmsa_page(measure->vmm, eip, measure->vcpu_signature, features, page);
}

int kv_measure_vmsa(const kv_measure *measure, uint32_t index, uint8_t page[KV_PAGE_SIZE],
                    kv_error *error) {
  if (kv_measure_check(measure, error) < 0) return -1;
  if (measure->mode == KV_MEASURE_SEV || measure->mode == KV_MEASURE_SNP_OVMF_HASH)
    return kv_fail(error, "invalid_argument", "no CPU is measured in this mode");
  fill_vmsa(measure, index, page);
  return 0;
}

/* ---- SEV and SEV-ES ---- */

static int hash_table(const kv_measure *measure, kv_hash *hash, kv_error *error) {
  uint8_t table[KV_KERNEL_HASHES_SIZE];
  if (!measure->has_kernel) return 0;
  kv_kernel_hashes_table(&measure->kernel, table);
  return kv_hash_update(hash, table, sizeof table, error);
}

static int hash_cpus(const kv_measure *measure, kv_hash *hash, kv_error *error) {
  uint8_t page[KV_PAGE_SIZE];
  if (measure->mode == KV_MEASURE_SEV) return 0;
  for (uint32_t i = 0; i < measure->vcpus; i++) {
    if (i < 2) fill_vmsa(measure, i, page);
    if (kv_hash_update(hash, page, sizeof page, error) < 0) return -1;
  }
  return 0;
}

static int legacy_digest(const kv_measure *measure, uint8_t *digest, kv_error *error) {
  kv_hash *hash = kv_hash_open(KV_HASH_SHA256, error);
  if (!hash) return -1;
  int status = kv_hash_update(hash, measure->ovmf->bytes, measure->ovmf->size, error);
  if (status == 0) status = hash_table(measure, hash, error);
  if (status == 0) status = hash_cpus(measure, hash, error);
  if (status == 0) status = kv_hash_finish(hash, digest, error);
  kv_hash_free(hash);
  return status;
}

/* ---- SNP ---- */

static int launch_kernel_hashes(kv_snp_launch *launch, const kv_measure *measure,
                                kv_ovmf_section it, kv_error *error) {
  uint8_t page[KV_PAGE_SIZE];
  if (!measure->has_kernel)
    return kv_snp_launch_range(launch, KV_PAGE_ZERO, it.gpa, it.size, error);
  if (kv_kernel_hashes_page(&measure->kernel, measure->ovmf->hashes_gpa, page, error) < 0)
    return -1;
  return kv_snp_launch_page(launch, KV_PAGE_NORMAL, it.gpa, page, error);
}

static int launch_section(kv_snp_launch *launch, const kv_measure *measure, kv_ovmf_section it,
                          kv_error *error) {
  switch (it.type) {
  case KV_OVMF_SEC_MEM: {
    kv_page_type type = measure->vmm == KV_VMM_GCE ? KV_PAGE_UNMEASURED : KV_PAGE_ZERO;
    return kv_snp_launch_range(launch, type, it.gpa, it.size, error);
  }
  case KV_OVMF_SVSM_CAA:
    return kv_snp_launch_range(launch, KV_PAGE_ZERO, it.gpa, it.size, error);
  case KV_OVMF_SECRETS:
    return kv_snp_launch_range(launch, KV_PAGE_SECRETS, it.gpa, KV_PAGE_SIZE, error);
  case KV_OVMF_CPUID:
    return kv_snp_launch_range(launch, KV_PAGE_CPUID, it.gpa, KV_PAGE_SIZE, error);
  case KV_OVMF_KERNEL_HASHES:
    return launch_kernel_hashes(launch, measure, it, error);
  default:
    return 0; /* refused by kv_measure_check */
  }
}

/* EC2 adds the CPUID pages after all others. */
static int launch_sections(kv_snp_launch *launch, const kv_measure *measure, const kv_ovmf *image,
                           kv_error *error) {
  int passes = measure->vmm == KV_VMM_EC2 ? 2 : 1;
  for (int pass = 0; pass < passes; pass++) {
    for (uint32_t i = 0; i < image->section_count; i++) {
      kv_ovmf_section it = kv_ovmf_section_at(image, i);
      if (passes == 2 && (it.type == KV_OVMF_CPUID) != (pass == 1)) continue;
      if (launch_section(launch, measure, it, error) < 0) return -1;
    }
  }
  return 0;
}

static int launch_cpus(kv_snp_launch *launch, const kv_measure *measure, kv_error *error) {
  uint8_t page[KV_PAGE_SIZE];
  for (uint32_t i = 0; i < measure->vcpus; i++) {
    if (i < 2) fill_vmsa(measure, i, page);
    if (kv_snp_launch_page(launch, KV_PAGE_VMSA, VMSA_GPA, page, error) < 0) return -1;
  }
  return 0;
}

static int launch_all(kv_snp_launch *launch, const kv_measure *measure, kv_error *error) {
  const kv_ovmf *ovmf = measure->ovmf, *svsm = measure->svsm;
  if (!measure->ovmf_hash &&
      kv_snp_launch_image(launch, ovmf->gpa, ovmf->bytes, ovmf->size, error) < 0)
    return -1;
  if (measure->mode == KV_MEASURE_SNP_OVMF_HASH) return 0;
  if (svsm && kv_snp_launch_image(launch, svsm_gpa(measure), svsm->bytes, svsm->size, error) < 0)
    return -1;
  if (launch_sections(launch, measure, svsm ? svsm : ovmf, error) < 0) return -1;
  return launch_cpus(launch, measure, error);
}

static int snp_digest(const kv_measure *measure, uint8_t *digest, kv_error *error) {
  kv_snp_launch launch;
  if (kv_snp_launch_open(&launch, measure, measure->ovmf_hash, error) < 0) return -1;
  int status = launch_all(&launch, measure, error);
  if (status == 0) memcpy(digest, launch.digest, sizeof launch.digest);
  kv_snp_launch_close(&launch);
  return status;
}

int kv_measure_digest(const kv_measure *measure, uint8_t digest[KV_LAUNCH_DIGEST_SIZE],
                      size_t *size, kv_error *error) {
  if (kv_measure_check(measure, error) < 0) return -1;
  bool legacy = measure->mode == KV_MEASURE_SEV || measure->mode == KV_MEASURE_SEV_ES;
  *size = legacy ? KV_SHA256_SIZE : KV_LAUNCH_DIGEST_SIZE;
  return legacy ? legacy_digest(measure, digest, error) : snp_digest(measure, digest, error);
}
