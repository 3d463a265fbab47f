#include "snp/kernel_hashes.h"

#include <string.h>

#include "base/little.h"

enum { GUID_SIZE = 16, ENTRY_SIZE = GUID_SIZE + 2 + KV_SHA256_SIZE, TABLE_SIZE = 0xa8 };

/* As they lie in memory: their first three groups byte-swapped. */
static const uint8_t TABLE_GUID[GUID_SIZE] = /* 9438d606-4f22-4cc9-b479-a793d411fd21 */
    {0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c,
     0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21};
static const uint8_t CMDLINE_GUID[GUID_SIZE] = /* 97d02dd8-bd20-4c94-aa78-e7714d36ab2a */
    {0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c,
     0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a};
static const uint8_t INITRD_GUID[GUID_SIZE] = /* 44baf731-3a2f-4bd7-9af1-41e29169781d */
    {0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b,
     0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d};
static const uint8_t KERNEL_GUID[GUID_SIZE] = /* 4de79437-abd2-427f-b835-d5b172d2045b */
    {0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42,
     0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b};

static uint8_t *put_entry(uint8_t *at, const uint8_t *guid, const uint8_t *hash) {
  memcpy(at, guid, GUID_SIZE);
  kv_put_le(at + GUID_SIZE, ENTRY_SIZE, 2);
  memcpy(at + GUID_SIZE + 2, hash, KV_SHA256_SIZE);
  return at + ENTRY_SIZE;
}

void kv_kernel_hashes_table(const kv_kernel_hashes *hashes, uint8_t table[KV_KERNEL_HASHES_SIZE]) {
  memset(table, 0, KV_KERNEL_HASHES_SIZE);
  memcpy(table, TABLE_GUID, GUID_SIZE);
  kv_put_le(table + GUID_SIZE, TABLE_SIZE, 2);
  uint8_t *at = table + GUID_SIZE + 2;
  at = put_entry(at, CMDLINE_GUID, hashes->cmdline);
  at = put_entry(at, INITRD_GUID, hashes->initrd);
  put_entry(at, KERNEL_GUID, hashes->kernel);
}

int kv_kernel_hashes_page(const kv_kernel_hashes *hashes, uint32_t gpa, uint8_t page[KV_PAGE_SIZE],
                          kv_error *error) {
  size_t offset = gpa % KV_PAGE_SIZE;
  if (offset > KV_PAGE_SIZE - KV_KERNEL_HASHES_SIZE)
    return kv_fail(error, "io", "the firmware's area for kernel hashes (0x%x) crosses a page's end",
                   (unsigned)gpa);
  memset(page, 0, KV_PAGE_SIZE);
  kv_kernel_hashes_table(hashes, page + offset);
  return 0;
}
