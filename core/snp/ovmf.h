/*
 * What a firmware image (OVMF, or an SVSM in the same form) says about itself: the GUIDed table at
 * its end (edk2, OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm) and the SEV metadata that it points
 * to (edk2, OvmfPkg/ResetVector/X64/OvmfSevMetadata.asm). Integers are little-endian; GUIDs have
 * their first three groups byte-swapped.
 */
#ifndef KV_SNP_OVMF_H
#define KV_SNP_OVMF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Far above what QEMU takes as firmware (16 MiB). */
#define KV_OVMF_SIZE_MAX (UINT32_C(64) << 20)

/* The firmware is mapped so that it ends here. */
#define KV_OVMF_END (UINT64_C(1) << 32)

/* Types of SEV metadata sections: OvmfSevMetadata.asm; SVSM_CAA and KERNEL_HASHES likewise. */
typedef enum kv_ovmf_section_type {
  KV_OVMF_SEC_MEM = 1,
  KV_OVMF_SECRETS = 2,
  KV_OVMF_CPUID = 3,
  KV_OVMF_SVSM_CAA = 4,
  KV_OVMF_KERNEL_HASHES = 0x10,
} kv_ovmf_section_type;

typedef struct kv_ovmf_section {
  uint32_t gpa, size; /* bytes; whatever the image has there */
  uint32_t type;      /* may be none of kv_ovmf_section_type */
} kv_ovmf_section;

typedef struct kv_ovmf {
  const uint8_t *bytes; /* not owned */
  size_t size;
  uint64_t gpa;   /* of its first byte */
  bool has_table; /* the table, and then which of its entries: */
  bool has_reset_eip, has_hashes, has_svsm, has_metadata;
  uint32_t reset_eip;               /* where application processors begin */
  uint32_t hashes_gpa, hashes_size; /* the area for the kernel hashes; gpa 0: there is none */
  uint32_t svsm_entry;              /* offset of the entry point in the image */
  const uint8_t *sections;          /* section_count of them, 12 bytes each */
  uint32_t section_count;
} kv_ovmf;

/* Reads the image, which must outlive *ovmf. An image without a table is not an error (plain SEV
 * does without); entries with unknown GUIDs are passed over. Returns 0, or -1 and *error (`io`): an
 * image that is empty or larger than KV_OVMF_SIZE_MAX, an entry that reaches out of the table, is
 * too short, or is there twice, metadata out of the image or of an unknown form. */
int kv_ovmf_parse(const uint8_t *bytes, size_t size, kv_ovmf *ovmf, kv_error *error);

/* The section at `index`, below section_count. */
kv_ovmf_section kv_ovmf_section_at(const kv_ovmf *ovmf, uint32_t index);

bool kv_ovmf_has_section(const kv_ovmf *ovmf, kv_ovmf_section_type type);

/* "SEC_MEM" …, or "unknown". */
const char *kv_ovmf_section_name(uint32_t type);

#endif
