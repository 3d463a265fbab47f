#include "snp/product.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const char *const NAMES[KV_PRODUCTS] = {"unknown", "Milan", "Genoa", "Turin", "Venice"};

const char *kv_product_name(kv_product product) {
  return NAMES[(unsigned)product < KV_PRODUCTS ? product : KV_PRODUCT_UNKNOWN];
}

static bool is_stepping(const char *text, size_t size) {
  return size == 3 && text[0] == '-' && text[1] >= 'A' && text[1] <= 'Z' && text[2] >= '0' &&
         text[2] <= '9';
}

kv_product kv_product_of_name(const char *name, size_t size) {
  static const kv_product SUPPORTED[] = {KV_PRODUCT_MILAN, KV_PRODUCT_GENOA, KV_PRODUCT_TURIN};
  for (size_t i = 0; i < sizeof SUPPORTED / sizeof *SUPPORTED; i++) {
    const char *known = NAMES[SUPPORTED[i]];
    size_t length = strlen(known);
    if (size < length || strncasecmp(name, known, length) != 0) continue;
    if (size == length || is_stepping(name + length, size - length)) return SUPPORTED[i];
  }
  return KV_PRODUCT_UNKNOWN;
}

/* From the processor programming references of each: families 19h (Zen 3, Zen 4) and 1Ah (Zen 5 and
 * what follows it). A0h to AFh are Zen 4c. */
static const struct {
  uint8_t family, first, last;
  kv_product product;
} MODELS[] = {
    {0x19, 0x00, 0x0f, KV_PRODUCT_MILAN},  {0x19, 0x10, 0x1f, KV_PRODUCT_GENOA},
    {0x19, 0xa0, 0xaf, KV_PRODUCT_GENOA},  {0x1a, 0x00, 0x11, KV_PRODUCT_TURIN},
    {0x1a, 0x50, 0x57, KV_PRODUCT_VENICE}, {0x1a, 0x90, 0xaf, KV_PRODUCT_VENICE},
    {0x1a, 0xc0, 0xc7, KV_PRODUCT_VENICE},
};

kv_product kv_product_of_cpuid(unsigned family, unsigned model) {
  for (size_t i = 0; i < sizeof MODELS / sizeof *MODELS; i++)
    if (family == MODELS[i].family && model >= MODELS[i].first && model <= MODELS[i].last)
      return MODELS[i].product;
  return KV_PRODUCT_UNKNOWN;
}

kv_product kv_product_of_cpuid_eax(uint32_t eax) {
  unsigned family = eax >> 8 & 0xf, model = eax >> 4 & 0xf;
  if (family == 0xf) {
    family += eax >> 20 & 0xff;
    model |= (eax >> 16 & 0xf) << 4;
  }
  return kv_product_of_cpuid(family, model);
}
