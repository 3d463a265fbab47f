/*
 * The checks of a verification: what each is called, and how it came out. All of them are in every
 * result, in one order; what could not be checked says why.
 */
#ifndef KV_SNP_CHECKS_H
#define KV_SNP_CHECKS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "snp/der.h"

typedef enum kv_check_id {
  /* parse: what the report is by itself */
  KV_CHECK_VERSION,
  KV_CHECK_SIGNATURE_ALGO,
  KV_CHECK_VMPL,
  KV_CHECK_KEY_INFO,
  KV_CHECK_RESERVED,
  KV_CHECK_TCB_RESERVED,
  KV_CHECK_AUTHOR_KEY,
  KV_CHECK_SIGNATURE_RESERVED,
  /* chain: certificates up to a trusted root; the same seven for each of the three */
  KV_CHECK_CERTIFICATES,
  KV_CHECK_VEK,
  KV_CHECK_ASK = KV_CHECK_VEK + 7,
  KV_CHECK_ARK = KV_CHECK_ASK + 7,
  KV_CHECK_ARK_TRUSTED = KV_CHECK_ARK + 7,
  KV_CHECK_CRL_ENCODING,
  KV_CHECK_CRL_ISSUER,
  KV_CHECK_CRL_SIGNATURE,
  KV_CHECK_CRL_EXTENSIONS,
  KV_CHECK_CRL_VALIDITY,
  KV_CHECK_CRL_ASK,
  KV_CHECK_CRL_VEK,
  /* bind: the VEK's certificate is about this report */
  KV_CHECK_SIGNING_KEY,
  KV_CHECK_PRODUCT_NAME,
  KV_CHECK_CPUID,
  KV_CHECK_PRODUCT_ASKED,
  KV_CHECK_VEK_FORMAT,
  KV_CHECK_TCB, /* by kv_tcb_part */
  KV_CHECK_CHIP_ID = KV_CHECK_TCB + 5,
  KV_CHECK_CSP_ID,
  /* signature: the VEK signed the report */
  KV_CHECK_SIGNED,
  KV_CHECK_SCALARS,
  KV_CHECK_RANGE,
  KV_CHECK_SIGNATURE,
  /* policy: no part of being genuine */
  KV_CHECK_TCB_REPORTED,
  KV_CHECK_TCB_COMMITTED,
  KV_CHECK_TCB_LAUNCH,
  KV_CHECK_FIRMWARE,
  KV_CHECK_POLICY_RESERVED,
} kv_check_id;

enum { KV_CHECKS = KV_CHECK_POLICY_RESERVED + 1, KV_CHECK_TEXT = 152, KV_CHECK_TEXTS = 8 << 10 };

/* The seven checks of a certificate: KV_CHECK_VEK + one of these, and so on. */
enum {
  KV_OF_ENCODING,
  KV_OF_NAMES,
  KV_OF_KEY,
  KV_OF_ALGORITHM,
  KV_OF_VALIDITY,
  KV_OF_EXTENSIONS,
  KV_OF_SIGNATURE,
};

typedef enum kv_status { KV_NOT_CHECKED, KV_PASS, KV_FAIL } kv_status;

/* Texts are never NULL. They are constants, or kept with the result that the check is in. */
typedef struct kv_check {
  const char *expected, *found;
  const char *reason; /* why it was not checked; or what a failure means */
  kv_status status;
  bool optional; /* of one not checked: a report may be genuine without it */
} kv_check;

/* Texts of one result, one after the other. What a result says fills a quarter of it; of one whose
 * certificates have names as long as can be shown, the last texts may be cut. */
typedef struct kv_texts {
  size_t used;
  char bytes[KV_CHECK_TEXTS];
} kv_texts;

typedef struct kv_check_kind {
  const char *id;    /* for programs: stable */
  const char *stage; /* "parse", "chain", "bind", "signature", "policy" */
  const char *name;  /* for people */
  const char *field; /* of the report, as kv_report_fields has it; NULL: none */
} kv_check_kind;

extern const kv_check_kind KV_CHECK_KINDS[KV_CHECKS];

/* "pass", "fail", "not_checked". */
const char *kv_status_name(kv_status status);

void kv_check_judge(kv_check *check, bool passed);

/* Not checked, and why. */
void kv_check_skip(kv_check *check, bool optional, const char *reason);

/* Fails it, and says what that means. */
void kv_check_explain(kv_check *check, const char *reason);

/* A text, of less than KV_CHECK_TEXT bytes: cut if it is longer. */
const char *kv_texts_add(kv_texts *texts, const char *format, va_list words) KV_PRINTF(2, 0);
const char *kv_texts_add_hex(kv_texts *texts, const uint8_t *bytes, size_t size);

/* RFC 3339, in UTC, of seconds since 1970. Returns `text`, of KV_TIME_TEXT bytes. */
enum { KV_TIME_TEXT = 48 };
char *kv_time_text(int64_t seconds, char *text);

#endif
