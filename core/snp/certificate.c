#include "snp/certificate.h"

#include <string.h>

/* Contents of object identifiers: RFC 4055, section 6; RFC 5480, section 2; X.520. */
#define OID_RSASSA_PSS "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"
#define OID_MGF1 "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08"
#define OID_SHA384 "\x60\x86\x48\x01\x65\x03\x04\x02\x02"
#define OID_RSA_ENCRYPTION "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
#define OID_EC_PUBLIC_KEY "\x2a\x86\x48\xce\x3d\x02\x01"
#define OID_SECP384R1 "\x2b\x81\x04\x00\x22"
#define OID_COMMON_NAME "\x55\x04\x03"

enum { PSS_SALT = 48, PSS_TRAILER = 1, RSA_EXPONENT_SIZE = 3 };

/* ---- the signature algorithm ---- */

/* The AlgorithmIdentifier of SHA-384, whose NULL may be left out (RFC 4055, 2.1). */
static bool take_sha384(kv_slice *in) {
  kv_slice algorithm, oid, none;
  if (!kv_der_take(in, KV_DER_SEQUENCE, &algorithm, NULL) ||
      !kv_der_take(&algorithm, KV_DER_OID, &oid, NULL) || !KV_SLICE_IS(oid, OID_SHA384))
    return false;
  if (kv_der_take(&algorithm, KV_DER_NULL, &none, NULL) && none.size != 0) return false;
  return algorithm.size == 0;
}

static bool take_mgf1(kv_slice *in) {
  kv_slice algorithm, oid;
  return kv_der_take(in, KV_DER_SEQUENCE, &algorithm, NULL) &&
         kv_der_take(&algorithm, KV_DER_OID, &oid, NULL) && KV_SLICE_IS(oid, OID_MGF1) &&
         take_sha384(&algorithm) && algorithm.size == 0;
}

static bool take_number(kv_slice *in, unsigned tag, uint8_t expected) {
  kv_slice field;
  uint8_t number;
  return kv_der_take(in, KV_DER_CONTEXT_CONSTRUCTED + tag, &field, NULL) &&
         kv_der_take_byte(&field, &number) && number == expected && field.size == 0;
}

bool kv_is_pss_sha384(kv_slice algorithm) {
  kv_slice in, oid, parameters, field;
  if (!kv_der_take(&algorithm, KV_DER_SEQUENCE, &in, NULL) ||
      !kv_der_take(&in, KV_DER_OID, &oid, NULL) || !KV_SLICE_IS(oid, OID_RSASSA_PSS) ||
      !kv_der_take(&in, KV_DER_SEQUENCE, &parameters, NULL) || in.size != 0)
    return false;
  if (!kv_der_take(&parameters, KV_DER_CONTEXT_CONSTRUCTED + 0, &field, NULL) ||
      !take_sha384(&field) || field.size != 0)
    return false;
  if (!kv_der_take(&parameters, KV_DER_CONTEXT_CONSTRUCTED + 1, &field, NULL) ||
      !take_mgf1(&field) || field.size != 0)
    return false;
  if (!take_number(&parameters, 2, PSS_SALT)) return false;
  /* AMD's own certificates spell out the trailer, which is the default: DER would leave it out. */
  return parameters.size == 0 || (take_number(&parameters, 3, PSS_TRAILER) && parameters.size == 0);
}

/* ---- names ---- */

static bool is_printable(kv_slice text) {
  for (size_t i = 0; i < text.size; i++)
    if (text.bytes[i] < 0x20 || text.bytes[i] > 0x7e) return false;
  return true;
}

/* AttributeTypeAndValue. */
static bool take_attribute(kv_slice *set, kv_slice *cn, unsigned *cns) {
  kv_slice attribute, oid, value = {0};
  if (!kv_der_take(set, KV_DER_SEQUENCE, &attribute, NULL) ||
      !kv_der_take(&attribute, KV_DER_OID, &oid, NULL) || oid.size == 0)
    return false;
  kv_slice text = attribute;
  if (!kv_der_take_any(&attribute, &value) || attribute.size != 0) return false;
  if (!KV_SLICE_IS(oid, OID_COMMON_NAME)) return true;
  ++*cns;
  if (kv_der_take(&text, KV_DER_UTF8_STRING, cn, NULL) ||
      kv_der_take(&text, KV_DER_PRINTABLE_STRING, cn, NULL))
    return true;
  *cn = (kv_slice){0};
  return true;
}

bool kv_name_parse(kv_slice name, kv_slice *cn) {
  kv_slice rdns, set;
  unsigned cns = 0;
  *cn = (kv_slice){0};
  if (!kv_der_take(&name, KV_DER_SEQUENCE, &rdns, NULL) || name.size != 0) return false;
  while (rdns.size > 0) {
    if (!kv_der_take(&rdns, KV_DER_SET, &set, NULL) || set.size == 0) return false;
    while (set.size > 0)
      if (!take_attribute(&set, cn, &cns)) return false;
  }
  if (cns != 1 || !is_printable(*cn)) *cn = (kv_slice){0};
  return true;
}

/* ---- keys ---- */

/* RSAPublicKey (RFC 8017, A.1.1) with 4096 bits and exponent 65537. */
static void read_rsa(kv_slice bits, kv_certificate *c) {
  kv_slice key, modulus, exponent;
  c->key_text = "RSA, malformed";
  if (!kv_der_take(&bits, KV_DER_SEQUENCE, &key, NULL) || bits.size != 0 ||
      !kv_der_take_integer(&key, &modulus) || !kv_der_take_integer(&key, &exponent) ||
      key.size != 0)
    return;
  c->key_text = "RSA, not of 4096 bits";
  if (modulus.size != KV_RSA_SIZE + 1 || modulus.bytes[0] != 0) return;
  c->key_text = "RSA-4096 with an exponent other than 65537";
  if (!kv_slice_is(exponent, "\x01\x00\x01", RSA_EXPONENT_SIZE)) return;
  c->key = KV_KEY_RSA_4096;
  c->key_text = "RSA-4096";
  c->key_bytes = (kv_slice){modulus.bytes + 1, KV_RSA_SIZE};
}

static void read_ec(kv_slice parameters, kv_slice point, kv_certificate *c) {
  kv_slice curve;
  c->key_text = "EC with explicit parameters";
  if (!kv_der_take(&parameters, KV_DER_OID, &curve, NULL) || parameters.size != 0) return;
  c->key_text = "EC on another curve";
  if (!KV_SLICE_IS(curve, OID_SECP384R1)) return;
  c->key_text = "EC P-384, but its point is not uncompressed";
  if (point.size != KV_P384_POINT_SIZE || point.bytes[0] != 0x04) return;
  c->key = KV_KEY_P384;
  c->key_text = "EC P-384";
  c->key_bytes = point;
}

/* SubjectPublicKeyInfo (RFC 5280, 4.1). */
static bool take_key(kv_slice *tbs, kv_certificate *c) {
  kv_slice in, algorithm, oid, bits;
  if (!kv_der_take(tbs, KV_DER_SEQUENCE, &in, &c->spki) ||
      !kv_der_take(&in, KV_DER_SEQUENCE, &algorithm, NULL) || !kv_der_take_bits(&in, &bits) ||
      in.size != 0 || !kv_der_take(&algorithm, KV_DER_OID, &oid, NULL))
    return false;
  c->key_text = "of another kind";
  if (KV_SLICE_IS(oid, OID_EC_PUBLIC_KEY)) read_ec(algorithm, bits, c);
  if (KV_SLICE_IS(oid, OID_RSA_ENCRYPTION)) {
    if (KV_SLICE_IS(algorithm, "\x05\x00"))
      read_rsa(bits, c);
    else
      c->key_text = "RSA with parameters";
  }
  return true;
}

/* ---- the whole ---- */

static bool take_version(kv_slice *tbs) {
  kv_slice field;
  uint8_t version;
  return kv_der_take(tbs, KV_DER_CONTEXT_CONSTRUCTED + 0, &field, NULL) &&
         kv_der_take_byte(&field, &version) && version == 2 && field.size == 0; /* v3 */
}

static bool take_validity(kv_slice *tbs, kv_certificate *c) {
  kv_slice validity;
  return kv_der_take(tbs, KV_DER_SEQUENCE, &validity, NULL) &&
         kv_der_take_time(&validity, &c->not_before) &&
         kv_der_take_time(&validity, &c->not_after) && validity.size == 0;
}

static bool take_extensions(kv_slice *tbs, kv_certificate *c) {
  kv_slice field, extensions;
  if (tbs->size == 0) return true;
  if (!kv_der_take(tbs, KV_DER_CONTEXT_CONSTRUCTED + 3, &field, NULL) || tbs->size != 0 ||
      !kv_der_take(&field, KV_DER_SEQUENCE, &extensions, NULL) || field.size != 0)
    return false;
  kv_certificate_extensions(extensions, c);
  return true;
}

/* The fields of TBSCertificate in order; NULL, or the one that is wrong. */
static const char *read_tbs(kv_slice tbs, kv_slice outer_algorithm, kv_certificate *c) {
  kv_slice algorithm;
  if (!take_version(&tbs)) return "the version, which must be 3";
  if (!kv_der_take_integer(&tbs, &c->serial)) return "serialNumber";
  if (!kv_der_take(&tbs, KV_DER_SEQUENCE, NULL, &algorithm)) return "signature";
  if (!kv_slice_equal(algorithm, outer_algorithm))
    return "the signature algorithm, which it has twice and not the same";
  if (!kv_der_take(&tbs, KV_DER_SEQUENCE, NULL, &c->issuer) ||
      !kv_name_parse(c->issuer, &c->issuer_cn))
    return "issuer";
  if (!take_validity(&tbs, c)) return "validity";
  if (!kv_der_take(&tbs, KV_DER_SEQUENCE, NULL, &c->subject) ||
      !kv_name_parse(c->subject, &c->subject_cn))
    return "subject";
  if (!take_key(&tbs, c)) return "subjectPublicKeyInfo";
  if (!take_extensions(&tbs, c)) return "extensions";
  return NULL;
}

int kv_certificate_parse(kv_slice der, kv_certificate *c, kv_error *error) {
  memset(c, 0, sizeof *c);
  c->der = der;
  c->path_length = -1;
  if (der.size > KV_X509_SIZE_MAX)
    return kv_fail(error, "invalid_argument", "%zu bytes; a certificate may have %d", der.size,
                   KV_X509_SIZE_MAX);
  kv_slice in = der, body, tbs, algorithm;
  if (!kv_der_take(&in, KV_DER_SEQUENCE, &body, NULL))
    return kv_fail(error, "invalid_argument", "not a certificate in DER");
  if (in.size != 0)
    return kv_fail(error, "invalid_argument", "%zu bytes after the certificate", in.size);
  if (!kv_der_take(&body, KV_DER_SEQUENCE, &tbs, &c->tbs) ||
      !kv_der_take(&body, KV_DER_SEQUENCE, NULL, &algorithm) ||
      !kv_der_take_bits(&body, &c->signature) || body.size != 0)
    return kv_fail(error, "invalid_argument", "not a certificate in DER");
  c->pss_sha384 = kv_is_pss_sha384(algorithm);
  const char *wrong = read_tbs(tbs, algorithm, c);
  if (wrong) return kv_fail(error, "invalid_argument", "wrong in the certificate: %s", wrong);
  return 0;
}
