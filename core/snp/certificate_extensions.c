/* The extensions of a certificate: RFC 5280, section 4.2, and AMD's own. */
#include "snp/certificate.h"

#include <stdio.h>
#include <string.h>

/* Contents of object identifiers: id-ce (RFC 5280, 4.2.1) and 1.3.6.1.4.1.3704.1. */
#define OID_SUBJECT_KEY_ID "\x55\x1d\x0e"
#define OID_KEY_USAGE "\x55\x1d\x0f"
#define OID_BASIC_CONSTRAINTS "\x55\x1d\x13"
#define OID_AMD "\x2b\x06\x01\x04\x01\x9c\x78\x01"

enum { OID_AMD_SIZE = sizeof OID_AMD - 1, HWID_SIZE = 64, HWID_SIZE_TURIN = 8 };

static const char *const AMD_NAMES[KV_AMD_IDS] = {
    [KV_AMD_STRUCT_VERSION] = "structVersion",
    [KV_AMD_PRODUCT_NAME] = "productName",
    [KV_AMD_HWID] = "hwID",
    [KV_AMD_CSP_ID] = "csp_id",
    [KV_AMD_BL_SPL] = "blSPL",
    [KV_AMD_TEE_SPL] = "teeSPL",
    [KV_AMD_SNP_SPL] = "snpSPL",
    [KV_AMD_SPL4] = "spl4",
    [KV_AMD_SPL5] = "spl5",
    [KV_AMD_SPL6] = "spl6",
    [KV_AMD_SPL7] = "spl7",
    [KV_AMD_UCODE_SPL] = "ucodeSPL",
    [KV_AMD_FMC_SPL] = "fmcSPL",
};

const char *kv_amd_name(kv_amd_id id) { return AMD_NAMES[id]; }

/* X.690, 8.19: the first number holds two. */
char *kv_oid_text(kv_slice oid, char *text, size_t size) {
  size_t used = 0;
  uint64_t number = 0;
  text[0] = 0;
  for (size_t i = 0, first = 1; i < oid.size && used < size; i++) {
    number = number << 7 | (oid.bytes[i] & 0x7f);
    if (oid.bytes[i] & 0x80) continue;
    unsigned top = number < 40 ? 0 : number < 80 ? 1 : 2;
    int wrote = first ? snprintf(text + used, size - used, "%u.%llu", top,
                                 (unsigned long long)(number - 40 * top))
                      : snprintf(text + used, size - used, ".%llu", (unsigned long long)number);
    used += (size_t)wrote;
    number = first = 0;
  }
  return text;
}

static void note(kv_certificate *c, const char *what, kv_slice oid) {
  char text[48];
  if (c->problem[0]) return;
  snprintf(c->problem, sizeof c->problem, "%s: %s", what, kv_oid_text(oid, text, sizeof text));
}

/* ---- of authorities ---- */

static bool read_basic_constraints(kv_slice in, kv_certificate *c) {
  kv_slice body, flag;
  uint8_t length;
  if (!kv_der_take(&in, KV_DER_SEQUENCE, &body, NULL) || in.size != 0) return false;
  c->has_basic_constraints = true;
  if (kv_der_is(&body, KV_DER_BOOLEAN)) {
    if (!kv_der_take(&body, KV_DER_BOOLEAN, &flag, NULL) || !KV_SLICE_IS(flag, "\xff"))
      return false;
    c->ca = true;
  }
  if (body.size == 0) return true;
  if (!kv_der_take_byte(&body, &length) || body.size != 0) return false;
  c->path_length = length;
  return true;
}

/* DER would have the fewest bits that do; AMD's ASKs have one more. */
static bool read_key_usage(kv_slice in, kv_certificate *c) {
  kv_slice bits;
  if (!kv_der_take(&in, KV_DER_BIT_STRING, &bits, NULL) || in.size != 0) return false;
  if (bits.size < 2 || bits.size > 3 || bits.bytes[0] > 7) return false;
  if (bits.bytes[bits.size - 1] & ((1u << bits.bytes[0]) - 1)) return false;
  c->has_key_usage = true;
  for (unsigned i = 0; i < 8 * (bits.size - 1); i++)
    if (bits.bytes[1 + i / 8] & (0x80u >> i % 8)) c->key_usage |= 1u << i;
  return true;
}

static bool read_key_id(kv_slice in, kv_certificate *c) {
  return kv_der_take(&in, KV_DER_OCTET_STRING, &c->key_id, NULL) && in.size == 0;
}

/* False: not one of those that are understood. */
static bool read_standard(kv_slice oid, kv_slice value, kv_certificate *c) {
  bool good;
  if (KV_SLICE_IS(oid, OID_BASIC_CONSTRAINTS))
    good = read_basic_constraints(value, c);
  else if (KV_SLICE_IS(oid, OID_KEY_USAGE))
    good = read_key_usage(value, c);
  else if (KV_SLICE_IS(oid, OID_SUBJECT_KEY_ID))
    good = read_key_id(value, c);
  else
    return false;
  if (!good) note(c, "malformed extension", oid);
  return true;
}

/* ---- AMD's ---- */

/* Which of AMD's it is, or -1. */
static int amd_id_of(kv_slice oid) {
  if (oid.size < OID_AMD_SIZE + 1 || memcmp(oid.bytes, OID_AMD, OID_AMD_SIZE) != 0) return -1;
  const uint8_t *rest = oid.bytes + OID_AMD_SIZE;
  size_t size = oid.size - OID_AMD_SIZE;
  if (size == 2 && rest[0] == 3 && rest[1] >= 1 && rest[1] <= 9) return KV_AMD_BL_SPL + rest[1] - 1;
  if (size != 1) return -1;
  switch (rest[0]) {
  case 1:
    return KV_AMD_STRUCT_VERSION;
  case 2:
    return KV_AMD_PRODUCT_NAME;
  case 4:
    return KV_AMD_HWID;
  case 5:
    return KV_AMD_CSP_ID;
  default:
    return -1;
  }
}

/* Told apart by size: bytes that stand for an OCTET STRING's head may begin a bare one. */
static bool read_hwid(kv_slice in, kv_slice *id) {
  if (in.size == HWID_SIZE + 2 || in.size == HWID_SIZE_TURIN + 2)
    return kv_der_take(&in, KV_DER_OCTET_STRING, id, NULL) && in.size == 0;
  *id = in;
  return in.size == HWID_SIZE || in.size == HWID_SIZE_TURIN;
}

static bool read_text(kv_slice in, kv_slice *text) {
  if (!kv_der_take(&in, KV_DER_IA5_STRING, text, NULL) || in.size != 0 || text->size == 0)
    return false;
  for (size_t i = 0; i < text->size; i++)
    if (text->bytes[i] < 0x20 || text->bytes[i] > 0x7e) return false;
  return true;
}

static void read_amd(kv_amd_id id, kv_slice in, kv_certificate *c) {
  kv_amd_extension *x = &c->amd[id];
  bool good;
  if (x->state != KV_AMD_ABSENT) {
    x->state = KV_AMD_REPEATED;
    return;
  }
  if (id == KV_AMD_HWID)
    good = read_hwid(in, &x->value);
  else if (id == KV_AMD_PRODUCT_NAME || id == KV_AMD_CSP_ID)
    good = read_text(in, &x->value);
  else
    good = kv_der_take_byte(&in, &x->number) && in.size == 0;
  x->state = good ? KV_AMD_PRESENT : KV_AMD_MALFORMED;
}

/* ---- all ---- */

/* Extension (RFC 5280, 4.1): critical is left out if it is false. */
static bool take_extension(kv_slice *in, kv_slice *oid, bool *critical, kv_slice *value) {
  kv_slice body, flag;
  if (!kv_der_take(in, KV_DER_SEQUENCE, &body, NULL) || !kv_der_take(&body, KV_DER_OID, oid, NULL))
    return false;
  *critical = kv_der_is(&body, KV_DER_BOOLEAN);
  if (*critical && (!kv_der_take(&body, KV_DER_BOOLEAN, &flag, NULL) || !KV_SLICE_IS(flag, "\xff")))
    return false;
  return oid->size > 0 && kv_der_take(&body, KV_DER_OCTET_STRING, value, NULL) && body.size == 0;
}

void kv_certificate_extensions(kv_slice in, kv_certificate *c) {
  kv_slice seen[KV_X509_EXTENSIONS_MAX], oid, value;
  bool critical;
  for (size_t count = 0; in.size > 0; count++) {
    if (count == KV_X509_EXTENSIONS_MAX) {
      snprintf(c->problem, sizeof c->problem, "more than %d extensions", KV_X509_EXTENSIONS_MAX);
      return;
    }
    if (!take_extension(&in, &oid, &critical, &value)) {
      snprintf(c->problem, sizeof c->problem, "extension %zu is malformed", count + 1);
      return;
    }
    for (size_t i = 0; i < count; i++)
      if (kv_slice_equal(seen[i], oid)) note(c, "an extension twice", oid);
    seen[count] = oid;
    int amd = amd_id_of(oid);
    if (amd >= 0)
      read_amd((kv_amd_id)amd, value, c);
    else if (!read_standard(oid, value, c) && critical)
      note(c, "unknown critical extension", oid);
  }
}
