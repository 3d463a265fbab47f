#include "snp/tcb.h"

enum { ABSENT = 255 };

/* Which byte of TCB_VERSION a component is. */
static const uint8_t BYTES[][KV_TCB_PARTS] = {
    [KV_TCB_UNKNOWN] = {ABSENT, ABSENT, ABSENT, ABSENT, ABSENT},
    [KV_TCB_MILAN] = {[KV_TCB_FMC] = ABSENT,
                      [KV_TCB_BOOT_LOADER] = 0,
                      [KV_TCB_TEE] = 1,
                      [KV_TCB_SNP] = 6,
                      [KV_TCB_MICROCODE] = 7},
    [KV_TCB_TURIN] = {[KV_TCB_FMC] = 0,
                      [KV_TCB_BOOT_LOADER] = 1,
                      [KV_TCB_TEE] = 2,
                      [KV_TCB_SNP] = 3,
                      [KV_TCB_MICROCODE] = 7},
};

const char *kv_tcb_part_name(kv_tcb_part part) {
  static const char *const NAMES[KV_TCB_PARTS] = {"fmc", "boot_loader", "tee", "snp", "microcode"};
  return NAMES[part];
}

kv_tcb_layout kv_tcb_layout_of(kv_product product) {
  switch (product) {
  case KV_PRODUCT_MILAN:
  case KV_PRODUCT_GENOA:
    return KV_TCB_MILAN;
  case KV_PRODUCT_TURIN:
    return KV_TCB_TURIN;
  default:
    return KV_TCB_UNKNOWN;
  }
}

bool kv_tcb_has(kv_tcb_layout layout, kv_tcb_part part) { return BYTES[layout][part] != ABSENT; }

kv_tcb kv_tcb_parse(kv_tcb_layout layout, uint64_t value) {
  kv_tcb tcb = {.layout = layout};
  for (int i = 0; i < KV_TCB_PARTS; i++)
    if (BYTES[layout][i] != ABSENT) tcb.part[i] = (uint8_t)(value >> 8 * BYTES[layout][i]);
  return tcb;
}

uint64_t kv_tcb_write(const kv_tcb *tcb) {
  uint64_t value = 0;
  for (int i = 0; i < KV_TCB_PARTS; i++)
    if (BYTES[tcb->layout][i] != ABSENT)
      value |= (uint64_t)tcb->part[i] << 8 * BYTES[tcb->layout][i];
  return value;
}

uint64_t kv_tcb_reserved(kv_tcb_layout layout, uint64_t value) {
  if (layout == KV_TCB_UNKNOWN) return 0;
  kv_tcb tcb = kv_tcb_parse(layout, value);
  return value ^ kv_tcb_write(&tcb);
}

unsigned kv_tcb_above(const kv_tcb *a, const kv_tcb *b) {
  unsigned above = 0;
  for (unsigned i = 0; i < KV_TCB_PARTS; i++)
    if (a->part[i] > b->part[i]) above |= 1u << i;
  return above;
}

bool kv_tcb_at_most(const kv_tcb *a, const kv_tcb *b) {
  return a->layout == b->layout && a->layout != KV_TCB_UNKNOWN && kv_tcb_above(a, b) == 0;
}
