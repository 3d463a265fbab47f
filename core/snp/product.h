/*
 * The product lines of AMD EPYC that make reports: each has its own root key, name at the key
 * server and layout of the TCB. Bergamo and Siena (Zen 4c) are Genoa in all of these.
 */
#ifndef KV_SNP_PRODUCT_H
#define KV_SNP_PRODUCT_H

#include <stddef.h>
#include <stdint.h>

typedef enum kv_product {
  KV_PRODUCT_UNKNOWN, /* not decidable from what is there, or not known to us */
  KV_PRODUCT_MILAN,
  KV_PRODUCT_GENOA,
  KV_PRODUCT_TURIN,
  KV_PRODUCT_VENICE, /* recognised so that it can be named; not supported */
} kv_product;

enum { KV_PRODUCTS = KV_PRODUCT_VENICE + 1 };

/* "Milan", "Genoa", "Turin", "Venice" as the key server writes them; "unknown". Never NULL. */
const char *kv_product_name(kv_product product);

/* The product of a name of `size` bytes: "Milan", "Genoa" or "Turin" in any case; what follows a
 * '-' is a stepping ("Milan-B0", as productName of a VCEK: AMD 57230) and must be two characters, a
 * letter and a digit. Else KV_PRODUCT_UNKNOWN. */
kv_product kv_product_of_name(const char *name, size_t size);

/* The product of a combined CPUID family and model (Fn0000_0001_EAX; in a report,
 * CPUID_FAM_ID and CPUID_MOD_ID), or KV_PRODUCT_UNKNOWN. */
kv_product kv_product_of_cpuid(unsigned family, unsigned model);

/* The same for the whole Fn0000_0001_EAX: extended family and model added to the base ones
 * (AMD64 APM volume 3, appendix E). */
kv_product kv_product_of_cpuid_eax(uint32_t eax);

#endif
