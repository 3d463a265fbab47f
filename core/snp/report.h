/*
 * ATTESTATION_REPORT (AMD 56860, section 7.3): 1184 bytes, versions 2 to 5, to a struct
 * and back. Integers are little-endian. Nothing in here says that a report is genuine.
 */
#ifndef KV_SNP_REPORT_H
#define KV_SNP_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "snp/product.h"
#include "snp/tcb.h"

enum {
  KV_REPORT_SIZE = 0x4a0,
  KV_REPORT_SIGNED_SIZE = 0x2a0, /* bytes 0x000 to 0x29f are signed, the others are not */
  KV_REPORT_SIGNATURE_SIZE = 0x200,
  KV_REPORT_VERSION_MIN = 2,
  KV_REPORT_VERSION_MAX = 5,
  /* SIGNATURE (56860, chapter 10, ECDSA P-384 with SHA-384): R and S, 72 bytes each,
   * little-endian, then zeros. */
  KV_REPORT_SCALAR_SIZE = 72,
  KV_REPORT_ALGO_ECDSA_P384_SHA384 = 1, /* 56860, chapter 10 */
};

/* VMPL of a report that the host asked for (SNP_HV_REPORT_REQ): the guest did not choose its
 * REPORT_DATA. */
#define KV_REPORT_VMPL_HOST UINT32_C(0xffffffff)

/* KEY_INFO, the 32 bits at 0x048. */
enum {
  KV_KEY_INFO_AUTHOR_KEY = 1 << 0,    /* AUTHOR_KEY_EN: AUTHOR_KEY_DIGEST is valid */
  KV_KEY_INFO_MASK_CHIP_KEY = 1 << 1, /* zeros stand in place of the signature */
  KV_KEY_INFO_SIGNING_KEY_SHIFT = 2,  /* bits 4:2 */
  KV_KEY_INFO_SIGNING_KEY_MASK = 7,
};
#define KV_KEY_INFO_KNOWN UINT32_C(0x1f)

typedef enum kv_signing_key {
  KV_SIGNING_KEY_VCEK = 0,
  KV_SIGNING_KEY_VLEK = 1,
  KV_SIGNING_KEY_NONE = 7, /* the report is not signed; 2 to 6 are reserved */
} kv_signing_key;

/* Names are those of the specification. Byte fields are in the report's order. What a version does
 * not have is zero: the CPUID before version 3, the mitigation vectors before 5. */
typedef struct kv_report {
  uint32_t version;
  uint32_t guest_svn;
  uint64_t policy; /* guest_policy.h */
  uint8_t family_id[16];
  uint8_t image_id[16];
  uint32_t vmpl;
  uint32_t signature_algo;
  uint64_t current_tcb; /* tcb.h */
  uint64_t platform_info;
  uint32_t key_info;
  uint8_t report_data[64];
  uint8_t measurement[48];
  uint8_t host_data[32];
  uint8_t id_key_digest[48];
  uint8_t author_key_digest[48];
  uint8_t report_id[32];
  uint8_t report_id_ma[32];
  uint64_t reported_tcb;
  uint8_t cpuid_fam_id; /* combined family, model, and stepping */
  uint8_t cpuid_mod_id;
  uint8_t cpuid_step;
  uint8_t chip_id[64];
  uint64_t committed_tcb;
  uint8_t current_build, current_minor, current_major;
  uint8_t committed_build, committed_minor, committed_major;
  uint64_t launch_tcb;
  uint64_t launch_mit_vector;
  uint64_t current_mit_vector;
  uint8_t signature_r[KV_REPORT_SCALAR_SIZE]; /* little-endian */
  uint8_t signature_s[KV_REPORT_SCALAR_SIZE];
  uint8_t raw[KV_REPORT_SIZE]; /* as given: what is signed is raw[0 … KV_REPORT_SIGNED_SIZE-1] */
} kv_report;

/* Reads `size` bytes, which must be exactly KV_REPORT_SIZE, of a version that is known. Fields that
 * are wrong and reserved bytes that are set do not make it fail: kv_report_check lists them.
 * Returns 0, or -1 and *error (`invalid_argument`). */
int kv_report_parse(const uint8_t *bytes, size_t size, kv_report *report, kv_error *error);

/* Writes the report: the fields that its version has over report->raw, which so gives the reserved
 * bytes. For a parsed report these are the bytes that it was read from; for one made from
 * `(kv_report){0}` reserved bytes are zero. */
void kv_report_write(const kv_report *report, uint8_t bytes[KV_REPORT_SIZE]);

/* The product that the report itself tells: from version 3 on by CPUID; of version 2 only Turin, by
 * its 8-byte chip id (the other 56 zero, the first 8 not). Else KV_PRODUCT_UNKNOWN: the VEK's
 * certificate may know, or whoever asks. */
kv_product kv_product_of_report(const kv_report *report);

/* The layout of its TCBs: that of `product`, or, if that is KV_PRODUCT_UNKNOWN, of the report's
 * own; a version 2 report with a long chip id is not Turin's. Else KV_TCB_UNKNOWN. */
kv_tcb_layout kv_tcb_layout_of_report(const kv_report *report, kv_product product);

/* SIGNING_KEY of KEY_INFO: 0 to 7. */
unsigned kv_report_signing_key(const kv_report *report);

/* Whether CHIP_ID is all zero: masked (MASK_CHIP_ID), or signed by a VLEK. */
bool kv_report_chip_id_masked(const kv_report *report);

/* ---- fields by name ---- */

typedef struct kv_report_field {
  const char *name;
  uint16_t offset, size; /* in the report */
  uint16_t member;       /* offset in kv_report */
  uint8_t since;         /* the first version that has it */
  bool number;           /* unsigned little-endian integer of 1, 4 or 8 bytes; else bytes */
} kv_report_field;

/* All fields in the report's order, *count of them. */
const kv_report_field *kv_report_fields(size_t *count);

/* The value of a field that is a number. */
uint64_t kv_report_number(const kv_report *report, const kv_report_field *field);

/* ---- the structural check ---- */

typedef enum kv_report_rule {
  KV_RULE_RESERVED,          /* reserved bytes within the signed range are zero */
  KV_RULE_SIGNATURE_ALGO,    /* SIGNATURE_ALGO is 1 */
  KV_RULE_VMPL,              /* VMPL is 0 to 3 */
  KV_RULE_KEY_INFO,          /* bits 31:5 of KEY_INFO are zero */
  KV_RULE_SIGNING_KEY,       /* SIGNING_KEY is VCEK or VLEK */
  KV_RULE_MASK_CHIP_KEY,     /* MASK_CHIP_KEY is 0: there is a signature */
  KV_RULE_AUTHOR_KEY,        /* AUTHOR_KEY_DIGEST is zero unless AUTHOR_KEY_EN */
  KV_RULE_POLICY_BIT_17,     /* it is set */
  KV_RULE_POLICY_RESERVED,   /* bits 63:26 of POLICY are zero */
  KV_RULE_PRODUCT,           /* CPUID is of a product that is supported */
  KV_RULE_CHIP_ID,           /* on Turin, bytes 8 to 63 of CHIP_ID are zero */
  KV_RULE_TCB_RESERVED,      /* reserved bytes of the four TCBs are zero */
  KV_RULE_SIGNATURE_SCALARS, /* the upper 24 bytes of R and S are zero */
  KV_RULE_SIGNATURE_RESERVED /* the rest of SIGNATURE is zero (not signed, so anybody's to change)
                              */
} kv_report_rule;

enum { KV_RULES = KV_RULE_SIGNATURE_RESERVED + 1, KV_REPORT_PROBLEMS_MAX = 32 };

typedef struct kv_report_problem {
  kv_report_rule rule;
  const char *field; /* the specification's name, lower case; "reserved_04c" for reserved bytes */
  uint16_t offset;   /* in the report: of the first byte that is wrong */
  uint16_t size;     /* bytes of the field or region */
  uint16_t wrong; /* how many bytes of it are not zero; 0 if that is not what the rule is about */
} kv_report_problem;

/* Lists every rule that a parsed report breaks, each region of reserved bytes on its own, in the
 * order of the rules. `product` as for kv_tcb_layout_of_report. Returns how many; 0: sound. What
 * cannot be judged (a TCB of unknown layout) is not listed. */
size_t kv_report_check(const kv_report *report, kv_product product,
                       kv_report_problem problems[KV_REPORT_PROBLEMS_MAX]);

/* "reserved", "signature_algo", … : a stable name for programs. */
const char *kv_report_rule_name(kv_report_rule rule);

/* One line for people: which field, at which offset, what it must be and what it is. Returns
 * `text`. */
char *kv_report_problem_text(const kv_report *report, const kv_report_problem *problem, char *text,
                             size_t size);

/* ---- PLATFORM_INFO ---- */

typedef struct kv_bit {
  const char *name;
  uint8_t bit;
} kv_bit;

/* The bits that are known, lowest first (56860, PLATFORM_INFO of section 7.3; bit 6 as newer
 * firmware has it). */
const kv_bit *kv_platform_bits(size_t *count);

/* The bits of `platform_info` that are not known. */
uint64_t kv_platform_unknown(uint64_t platform_info);

#endif
