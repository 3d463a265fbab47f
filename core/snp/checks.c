#include "snp/checks.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define OF_CERTIFICATE(at, id, who)                                                                \
  [(at) + KV_OF_ENCODING] = {id ".encoding", "chain", who " is X.509 v3 in DER", NULL},            \
          [(at) + KV_OF_NAMES] = {id ".names", "chain", who " has AMD's names", NULL},             \
          [(at) + KV_OF_KEY] = {id ".key", "chain", who " has a key of the right kind", NULL},     \
          [(at) + KV_OF_ALGORITHM] = {id ".algorithm", "chain",                                    \
                                      who " is signed with RSA-PSS, SHA-384", NULL},               \
          [(at) + KV_OF_VALIDITY] = {id ".validity", "chain", who " is valid now", NULL},          \
          [(at) + KV_OF_EXTENSIONS] = {id ".extensions", "chain",                                  \
                                       who " has the extensions it needs", NULL},                  \
          [(at) +                                                                                  \
              KV_OF_SIGNATURE] = {id ".signature", "chain", who " is signed by its issuer", NULL}

const kv_check_kind KV_CHECK_KINDS[KV_CHECKS] = {
    [KV_CHECK_VERSION] = {"report.version", "parse", "the report's version is known", "version"},
    [KV_CHECK_SIGNATURE_ALGO] = {"report.signature_algo", "parse",
                                 "the signature algorithm is ECDSA P-384 with SHA-384",
                                 "signature_algo"},
    [KV_CHECK_VMPL] = {"report.vmpl", "parse", "the guest asked for the report", "vmpl"},
    [KV_CHECK_KEY_INFO] = {"report.key_info", "parse", "KEY_INFO has no reserved value",
                           "key_info"},
    [KV_CHECK_RESERVED] = {"report.reserved", "parse", "reserved bytes are zero", NULL},
    [KV_CHECK_TCB_RESERVED] = {"report.tcb_reserved", "parse", "reserved bytes of TCBs are zero",
                               NULL},
    [KV_CHECK_AUTHOR_KEY] = {"report.author_key", "parse",
                             "AUTHOR_KEY_DIGEST is zero unless AUTHOR_KEY_EN is set",
                             "author_key_digest"},
    [KV_CHECK_SIGNATURE_RESERVED] = {"report.signature_reserved", "parse",
                                     "the unused part of the signature is zero", NULL},
    [KV_CHECK_CERTIFICATES] = {"chain.certificates", "chain",
                               "there is one certificate each of VEK, ASK or ASVK, and ARK", NULL},
    OF_CERTIFICATE(KV_CHECK_VEK, "vek", "the VCEK or VLEK"),
    OF_CERTIFICATE(KV_CHECK_ASK, "ask", "the ASK or ASVK"),
    OF_CERTIFICATE(KV_CHECK_ARK, "ark", "the ARK"),
    [KV_CHECK_ARK_TRUSTED] = {"ark.trusted", "chain", "the ARK is a trusted root", NULL},
    [KV_CHECK_CRL_ENCODING] = {"crl.encoding", "chain", "the CRL is X.509 v2 in DER", NULL},
    [KV_CHECK_CRL_ISSUER] = {"crl.issuer", "chain", "the CRL is the ARK's", NULL},
    [KV_CHECK_CRL_SIGNATURE] = {"crl.signature", "chain", "the CRL is signed by the ARK", NULL},
    [KV_CHECK_CRL_EXTENSIONS] = {"crl.extensions", "chain", "the CRL has no unknown extension",
                                 NULL},
    [KV_CHECK_CRL_VALIDITY] = {"crl.validity", "chain", "the CRL is not stale", NULL},
    [KV_CHECK_CRL_ASK] = {"crl.ask_not_revoked", "chain", "the ASK or ASVK is not revoked", NULL},
    [KV_CHECK_CRL_VEK] = {"crl.vek_not_revoked", "chain", "the VCEK or VLEK is not revoked", NULL},
    [KV_CHECK_SIGNING_KEY] = {"bind.signing_key", "bind",
                              "SIGNING_KEY is the certificate's kind of key", "key_info"},
    [KV_CHECK_PRODUCT_NAME] = {"bind.product_name", "bind",
                               "productName is the product of the issuer", NULL},
    [KV_CHECK_CPUID] = {"bind.cpuid", "bind", "the report's CPUID is of the certificate's product",
                        "cpuid_fam_id"},
    [KV_CHECK_PRODUCT_ASKED] = {"bind.product", "bind", "the product is the one asked for", NULL},
    [KV_CHECK_VEK_FORMAT] = {"bind.vek_format", "bind",
                             "the certificate's structVersion and unused SPLs are understood",
                             NULL},
    [KV_CHECK_TCB + 0] = {"bind.tcb_fmc", "bind", "the certificate is for this FMC",
                          "reported_tcb"},
    [KV_CHECK_TCB + 1] = {"bind.tcb_boot_loader", "bind", "the certificate is for this boot loader",
                          "reported_tcb"},
    [KV_CHECK_TCB + 2] = {"bind.tcb_tee", "bind", "the certificate is for this TEE",
                          "reported_tcb"},
    [KV_CHECK_TCB + 3] = {"bind.tcb_snp", "bind", "the certificate is for this SNP firmware",
                          "reported_tcb"},
    [KV_CHECK_TCB + 4] = {"bind.tcb_microcode", "bind", "the certificate is for this microcode",
                          "reported_tcb"},
    [KV_CHECK_CHIP_ID] = {"bind.chip_id", "bind", "the certificate is for this chip", "chip_id"},
    [KV_CHECK_CSP_ID] = {"bind.csp_id", "bind", "a VLEK, and only a VLEK, names its cloud provider",
                         NULL},
    [KV_CHECK_SIGNED] = {"signature.present", "signature", "the report is signed", "key_info"},
    [KV_CHECK_SCALARS] = {"signature.padding", "signature",
                          "the upper 24 bytes of r and of s are zero", "signature_r"},
    [KV_CHECK_RANGE] = {"signature.range", "signature", "r and s are from 1 to n-1", "signature_r"},
    [KV_CHECK_SIGNATURE] = {"signature.value", "signature", "the report's signature is the VEK's",
                            "signature_r"},
    [KV_CHECK_TCB_REPORTED] = {"tcb.reported", "policy",
                               "the reported TCB is at most the committed", "reported_tcb"},
    [KV_CHECK_TCB_COMMITTED] = {"tcb.committed", "policy",
                                "the committed TCB is at most the current", "committed_tcb"},
    [KV_CHECK_TCB_LAUNCH] = {"tcb.launch", "policy", "the launch TCB is at most the current",
                             "launch_tcb"},
    [KV_CHECK_FIRMWARE] = {"tcb.firmware", "policy",
                           "the committed firmware version is at most the current",
                           "committed_major"},
    [KV_CHECK_POLICY_RESERVED] = {"policy.reserved", "policy",
                                  "reserved bits of the guest policy are as they must be",
                                  "policy"},
};

const char *kv_status_name(kv_status status) {
  static const char *const NAMES[] = {"not_checked", "pass", "fail"};
  return NAMES[status];
}

void kv_check_judge(kv_check *check, bool passed) { check->status = passed ? KV_PASS : KV_FAIL; }

void kv_check_skip(kv_check *check, bool optional, const char *reason) {
  check->reason = reason;
  check->status = KV_NOT_CHECKED;
  check->optional = optional;
}

void kv_check_explain(kv_check *check, const char *reason) {
  check->reason = reason;
  check->status = KV_FAIL;
}

/* ---- texts ---- */

/* Where the next text begins, and how many bytes it may have with its NUL: at least 1, since the
 * last of all bytes is the NUL of whatever does not fit. */
static char *next_text(kv_texts *texts, size_t *room) {
  *room = sizeof texts->bytes - texts->used;
  if (*room > KV_CHECK_TEXT) *room = KV_CHECK_TEXT;
  return texts->bytes + texts->used;
}

static const char *end_text(kv_texts *texts, char *text) {
  texts->used += strlen(text) + 1;
  if (texts->used == sizeof texts->bytes) texts->used--;
  return text;
}

const char *kv_texts_add(kv_texts *texts, const char *format, va_list words) {
  size_t room;
  char *text = next_text(texts, &room);
  if (vsnprintf(text, room, format, words) < 0) text[0] = 0;
  return end_text(texts, text);
}

const char *kv_texts_add_hex(kv_texts *texts, const uint8_t *bytes, size_t size) {
  static const char DIGITS[] = "0123456789abcdef";
  size_t room;
  char *text = next_text(texts, &room);
  if (size > (room - 1) / 2) size = (room - 1) / 2;
  for (size_t i = 0; i < size; i++) {
    text[2 * i] = DIGITS[bytes[i] >> 4];
    text[2 * i + 1] = DIGITS[bytes[i] & 15];
  }
  text[2 * size] = 0;
  return end_text(texts, text);
}

/* ---- times ---- */

/* The Gregorian calendar, counted from 1 March of year 0, so that a leap day ends a year: 400 years
 * have 146 097 days, and from March on five months have 153. */
char *kv_time_text(int64_t seconds, char *text) {
  int64_t days = seconds / 86400, second = seconds % 86400;
  if (second < 0) {
    second += 86400;
    days--;
  }
  days += 719468; /* from 0000-03-01 to 1970-01-01 */
  int64_t era = (days >= 0 ? days : days - 146096) / 146097, day = days - era * 146097;
  int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  day -= 365 * year + year / 4 - year / 100;
  int64_t month = (5 * day + 2) / 153;
  day -= (153 * month + 2) / 5;
  month += month < 10 ? 3 : -9;
  year += era * 400 + (month <= 2);
  snprintf(text, KV_TIME_TEXT, "%04lld-%02d-%02dT%02d:%02d:%02dZ", (long long)year, (int)month,
           (int)day + 1, (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60));
  return text;
}
