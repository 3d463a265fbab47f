/* Whether the VCEK or VLEK was made for this report's chip and TCB (AMD 57230, table 8; 58369). */
#include <string.h>

#include "snp/verify_case.h"

enum { HWID_SIZE = 64, HWID_SIZE_TURIN = 8 };

static kv_check *check_of(kv_case *c, kv_check_id id) { return &c->result->checks[id]; }

static const kv_amd_extension *amd_of(const kv_case *c, kv_amd_id id) {
  return &c->vek.credential->certificate.amd[id];
}

/* Says what is wrong with an extension that is not there once and well-formed. */
static bool is_present(kv_case *c, kv_check *check, const kv_amd_extension *x, kv_amd_id id) {
  static const char *const STATES[] = {[KV_AMD_ABSENT] = "is missing",
                                       [KV_AMD_MALFORMED] = "is malformed",
                                       [KV_AMD_REPEATED] = "is there more than once"};
  if (x->state == KV_AMD_PRESENT) return true;
  check->found = kv_say(c, "%s %s", kv_amd_name(id), STATES[x->state]);
  kv_check_judge(check, false);
  return false;
}

static const char *say_text(kv_case *c, kv_slice text) {
  return kv_say(c, "%.*s", (int)text.size, (const char *)text.bytes);
}

/* ---- kind and product ---- */

static void check_signing_key(kv_case *c) {
  static const char *const NAMES[] = {"VCEK",         "VLEK",         "reserved (2)",
                                      "reserved (3)", "reserved (4)", "reserved (5)",
                                      "reserved (6)", "none"};
  kv_check *check = check_of(c, KV_CHECK_SIGNING_KEY);
  unsigned key = kv_report_signing_key(&c->report);
  check->expected = NAMES[c->vlek ? KV_SIGNING_KEY_VLEK : KV_SIGNING_KEY_VCEK];
  check->found = NAMES[key];
  kv_check_judge(check, key == (c->vlek ? KV_SIGNING_KEY_VLEK : KV_SIGNING_KEY_VCEK));
  if (key == KV_SIGNING_KEY_NONE)
    kv_check_skip(check, false, "the report says that it is not signed");
}

static void check_product_name(kv_case *c) {
  kv_check *check = check_of(c, KV_CHECK_PRODUCT_NAME);
  const kv_amd_extension *x = amd_of(c, KV_AMD_PRODUCT_NAME);
  check->expected = kv_product_name(c->product);
  if (!is_present(c, check, x, KV_AMD_PRODUCT_NAME)) return;
  check->found = say_text(c, x->value);
  kv_product named = kv_product_of_name((const char *)x->value.bytes, x->value.size);
  kv_check_judge(check, named != KV_PRODUCT_UNKNOWN && named == c->product);
}

static void check_cpuid(kv_case *c) {
  kv_check *check = check_of(c, KV_CHECK_CPUID);
  if (c->report.version < 3) {
    kv_check_skip(check, true,
                  kv_say(c, "a report of version %u has no CPUID", (unsigned)c->report.version));
    return;
  }
  kv_product told = kv_product_of_report(&c->report);
  check->expected = kv_product_name(c->product);
  check->found = kv_say(c, "%s (family %02x, model %02x)", kv_product_name(told),
                        c->report.cpuid_fam_id, c->report.cpuid_mod_id);
  kv_check_judge(check, told != KV_PRODUCT_UNKNOWN && told == c->product);
  if (told == KV_PRODUCT_VENICE) kv_check_explain(check, "Venice is not supported");
}

static void check_product_asked(kv_case *c) {
  kv_check *check = check_of(c, KV_CHECK_PRODUCT_ASKED);
  if (c->input->product == KV_PRODUCT_UNKNOWN) {
    kv_check_skip(check, true, "no product was asked for");
    return;
  }
  check->expected = kv_product_name(c->input->product);
  check->found = kv_product_name(c->product);
  kv_check_judge(check, c->input->product == c->product);
}

/* What the TCB of today's products has no place for must be zero: another layout is not understood.
 */
static void check_format(kv_case *c) {
  kv_check *check = check_of(c, KV_CHECK_VEK_FORMAT);
  const kv_amd_extension *version = amd_of(c, KV_AMD_STRUCT_VERSION);
  check->expected = "structVersion 0 or 1, spl4 to spl7 zero";
  if (!is_present(c, check, version, KV_AMD_STRUCT_VERSION)) return;
  check->found = kv_say(c, "structVersion %u", version->number);
  kv_check_judge(check, version->number <= 1);
  for (int id = KV_AMD_SPL4; id <= KV_AMD_SPL7 && check->status == KV_PASS; id++) {
    const kv_amd_extension *x = amd_of(c, (kv_amd_id)id);
    if (x->state == KV_AMD_ABSENT || !is_present(c, check, x, (kv_amd_id)id) || x->number == 0)
      continue;
    check->found = kv_say(c, "%s %u", kv_amd_name((kv_amd_id)id), x->number);
    kv_check_judge(check, false);
  }
}

/* ---- the TCB ---- */

static void check_tcb_part(kv_case *c, const kv_tcb *tcb, kv_tcb_part part) {
  static const kv_amd_id IDS[] = {[KV_TCB_FMC] = KV_AMD_FMC_SPL,
                                  [KV_TCB_BOOT_LOADER] = KV_AMD_BL_SPL,
                                  [KV_TCB_TEE] = KV_AMD_TEE_SPL,
                                  [KV_TCB_SNP] = KV_AMD_SNP_SPL,
                                  [KV_TCB_MICROCODE] = KV_AMD_UCODE_SPL};
  kv_check *check = check_of(c, (kv_check_id)(KV_CHECK_TCB + (int)part));
  const kv_amd_extension *x = amd_of(c, IDS[part]);
  if (tcb->layout == KV_TCB_UNKNOWN) {
    kv_check_skip(check, false, "the product is not known, and so not the layout of the TCB");
    return;
  }
  if (!kv_tcb_has(tcb->layout, part)) {
    kv_check_skip(check, true, kv_say(c, "%s has none", kv_product_name(c->product)));
    if (x->state != KV_AMD_ABSENT)
      kv_check_explain(check, kv_say(c, "%s in the certificate of a %s", kv_amd_name(IDS[part]),
                                     kv_product_name(c->product)));
    return;
  }
  check->expected = kv_say(c, "%u", x->number);
  if (!is_present(c, check, x, IDS[part])) {
    check->expected = kv_say(c, "%s of %u", kv_amd_name(IDS[part]), tcb->part[part]);
    return;
  }
  check->found = kv_say(c, "%u", tcb->part[part]);
  kv_check_judge(check, tcb->part[part] == x->number);
}

static void check_tcb(kv_case *c) {
  kv_tcb tcb = kv_tcb_parse(kv_tcb_layout_of(c->product), c->report.reported_tcb);
  for (int part = 0; part < KV_TCB_PARTS; part++) check_tcb_part(c, &tcb, (kv_tcb_part)part);
}

/* ---- the chip, or the provider ---- */

static void check_vcek_chip(kv_case *c, kv_check *check) {
  const kv_amd_extension *x = amd_of(c, KV_AMD_HWID);
  size_t size = c->product == KV_PRODUCT_TURIN ? HWID_SIZE_TURIN : HWID_SIZE;
  static const uint8_t zero[HWID_SIZE];
  check->expected = kv_say(c, "hwID of %zu bytes", size);
  if (!is_present(c, check, x, KV_AMD_HWID)) return;
  check->expected = kv_say_hex(c, x->value.bytes, x->value.size);
  check->found = kv_say_hex(c, c->report.chip_id, sizeof c->report.chip_id);
  if (x->value.size != size) {
    kv_check_explain(check, kv_say(c, "hwID has %zu bytes; that of a %s has %zu", x->value.size,
                                   kv_product_name(c->product), size));
  } else if (kv_report_chip_id_masked(&c->report)) {
    kv_check_skip(check, true, "CHIP_ID is masked: all zero");
  } else {
    kv_check_judge(check, memcmp(x->value.bytes, c->report.chip_id, size) == 0 &&
                              memcmp(c->report.chip_id + size, zero, HWID_SIZE - size) == 0);
  }
}

static void check_vlek_chip(kv_case *c, kv_check *check) {
  check->expected = "no hwID, and a CHIP_ID of zeros";
  check->found = kv_say_hex(c, c->report.chip_id, sizeof c->report.chip_id);
  bool has_hwid = amd_of(c, KV_AMD_HWID)->state != KV_AMD_ABSENT;
  kv_check_judge(check, !has_hwid && kv_report_chip_id_masked(&c->report));
  if (has_hwid) kv_check_explain(check, "a VLEK has no hwID");
}

static void check_csp_id(kv_case *c) {
  kv_check *check = check_of(c, KV_CHECK_CSP_ID);
  const kv_amd_extension *x = amd_of(c, KV_AMD_CSP_ID);
  check->expected = c->vlek ? "csp_id" : "no csp_id";
  if (!c->vlek) {
    check->found = x->state == KV_AMD_ABSENT ? "no csp_id" : "csp_id";
    kv_check_judge(check, x->state == KV_AMD_ABSENT);
    return;
  }
  if (!is_present(c, check, x, KV_AMD_CSP_ID)) return;
  check->found = say_text(c, x->value);
  kv_check_judge(check, x->value.size < KV_CSP_ID_SIZE);
}

/* ---- all ---- */

static void skip_all(kv_case *c, const char *why, kv_check_id except) {
  for (int i = KV_CHECK_SIGNING_KEY; i <= KV_CHECK_CSP_ID; i++)
    if (i != (int)except && check_of(c, (kv_check_id)i)->reason[0] == 0)
      kv_check_skip(check_of(c, (kv_check_id)i), false, why);
}

void kv_case_check_binding(kv_case *c) {
  check_product_asked(c);
  if (!c->vek.credential) {
    skip_all(c, "there is no readable VCEK or VLEK", KV_CHECK_PRODUCT_ASKED);
    return;
  }
  check_product_name(c);
  check_format(c);
  check_csp_id(c);
  if (!c->result->readable) {
    for (int i = KV_CHECK_SIGNING_KEY; i <= KV_CHECK_CHIP_ID; i++)
      if (i == KV_CHECK_SIGNING_KEY || i == KV_CHECK_CPUID || i >= KV_CHECK_TCB)
        kv_check_skip(check_of(c, (kv_check_id)i), false, "the report's version is not known");
    return;
  }
  check_signing_key(c);
  check_cpuid(c);
  check_tcb(c);
  kv_check *chip = check_of(c, KV_CHECK_CHIP_ID);
  if (c->vlek)
    check_vlek_chip(c, chip);
  else
    check_vcek_chip(c, chip);
}
