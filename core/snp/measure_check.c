/* Whether a launch is possible as asked for: kv_measure_check, in measure.h. */
#include "snp/measure.h"

/* All memory below 4 GiB, in pages: more cannot be in sections that do not overlap. */
#define SECTION_PAGES_MAX (KV_OVMF_END / KV_PAGE_SIZE)

static bool counts_cpus(const kv_measure *measure) {
  return measure->mode != KV_MEASURE_SEV && measure->mode != KV_MEASURE_SNP_OVMF_HASH;
}

static int check_cpus(const kv_measure *measure, kv_error *error) {
  if (!counts_cpus(measure)) return 0;
  if (measure->vcpus < 1 || measure->vcpus > KV_MEASURE_VCPUS_MAX)
    return kv_fail(error, "invalid_argument", "vcpus must be 1 to %d", KV_MEASURE_VCPUS_MAX);
  if (measure->mode == KV_MEASURE_SNP_SVSM && measure->vmm != KV_VMM_QEMU)
    return kv_fail(error, "invalid_argument", "only QEMU launches an SVSM as snp:svsm does");
  if (measure->vmm == KV_VMM_QEMU && !measure->has_vcpu_signature)
    return kv_fail(error, "invalid_argument",
                   "QEMU's launch digest depends on the CPU: vcpu_type, vcpu_sig, or vcpu_family, "
                   "vcpu_model and vcpu_stepping are needed");
  return 0;
}

static int check_asked(const kv_measure *measure, kv_error *error) {
  bool svsm = measure->mode == KV_MEASURE_SNP_SVSM;
  if (svsm && !measure->svsm)
    return kv_fail(error, "invalid_argument", "snp:svsm needs svsm, the SVSM's image");
  if (measure->svsm && !svsm)
    return kv_fail(error, "invalid_argument", "an SVSM is measured in the mode snp:svsm only");
  if (measure->has_kernel && (svsm || measure->mode == KV_MEASURE_SNP_OVMF_HASH))
    return kv_fail(error, "invalid_argument", "no kernel is measured in this mode");
  if (measure->ovmf_hash && measure->mode != KV_MEASURE_SNP)
    return kv_fail(error, "invalid_argument", "ovmf_hash is for the mode snp only");
  return 0;
}

/* ---- the images ---- */

/* That the kernel's hashes have a place, and so get measured. */
static int check_kernel(const kv_measure *measure, kv_error *error) {
  const kv_ovmf *ovmf = measure->ovmf;
  if (!measure->has_kernel) return 0;
  if (!ovmf->has_hashes || ovmf->hashes_gpa == 0)
    return kv_fail(
        error, "io",
        "a kernel is given, but the firmware does not measure kernel, initrd and command "
        "line: it has no area for their hashes");
  if (ovmf->hashes_size < KV_KERNEL_HASHES_SIZE)
    return kv_fail(error, "io", "the firmware's area for kernel hashes has %u bytes; %d are needed",
                   (unsigned)ovmf->hashes_size, KV_KERNEL_HASHES_SIZE);
  if (measure->mode == KV_MEASURE_SNP && !kv_ovmf_has_section(ovmf, KV_OVMF_KERNEL_HASHES))
    return kv_fail(
        error, "io",
        "a kernel is given, but the firmware's SEV metadata has no KERNEL_HASHES section: "
        "it would not be measured");
  return 0;
}

static int check_section(const kv_measure *measure, uint32_t index, kv_ovmf_section it,
                         uint64_t *pages, kv_error *error) {
  const char *name = kv_ovmf_section_name(it.type);
  bool single = it.type == KV_OVMF_SECRETS || it.type == KV_OVMF_CPUID;
  uint64_t size = single ? KV_PAGE_SIZE : it.size;
  if (kv_ovmf_section_name(it.type) == kv_ovmf_section_name(0))
    return kv_fail(error, "io", "section %u of the SEV metadata has the unknown type 0x%x",
                   (unsigned)index, (unsigned)it.type);
  if (it.gpa % KV_PAGE_SIZE != 0 || size % KV_PAGE_SIZE != 0)
    return kv_fail(error, "io", "section %u (%s) is not of whole pages: 0x%x bytes at 0x%x",
                   (unsigned)index, name, (unsigned)it.size, (unsigned)it.gpa);
  if (it.gpa + size > KV_OVMF_END)
    return kv_fail(error, "io", "section %u (%s) ends above 4 GiB: 0x%x bytes at 0x%x",
                   (unsigned)index, name, (unsigned)it.size, (unsigned)it.gpa);
  if (it.type == KV_OVMF_KERNEL_HASHES && measure->has_kernel && size != KV_PAGE_SIZE)
    return kv_fail(error, "io", "section %u (%s) must be one page, not 0x%x bytes", (unsigned)index,
                   name, (unsigned)it.size);
  *pages += size / KV_PAGE_SIZE;
  if (*pages > SECTION_PAGES_MAX)
    return kv_fail(error, "io", "the SEV metadata's sections cover more than 4 GiB");
  return 0;
}

static int check_sections(const kv_measure *measure, const kv_ovmf *image, kv_error *error) {
  uint64_t pages = 0;
  if (!image->has_metadata)
    return kv_fail(error, "io", "there is no SEV metadata in the image: it cannot start with SNP");
  for (uint32_t i = 0; i < image->section_count; i++) {
    kv_ovmf_section it = kv_ovmf_section_at(image, i);
    if (check_section(measure, i, it, &pages, error) < 0) return -1;
  }
  return 0;
}

static int check_pages(const kv_ovmf *image, const char *what, kv_error *error) {
  if (image->size % KV_PAGE_SIZE == 0) return 0;
  return kv_fail(error, "io", "the %s has %zu bytes, which is no multiple of %d", what, image->size,
                 KV_PAGE_SIZE);
}

static int check_svsm(const kv_measure *measure, kv_error *error) {
  const kv_ovmf *svsm = measure->svsm;
  if (check_pages(svsm, "SVSM", error) < 0) return -1;
  if (!svsm->has_svsm) return kv_fail(error, "io", "the image has no SVSM info: it is no SVSM");
  if (measure->vars_size % KV_PAGE_SIZE != 0)
    return kv_fail(error, "invalid_argument", "vars_size must be a multiple of %d", KV_PAGE_SIZE);
  if (measure->vars_size > measure->ovmf->gpa - svsm->size)
    return kv_fail(error, "invalid_argument",
                   "firmware, SVSM and vars_size do not fit below 4 GiB");
  return check_sections(measure, svsm, error);
}

static int check_reset(const kv_measure *measure, kv_error *error) {
  if (measure->ovmf->has_reset_eip) return 0;
  return kv_fail(error, "io",
                 "the firmware has no SEV-ES reset block: it cannot start with SEV-ES or SNP");
}

int kv_measure_check(const kv_measure *measure, kv_error *error) {
  if (check_asked(measure, error) < 0 || check_kernel(measure, error) < 0 ||
      check_cpus(measure, error) < 0)
    return -1;
  bool pages = measure->mode != KV_MEASURE_SEV && measure->mode != KV_MEASURE_SEV_ES;
  if (pages && check_pages(measure->ovmf, "firmware", error) < 0) return -1;
  switch (measure->mode) {
  case KV_MEASURE_SNP:
    if (check_reset(measure, error) < 0) return -1;
    return check_sections(measure, measure->ovmf, error);
  case KV_MEASURE_SNP_SVSM:
    return check_svsm(measure, error);
  case KV_MEASURE_SEV_ES:
    return check_reset(measure, error);
  default:
    return 0;
  }
}
