#include "snp/crl.h"

#include <stdio.h>
#include <string.h>

#include "snp/certificate.h"

/* Contents of object identifiers: RFC 5280, 5.2. */
#define OID_CRL_NUMBER "\x55\x1d\x14"
#define OID_AUTHORITY_KEY_ID "\x55\x1d\x23"

static void note(kv_crl *crl, const char *what, kv_slice oid) {
  char text[48];
  if (crl->problem[0]) return;
  snprintf(crl->problem, sizeof crl->problem, "%s: %s", what, kv_oid_text(oid, text, sizeof text));
}

static bool read_authority(kv_slice in, kv_crl *crl) {
  kv_slice body;
  if (!kv_der_take(&in, KV_DER_SEQUENCE, &body, NULL) || in.size != 0) return false;
  return body.size == 0 || !kv_der_is(&body, KV_DER_CONTEXT) ||
         kv_der_take(&body, KV_DER_CONTEXT, &crl->authority, NULL);
}

/* One Extension. False: malformed. */
static bool take_extension(kv_slice *in, kv_crl *crl) {
  kv_slice body, oid, flag, value;
  if (!kv_der_take(in, KV_DER_SEQUENCE, &body, NULL) || !kv_der_take(&body, KV_DER_OID, &oid, NULL))
    return false;
  bool critical = kv_der_is(&body, KV_DER_BOOLEAN), good = true;
  if (critical && (!kv_der_take(&body, KV_DER_BOOLEAN, &flag, NULL) || !KV_SLICE_IS(flag, "\xff")))
    return false;
  if (!kv_der_take(&body, KV_DER_OCTET_STRING, &value, NULL) || body.size != 0) return false;
  if (KV_SLICE_IS(oid, OID_CRL_NUMBER))
    good = crl->number.size == 0 && kv_der_take_integer(&value, &crl->number) && value.size == 0;
  else if (KV_SLICE_IS(oid, OID_AUTHORITY_KEY_ID))
    good = crl->authority.size == 0 && read_authority(value, crl);
  else if (critical)
    note(crl, "unknown critical extension", oid);
  if (!good) note(crl, "malformed or repeated extension", oid);
  return true;
}

static bool read_extensions(kv_slice in, kv_crl *crl) {
  kv_slice body;
  if (!kv_der_take(&in, KV_DER_SEQUENCE, &body, NULL) || in.size != 0) return false;
  while (body.size > 0)
    if (!take_extension(&body, crl)) return false;
  return true;
}

/* An entry: serial number, date, extensions. None of the extensions of an entry makes it count
 * less, but a critical one that is unknown could: then the list is not understood. */
static bool take_entry(kv_slice *in, kv_slice *serial, kv_crl *crl) {
  kv_slice entry, extensions;
  int64_t date;
  if (!kv_der_take(in, KV_DER_SEQUENCE, &entry, NULL) || !kv_der_take_integer(&entry, serial) ||
      !kv_der_take_time(&entry, &date))
    return false;
  if (entry.size == 0) return true;
  if (!kv_der_take(&entry, KV_DER_SEQUENCE, NULL, &extensions) || entry.size != 0) return false;
  if (!crl) return true;
  kv_crl ignored = {0};
  if (!read_extensions(extensions, &ignored)) return false;
  if (ignored.problem[0] && !crl->problem[0])
    memcpy(crl->problem, ignored.problem, sizeof crl->problem);
  return true;
}

bool kv_crl_lists(const kv_crl *crl, kv_slice wanted) {
  kv_slice in = crl->revoked, serial;
  while (in.size > 0 && take_entry(&in, &serial, NULL))
    if (kv_slice_equal(serial, wanted)) return true;
  return false;
}

/* revokedCertificates is left out if nothing is revoked (RFC 5280, 5.1.2.6). */
static bool take_revoked(kv_slice *tbs, kv_crl *crl) {
  if (!kv_der_is(tbs, KV_DER_SEQUENCE)) return true;
  if (!kv_der_take(tbs, KV_DER_SEQUENCE, &crl->revoked, NULL)) return false;
  kv_slice in = crl->revoked, serial;
  while (in.size > 0)
    if (!take_entry(&in, &serial, crl)) return false;
  return true;
}

/* The fields of TBSCertList in order; NULL, or the one that is wrong. */
static const char *read_tbs(kv_slice tbs, kv_slice outer_algorithm, kv_crl *crl) {
  kv_slice algorithm, field;
  uint8_t version;
  if (!kv_der_take_byte(&tbs, &version) || version != 1) return "the version, which must be 2";
  if (!kv_der_take(&tbs, KV_DER_SEQUENCE, NULL, &algorithm) ||
      !kv_slice_equal(algorithm, outer_algorithm))
    return "the signature algorithm";
  if (!kv_der_take(&tbs, KV_DER_SEQUENCE, NULL, &crl->issuer) ||
      !kv_name_parse(crl->issuer, &crl->issuer_cn))
    return "issuer";
  if (!kv_der_take_time(&tbs, &crl->this_update)) return "thisUpdate";
  if (!kv_der_take_time(&tbs, &crl->next_update)) return "nextUpdate";
  if (!take_revoked(&tbs, crl)) return "revokedCertificates";
  if (tbs.size == 0) return NULL;
  if (!kv_der_take(&tbs, KV_DER_CONTEXT_CONSTRUCTED + 0, &field, NULL) || tbs.size != 0 ||
      !read_extensions(field, crl))
    return "crlExtensions";
  return NULL;
}

int kv_crl_parse(kv_slice der, kv_crl *crl, kv_error *error) {
  memset(crl, 0, sizeof *crl);
  crl->der = der;
  if (der.size > KV_CRL_SIZE_MAX)
    return kv_fail(error, "invalid_argument", "%zu bytes; a revocation list may have %d", der.size,
                   KV_CRL_SIZE_MAX);
  kv_slice in = der, body, tbs, algorithm;
  if (!kv_der_take(&in, KV_DER_SEQUENCE, &body, NULL) || in.size != 0 ||
      !kv_der_take(&body, KV_DER_SEQUENCE, &tbs, &crl->tbs) ||
      !kv_der_take(&body, KV_DER_SEQUENCE, NULL, &algorithm) ||
      !kv_der_take_bits(&body, &crl->signature) || body.size != 0)
    return kv_fail(error, "invalid_argument", "not a revocation list in DER");
  crl->pss_sha384 = kv_is_pss_sha384(algorithm);
  const char *wrong = read_tbs(tbs, algorithm, crl);
  if (wrong) return kv_fail(error, "invalid_argument", "wrong in the revocation list: %s", wrong);
  return 0;
}
