/*
 * TCB_VERSION: the security versions of what a platform runs (AMD 56860, section 2.2; on Turin, the
 * layout that FMC begins). Kept as the 64-bit little-endian number of a report; its bytes
 * mean different things by product. There is no order on the whole: components are compared each
 * with its own.
 */
#ifndef KV_SNP_TCB_H
#define KV_SNP_TCB_H

#include <stdbool.h>
#include <stdint.h>

#include "snp/product.h"

typedef enum kv_tcb_layout {
  KV_TCB_UNKNOWN,
  KV_TCB_MILAN, /* Milan and Genoa */
  KV_TCB_TURIN, /* with FMC */
} kv_tcb_layout;

typedef enum kv_tcb_part {
  KV_TCB_FMC, /* Turin only */
  KV_TCB_BOOT_LOADER,
  KV_TCB_TEE,
  KV_TCB_SNP,
  KV_TCB_MICROCODE,
} kv_tcb_part;

enum { KV_TCB_PARTS = KV_TCB_MICROCODE + 1 };

typedef struct kv_tcb {
  kv_tcb_layout layout;
  uint8_t part[KV_TCB_PARTS]; /* by kv_tcb_part; part[KV_TCB_FMC] is 0 where there is none */
} kv_tcb;

/* "fmc", "boot_loader", "tee", "snp", "microcode". */
const char *kv_tcb_part_name(kv_tcb_part part);

/* The layout that a product uses; KV_TCB_UNKNOWN for UNKNOWN and VENICE. */
kv_tcb_layout kv_tcb_layout_of(kv_product product);

/* Whether the layout has this component. */
bool kv_tcb_has(kv_tcb_layout layout, kv_tcb_part part);

/* Takes `value` apart. With KV_TCB_UNKNOWN every component is 0. */
kv_tcb kv_tcb_parse(kv_tcb_layout layout, uint64_t value);

/* Puts it together: reserved bytes are zero. */
uint64_t kv_tcb_write(const kv_tcb *tcb);

/* The bits of `value` that are in reserved bytes; 0 with KV_TCB_UNKNOWN. */
uint64_t kv_tcb_reserved(kv_tcb_layout layout, uint64_t value);

/* Whether every component of `a` is at most that of `b`. Both must have the same layout, and not
 * KV_TCB_UNKNOWN: else false. */
bool kv_tcb_at_most(const kv_tcb *a, const kv_tcb *b);

/* The components of `a` that are above those of `b`, as a mask of 1 << kv_tcb_part. */
unsigned kv_tcb_above(const kv_tcb *a, const kv_tcb *b);

#endif
