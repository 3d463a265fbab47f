/* What the report is by itself, its signature, and what its fields say about each other (AMD 56860,
 * section 7.3 and chapter 10). */
#include <string.h>

#include "snp/verify_case.h"

static kv_check *check_of(kv_case *c, kv_check_id id) { return &c->result->checks[id]; }

/* ---- by itself ---- */

/* The check that answers for a rule; -1: none in this stage. */
static int check_of_rule(kv_report_rule rule) {
  switch (rule) {
  case KV_RULE_RESERVED:
    return KV_CHECK_RESERVED;
  case KV_RULE_TCB_RESERVED:
    return KV_CHECK_TCB_RESERVED;
  case KV_RULE_AUTHOR_KEY:
    return KV_CHECK_AUTHOR_KEY;
  case KV_RULE_SIGNATURE_RESERVED:
    return KV_CHECK_SIGNATURE_RESERVED;
  case KV_RULE_POLICY_BIT_17:
  case KV_RULE_POLICY_RESERVED:
    return KV_CHECK_POLICY_RESERVED;
  default:
    return -1;
  }
}

static void check_rules(kv_case *c) {
  static const int BY_RULE[] = {KV_CHECK_RESERVED, KV_CHECK_TCB_RESERVED, KV_CHECK_AUTHOR_KEY,
                                KV_CHECK_SIGNATURE_RESERVED, KV_CHECK_POLICY_RESERVED};
  kv_report_problem problems[KV_REPORT_PROBLEMS_MAX];
  char text[KV_CHECK_TEXT];
  size_t count = kv_report_check(&c->report, c->product, problems);
  for (size_t i = 0; i < sizeof BY_RULE / sizeof *BY_RULE; i++) {
    kv_check *check = check_of(c, (kv_check_id)BY_RULE[i]);
    check->expected =
        BY_RULE[i] == KV_CHECK_POLICY_RESERVED ? "bit 17 set, bits 63:26 zero" : "zero";
    check->found = check->expected;
    kv_check_judge(check, true);
  }
  for (size_t i = 0; i < count; i++) {
    int id = check_of_rule(problems[i].rule);
    if (id < 0 || check_of(c, (kv_check_id)id)->status == KV_FAIL) continue;
    kv_check *check = check_of(c, (kv_check_id)id);
    check->found =
        kv_say(c, "%s", kv_report_problem_text(&c->report, &problems[i], text, sizeof text));
    kv_check_judge(check, false);
  }
  kv_check *tcb = check_of(c, KV_CHECK_TCB_RESERVED);
  if (kv_tcb_layout_of_report(&c->report, c->product) == KV_TCB_UNKNOWN)
    kv_check_skip(tcb, false, "the product is not known, and so not the layout of the TCB");
}

static void check_vmpl(kv_case *c) {
  kv_check *check = check_of(c, KV_CHECK_VMPL);
  check->expected = "0 to 3";
  check->found = kv_say(c, "%u", (unsigned)c->report.vmpl);
  kv_check_judge(check, c->report.vmpl <= 3);
  if (c->report.vmpl == KV_REPORT_VMPL_HOST)
    kv_check_explain(check, "the host asked for this report, not the guest");
}

static void check_key_info(kv_case *c) {
  kv_check *check = check_of(c, KV_CHECK_KEY_INFO);
  unsigned key = kv_report_signing_key(&c->report);
  check->expected = "bits 31:5 zero, SIGNING_KEY 0, 1 or 7";
  check->found = kv_say(c, "0x%x", (unsigned)c->report.key_info);
  kv_check_judge(check, (c->report.key_info & ~KV_KEY_INFO_KNOWN) == 0 &&
                            (key <= KV_SIGNING_KEY_VLEK || key == KV_SIGNING_KEY_NONE));
}

void kv_case_check_report(kv_case *c) {
  kv_check *check = check_of(c, KV_CHECK_VERSION);
  check->expected = kv_say(c, "%d to %d", KV_REPORT_VERSION_MIN, KV_REPORT_VERSION_MAX);
  check->found = kv_say(c, "%u", (unsigned)c->result->report_version);
  kv_check_judge(check, c->result->readable);
  if (!c->result->readable) {
    for (int i = KV_CHECK_SIGNATURE_ALGO; i <= KV_CHECK_SIGNATURE_RESERVED; i++)
      kv_check_skip(check_of(c, (kv_check_id)i), false, "the report's version is not known");
    return;
  }
  check = check_of(c, KV_CHECK_SIGNATURE_ALGO);
  check->expected = kv_say(c, "%d", KV_REPORT_ALGO_ECDSA_P384_SHA384);
  check->found = kv_say(c, "%u", (unsigned)c->report.signature_algo);
  kv_check_judge(check, c->report.signature_algo == KV_REPORT_ALGO_ECDSA_P384_SHA384);
  check_vmpl(c);
  check_key_info(c);
  check_rules(c);
}

/* ---- the signature ---- */

/* R and S, as 56860 has them: little-endian, 48 of 72 bytes. */
typedef struct scalars {
  uint8_t r[KV_P384_SIZE], s[KV_P384_SIZE]; /* big-endian */
  bool padded;                              /* the upper bytes of both are zero */
} scalars;

static void read_scalar(const uint8_t *from, uint8_t *to, bool *padded) {
  for (size_t i = 0; i < KV_P384_SIZE; i++) to[i] = from[KV_P384_SIZE - 1 - i];
  for (size_t i = KV_P384_SIZE; i < KV_REPORT_SCALAR_SIZE; i++)
    if (from[i] != 0) *padded = false;
}

static bool check_present(kv_case *c) {
  kv_check *check = check_of(c, KV_CHECK_SIGNED);
  if (!c->result->readable) {
    kv_check_skip(check, false, "the report's version is not known");
    return true;
  }
  check->expected = "MASK_CHIP_KEY 0, SIGNING_KEY not 7";
  check->found = kv_say(c, "0x%x", (unsigned)c->report.key_info);
  kv_check_judge(check, true);
  if (kv_report_signing_key(&c->report) == KV_SIGNING_KEY_NONE)
    kv_check_explain(check, "SIGNING_KEY says that no key signed it");
  if (c->report.key_info & KV_KEY_INFO_MASK_CHIP_KEY)
    kv_check_explain(check, "MASK_CHIP_KEY: the platform masks its key; zeros stand in place of a "
                            "signature");
  return check->status == KV_PASS;
}

static void check_scalars(kv_case *c, const scalars *given, bool *in_range) {
  kv_check *check = check_of(c, KV_CHECK_SCALARS);
  const kv_p384 *curve = c->verifier->curve;
  check->expected = "zero";
  check->found = given->padded ? "zero" : "not zero";
  kv_check_judge(check, given->padded);

  check = check_of(c, KV_CHECK_RANGE);
  bool r = kv_p384_in_range(curve, given->r), s = kv_p384_in_range(curve, given->s);
  *in_range = r && s;
  check->expected = "1 <= r < n, 1 <= s < n";
  check->found = *in_range ? check->expected : r ? "s is not" : s ? "r is not" : "neither is";
  kv_check_judge(check, *in_range);
}

static void check_value(kv_case *c, const scalars *given) {
  kv_check *check = check_of(c, KV_CHECK_SIGNATURE);
  kv_p384_key *key = c->vek.credential ? c->vek.credential->p384 : NULL;
  uint8_t digest[KV_P384_SIZE];
  if (!key) {
    kv_check_skip(check, false, "there is no VCEK or VLEK with a P-384 key");
    return;
  }
  int result = -1;
  if (kv_digest(c->verifier->digests.sha384,
                (kv_slice){c->input->report.bytes, KV_REPORT_SIGNED_SIZE}, digest))
    result = kv_p384_verify(key, digest, given->r, given->s);
  if (result < 0) {
    kv_check_skip(check, false, "out of memory");
    return;
  }
  check->expected = "ECDSA P-384, SHA-384 of bytes 0x000 to 0x29f, by the VEK";
  check->found = result ? check->expected : "not by the VEK, or other bytes";
  kv_check_judge(check, result == 1);
}

void kv_case_check_signature(kv_case *c) {
  const uint8_t *at = c->input->report.bytes + KV_REPORT_SIGNED_SIZE;
  scalars given = {.padded = true};
  bool in_range;
  read_scalar(at, given.r, &given.padded);
  read_scalar(at + KV_REPORT_SCALAR_SIZE, given.s, &given.padded);
  bool present = check_present(c);
  check_scalars(c, &given, &in_range);
  if (present)
    check_value(c, &given);
  else
    kv_check_skip(check_of(c, KV_CHECK_SIGNATURE), false, "there is no signature");
}

/* ---- what the fields say about each other ---- */

static void check_tcb_order(kv_case *c, kv_check_id id, uint64_t low, uint64_t high) {
  kv_check *check = check_of(c, id);
  kv_tcb_layout layout = kv_tcb_layout_of_report(&c->report, c->product);
  if (layout == KV_TCB_UNKNOWN) {
    kv_check_skip(check, false, "the product is not known, and so not the layout of the TCB");
    return;
  }
  kv_tcb a = kv_tcb_parse(layout, low), b = kv_tcb_parse(layout, high);
  check->expected = kv_say(c, "each part at most that of 0x%016llx", (unsigned long long)high);
  check->found = kv_say(c, "0x%016llx", (unsigned long long)low);
  kv_check_judge(check, kv_tcb_at_most(&a, &b));
}

static void check_firmware(kv_case *c) {
  const kv_report *r = &c->report;
  kv_check *check = check_of(c, KV_CHECK_FIRMWARE);
  unsigned current =
      (unsigned)r->current_major << 16 | (unsigned)r->current_minor << 8 | r->current_build;
  unsigned committed =
      (unsigned)r->committed_major << 16 | (unsigned)r->committed_minor << 8 | r->committed_build;
  check->expected =
      kv_say(c, "at most %u.%u.%u", r->current_major, r->current_minor, r->current_build);
  check->found = kv_say(c, "%u.%u.%u", r->committed_major, r->committed_minor, r->committed_build);
  kv_check_judge(check, committed <= current);
}

void kv_case_check_policy(kv_case *c) {
  if (!c->result->readable) {
    for (int i = KV_CHECK_TCB_REPORTED; i < KV_CHECKS; i++)
      kv_check_skip(check_of(c, (kv_check_id)i), false, "the report's version is not known");
    return;
  }
  const kv_report *r = &c->report;
  check_tcb_order(c, KV_CHECK_TCB_REPORTED, r->reported_tcb, r->committed_tcb);
  check_tcb_order(c, KV_CHECK_TCB_COMMITTED, r->committed_tcb, r->current_tcb);
  check_tcb_order(c, KV_CHECK_TCB_LAUNCH, r->launch_tcb, r->current_tcb);
  check_firmware(c);
}
