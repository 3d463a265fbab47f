/* The structural check: what a report must be, whoever signed it. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/little.h"
#include "snp/guest_policy.h"
#include "snp/report.h"

/* ---- listing ---- */

typedef struct list {
  kv_report_problem *problems;
  size_t count;
} list;

static void add(list *to, kv_report_rule rule, const char *field, size_t offset, size_t size,
                size_t wrong) {
  if (to->count == KV_REPORT_PROBLEMS_MAX) return;
  to->problems[to->count++] = (kv_report_problem){.rule = rule,
                                                  .field = field,
                                                  .offset = (uint16_t)offset,
                                                  .size = (uint16_t)size,
                                                  .wrong = (uint16_t)wrong};
}

static void add_field(list *to, kv_report_rule rule, const char *field, size_t offset,
                      size_t size) {
  add(to, rule, field, offset, size, 0);
}

/* Bytes that must be zero, seen eight at a time: they usually are. */
static void check_zero(list *to, const kv_report *report, kv_report_rule rule, const char *field,
                       size_t offset, size_t size) {
  const uint8_t *bytes = report->raw + offset;
  uint64_t any = 0;
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t eight;
    memcpy(&eight, bytes + i, sizeof eight);
    any |= eight;
  }
  for (; i < size; i++) any |= bytes[i];
  if (any == 0) return;
  size_t first = size, wrong = 0;
  for (i = 0; i < size; i++) {
    if (bytes[i] == 0) continue;
    if (first == size) first = i;
    wrong++;
  }
  add(to, rule, field, offset + first, size, wrong);
}

/* ---- the rules ---- */

typedef struct region {
  const char *name;
  uint16_t offset, size;
  uint8_t first, last; /* versions */
} region;

static const region RESERVED[] = {
    {"reserved_04c", 0x04c, 4, 2, 5},    {"reserved_188", 0x188, 24, 2, 2},
    {"reserved_18b", 0x18b, 21, 3, 5},   {"reserved_1eb", 0x1eb, 1, 2, 5},
    {"reserved_1ef", 0x1ef, 1, 2, 5},    {"reserved_1f8", 0x1f8, 0xa8, 2, 4},
    {"reserved_208", 0x208, 0x98, 5, 5},
};

static void check_reserved(list *to, const kv_report *report) {
  for (size_t i = 0; i < sizeof RESERVED / sizeof *RESERVED; i++)
    if (report->version >= RESERVED[i].first && report->version <= RESERVED[i].last)
      check_zero(to, report, KV_RULE_RESERVED, RESERVED[i].name, RESERVED[i].offset,
                 RESERVED[i].size);
}

static void check_key(list *to, const kv_report *report) {
  if (report->key_info & ~KV_KEY_INFO_KNOWN) add_field(to, KV_RULE_KEY_INFO, "key_info", 0x048, 4);
  if (kv_report_signing_key(report) > KV_SIGNING_KEY_VLEK)
    add_field(to, KV_RULE_SIGNING_KEY, "key_info", 0x048, 4);
  if (report->key_info & KV_KEY_INFO_MASK_CHIP_KEY)
    add_field(to, KV_RULE_MASK_CHIP_KEY, "key_info", 0x048, 4);
  if (!(report->key_info & KV_KEY_INFO_AUTHOR_KEY))
    check_zero(to, report, KV_RULE_AUTHOR_KEY, "author_key_digest", 0x110,
               sizeof report->author_key_digest);
}

static void check_policy(list *to, const kv_report *report) {
  if (!(report->policy & KV_GUEST_POLICY_ALWAYS))
    add_field(to, KV_RULE_POLICY_BIT_17, "policy", 0x008, 8);
  if (report->policy & ~kv_guest_policy_known())
    add_field(to, KV_RULE_POLICY_RESERVED, "policy", 0x008, 8);
}

static void check_product(list *to, const kv_report *report, kv_product product) {
  kv_product told = kv_product_of_report(report);
  if (report->version >= 3 && (told == KV_PRODUCT_UNKNOWN || told == KV_PRODUCT_VENICE))
    add_field(to, KV_RULE_PRODUCT, "cpuid_fam_id", 0x188, 3);
  if (product == KV_PRODUCT_UNKNOWN) product = told;
  if (product == KV_PRODUCT_TURIN)
    check_zero(to, report, KV_RULE_CHIP_ID, "chip_id", 0x1a8, sizeof report->chip_id - 8);
}

static void check_tcbs(list *to, const kv_report *report, kv_product product) {
  static const struct {
    const char *name;
    uint16_t offset;
  } TCBS[] = {{"current_tcb", 0x038},
              {"reported_tcb", 0x180},
              {"committed_tcb", 0x1e0},
              {"launch_tcb", 0x1f0}};
  kv_tcb_layout layout = kv_tcb_layout_of_report(report, product);
  for (size_t i = 0; i < sizeof TCBS / sizeof *TCBS; i++) {
    uint64_t reserved = kv_tcb_reserved(layout, kv_le64(report->raw + TCBS[i].offset));
    if (!reserved) continue;
    size_t first = 0, wrong = 0;
    for (size_t byte = 8; byte-- > 0;) {
      if (!(reserved >> 8 * byte & 0xff)) continue;
      first = byte;
      wrong++;
    }
    add(to, KV_RULE_TCB_RESERVED, TCBS[i].name, TCBS[i].offset + first, 8, wrong);
  }
}

static void check_signature(list *to, const kv_report *report) {
  check_zero(to, report, KV_RULE_SIGNATURE_SCALARS, "signature_r", 0x2d0, 24);
  check_zero(to, report, KV_RULE_SIGNATURE_SCALARS, "signature_s", 0x318, 24);
  check_zero(to, report, KV_RULE_SIGNATURE_RESERVED, "signature_reserved", 0x330, 0x170);
}

size_t kv_report_check(const kv_report *report, kv_product product,
                       kv_report_problem problems[KV_REPORT_PROBLEMS_MAX]) {
  list found = {.problems = problems};
  check_reserved(&found, report);
  if (report->signature_algo != KV_REPORT_ALGO_ECDSA_P384_SHA384)
    add_field(&found, KV_RULE_SIGNATURE_ALGO, "signature_algo", 0x034, 4);
  if (report->vmpl > 3) add_field(&found, KV_RULE_VMPL, "vmpl", 0x030, 4);
  check_key(&found, report);
  check_policy(&found, report);
  check_product(&found, report, product);
  check_tcbs(&found, report, product);
  check_signature(&found, report);
  return found.count;
}

/* ---- for people ---- */

const char *kv_report_rule_name(kv_report_rule rule) {
  static const char *const NAMES[KV_RULES] = {
      "reserved",          "signature_algo",    "vmpl",       "key_info",
      "signing_key",       "mask_chip_key",     "author_key", "policy_bit_17",
      "policy_reserved",   "product",           "chip_id",    "tcb_reserved",
      "signature_scalars", "signature_reserved"};
  return NAMES[rule];
}

static void say_product(const kv_report *report, char *text, size_t size) {
  kv_product told = kv_product_of_report(report);
  snprintf(text, size,
           "cpuid_fam_id at 0x188: family 0x%02x, model 0x%02x is %s; Milan, Genoa and Turin are "
           "supported",
           report->cpuid_fam_id, report->cpuid_mod_id,
           told == KV_PRODUCT_UNKNOWN ? "not known" : kv_product_name(told));
}

static void say_vmpl(const kv_report *report, char *text, size_t size) {
  if (report->vmpl == KV_REPORT_VMPL_HOST)
    snprintf(text, size,
             "vmpl at 0x030: the host asked for this report, so its report_data is the host's");
  else
    snprintf(text, size, "vmpl at 0x030 must be 0 to 3, is %" PRIu32, report->vmpl);
}

/* Those that are about the value of a number. Returns whether the rule is one of them. */
static bool say_number(const kv_report *r, kv_report_rule rule, char *text, size_t size) {
  switch (rule) {
  case KV_RULE_SIGNATURE_ALGO:
    snprintf(text, size,
             "signature_algo at 0x034 must be 1 (ECDSA P-384 with SHA-384), is %" PRIu32,
             r->signature_algo);
    return true;
  case KV_RULE_VMPL:
    return say_vmpl(r, text, size), true;
  case KV_RULE_KEY_INFO:
    snprintf(text, size, "key_info at 0x048 has reserved bits set: 0x%" PRIx32,
             r->key_info & ~KV_KEY_INFO_KNOWN);
    return true;
  case KV_RULE_SIGNING_KEY:
    snprintf(text, size, "key_info at 0x048: signing key %u is %s; it must be 0 (VCEK) or 1 (VLEK)",
             kv_report_signing_key(r),
             kv_report_signing_key(r) == KV_SIGNING_KEY_NONE ? "none" : "reserved");
    return true;
  case KV_RULE_MASK_CHIP_KEY:
    snprintf(text, size, "key_info at 0x048: MASK_CHIP_KEY is set, so the report is not signed");
    return true;
  case KV_RULE_POLICY_BIT_17:
    snprintf(text, size, "policy at 0x008: bit 17 must be 1, policy is 0x%" PRIx64, r->policy);
    return true;
  case KV_RULE_POLICY_RESERVED:
    snprintf(text, size, "policy at 0x008 has reserved bits set: 0x%" PRIx64,
             r->policy & ~kv_guest_policy_known());
    return true;
  case KV_RULE_PRODUCT:
    return say_product(r, text, size), true;
  default:
    return false;
  }
}

char *kv_report_problem_text(const kv_report *report, const kv_report_problem *problem, char *text,
                             size_t size) {
  if (say_number(report, problem->rule, text, size)) return text;
  const char *why = "";
  switch (problem->rule) {
  case KV_RULE_AUTHOR_KEY:
    why = ", since AUTHOR_KEY_EN is 0";
    break;
  case KV_RULE_CHIP_ID:
    why = " after its first 8 bytes, on Turin";
    break;
  case KV_RULE_TCB_RESERVED:
    why = " in its reserved bytes";
    break;
  case KV_RULE_SIGNATURE_SCALARS:
    why = " above its 48 bytes";
    break;
  default:
    break;
  }
  snprintf(text, size, "%s must be zero%s; byte 0x%03x is 0x%02x%s", problem->field, why,
           (unsigned)problem->offset, (unsigned)report->raw[problem->offset],
           problem->wrong > 1 ? " and not the only one" : "");
  return text;
}
