/*
 * What the processor says of memory encryption.
 */
#ifndef KV_SNP_CBIT_H
#define KV_SNP_CBIT_H

enum { KV_CBIT_USUAL = 51 };

/* The position of the C-bit in a page table entry: CPUID Fn8000_001F EBX[5:0] (AMD64 APM volume 3,
 * appendix E) where the processor has it, else KV_CBIT_USUAL, as on the EPYC processors
 * that have SEV-SNP. */
int kv_cbit_position(void);

#endif
