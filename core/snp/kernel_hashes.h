/*
 * The table by which measured firmware knows the kernel, initrd and command line that it is given:
 * QEMU, target/i386/sev.c (SevHashTable) and edk2, OvmfPkg/AmdSev/BlobVerifierLibSevHashes.
 */
#ifndef KV_SNP_KERNEL_HASHES_H
#define KV_SNP_KERNEL_HASHES_H

#include <stdint.h>

#include "base/error.h"
#include "snp/hash.h"

enum { KV_KERNEL_HASHES_SIZE = 0xb0, KV_PAGE_SIZE = 4096 };

/* SHA-256 each. The command line's is over the string and one NUL; without an initrd, over nothing.
 */
typedef struct kv_kernel_hashes {
  uint8_t cmdline[KV_SHA256_SIZE], initrd[KV_SHA256_SIZE], kernel[KV_SHA256_SIZE];
} kv_kernel_hashes;

/* The table, padded with zeros to a multiple of 16. */
void kv_kernel_hashes_table(const kv_kernel_hashes *hashes, uint8_t table[KV_KERNEL_HASHES_SIZE]);

/* The page that has the table where `gpa`, the firmware's area for it, says, and zeros.
 * Returns 0, or -1 and *error (`io`) if the table would cross the page's end. */
int kv_kernel_hashes_page(const kv_kernel_hashes *hashes, uint32_t gpa, uint8_t page[KV_PAGE_SIZE],
                          kv_error *error);

#endif
