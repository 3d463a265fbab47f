/* Firmware images: whatever their tables say, nothing outside of them is read, and what can be
 * measured is measured alike in one go and in two. The first byte chooses how the rest becomes an
 * image: as it is, or with a footer table that ends where one must. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "snp/measure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TABLE_END = 32, GUID_SIZE = 16, IMAGE_MAX = 3 * KV_PAGE_SIZE, PAGES_MAX = 2000 };

static const uint8_t FOOTER_GUID[GUID_SIZE] = {0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
                                               0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d};

/* An image of whole pages with `data` before the footer's GUID: its last two bytes are the size of
 * the table. */
static uint8_t *dressed(const uint8_t *data, size_t size, size_t *image_size) {
  size_t tail = GUID_SIZE + TABLE_END;
  size_t pages = (size + tail + KV_PAGE_SIZE - 1) / KV_PAGE_SIZE;
  *image_size = pages * KV_PAGE_SIZE;
  uint8_t *image = calloc(1, *image_size);
  if (!image) abort();
  if (size) memcpy(image + (*image_size - tail - size), data, size);
  memcpy(image + (*image_size - tail), FOOTER_GUID, GUID_SIZE);
  return image;
}

static uint8_t *plain(const uint8_t *data, size_t size, size_t *image_size) {
  uint8_t *image = malloc(size ? size : 1); /* of exactly this size: a byte too far is noticed */
  if (!image) abort();
  if (size) memcpy(image, data, size);
  *image_size = size;
  return image;
}

/* How many pages all sections have; every section is read. */
static uint64_t count_pages(const kv_ovmf *ovmf) {
  uint64_t pages = 0;
  for (uint32_t i = 0; i < ovmf->section_count; i++) {
    kv_ovmf_section it = kv_ovmf_section_at(ovmf, i);
    pages += it.size / KV_PAGE_SIZE + 1;
    if (!*kv_ovmf_section_name(it.type)) abort();
  }
  return pages;
}

/* The digest after the firmware's pages, and from there to the end, must be that of the whole. */
static void measure_in_two(const kv_measure *whole, const uint8_t *digest) {
  uint8_t start[KV_LAUNCH_DIGEST_SIZE], rest[KV_LAUNCH_DIGEST_SIZE];
  size_t size;
  kv_error error;
  kv_measure half = *whole;
  half.mode = KV_MEASURE_SNP_OVMF_HASH;
  half.has_kernel = false;
  if (kv_measure_digest(&half, start, &size, &error) < 0) abort();
  half = *whole;
  half.ovmf_hash = start;
  if (kv_measure_digest(&half, rest, &size, &error) < 0) abort();
  if (size != sizeof rest || memcmp(rest, digest, size) != 0) abort();
}

static void measure(const kv_ovmf *ovmf, kv_measure_mode mode, kv_vmm vmm, bool kernel) {
  kv_measure all = {.mode = mode,
                    .vmm = vmm,
                    .vcpus = 3,
                    .has_vcpu_signature = true,
                    .vcpu_signature = 0x800f12,
                    .guest_features = 1,
                    .ovmf = ovmf,
                    .has_kernel = kernel};
  uint8_t digest[KV_LAUNCH_DIGEST_SIZE];
  size_t size;
  kv_error error;
  if (mode == KV_MEASURE_SNP_SVSM) all.svsm = ovmf;
  if (kv_measure_digest(&all, digest, &size, &error) < 0) {
    if (!*error.message || !*error.kind) abort();
    return;
  }
  if (kernel && (!ovmf->has_hashes || ovmf->hashes_gpa == 0)) abort(); /* it was not measured */
  if (mode == KV_MEASURE_SNP) measure_in_two(&all, digest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1 || size > IMAGE_MAX) return 0;
  size_t image_size;
  uint8_t *image = data[0] & 1 ? dressed(data + 1, size - 1, &image_size)
                               : plain(data + 1, size - 1, &image_size);
  kv_ovmf ovmf;
  kv_error error;
  if (kv_ovmf_parse(image, image_size, &ovmf, &error) == 0 && count_pages(&ovmf) < PAGES_MAX) {
    measure(&ovmf, KV_MEASURE_SNP, (kv_vmm)(data[0] >> 1 & 1), data[0] & 8);
    measure(&ovmf, KV_MEASURE_SNP, KV_VMM_GCE, data[0] & 8);
    measure(&ovmf, KV_MEASURE_SNP_SVSM, KV_VMM_QEMU, false);
    measure(&ovmf, KV_MEASURE_SEV_ES, KV_VMM_QEMU, data[0] & 8);
  }
  free(image);
  return 0;
}
