/* Certificates and revocation lists in DER: their borders, and the roles that they claim. No more
 * is read here than that takes (X.690, section 8.1; RFC 5280, sections 4.1 and 5.1). */
#include <string.h>

#include "snp/evidence_parts.h"

enum {
  TAG_INTEGER = 0x02,
  TAG_OID = 0x06,
  TAG_UTC_TIME = 0x17,
  TAG_GENERALIZED_TIME = 0x18,
  TAG_SEQUENCE = 0x30,
  TAG_SET = 0x31,
  TAG_VERSION = 0xa0, /* [0] of TBSCertificate */
};

typedef struct reader {
  const uint8_t *at;
  size_t left;
} reader;

/* Length octets: definite, as short as can be, at most three bytes of it. Returns how many octets
 * they are, or 0. */
static size_t read_length(const uint8_t *at, size_t left, size_t *length) {
  if (left < 1) return 0;
  if (at[0] < 0x80) return *length = at[0], 1;
  size_t octets = at[0] & 0x7f;
  if (octets < 1 || octets > 3 || left < 1 + octets || at[1] == 0) return 0;
  *length = 0;
  for (size_t i = 0; i < octets; i++) *length = *length << 8 | at[1 + i];
  return *length < 0x80 ? 0 : 1 + octets;
}

/* Takes the next element if its tag is `tag` (-1: any). *inside, which may be NULL, is its
 * contents. */
static bool take(reader *from, int tag, reader *inside) {
  size_t length;
  if (from->left < 2 || (tag >= 0 && from->at[0] != tag)) return false;
  size_t octets = read_length(from->at + 1, from->left - 1, &length);
  if (octets == 0 || length > from->left - 1 - octets) return false;
  if (inside) *inside = (reader){from->at + 1 + octets, length};
  from->at += 1 + octets + length;
  from->left -= 1 + octets + length;
  return true;
}

bool kv_der_begins(const uint8_t *bytes, size_t size) {
  return size >= 2 && bytes[0] == TAG_SEQUENCE && bytes[1] >= 0x81 && bytes[1] <= 0x83;
}

size_t kv_der_size(const uint8_t *bytes, size_t size) {
  reader all = {bytes, size};
  return take(&all, TAG_SEQUENCE, NULL) ? size - all.left : 0;
}

/* ---- roles ---- */

static bool begins(const reader *text, const char *with) {
  size_t length = strlen(with);
  return text->left >= length && memcmp(text->at, with, length) == 0;
}

static bool is(const reader *text, const char *what) {
  return text->left == strlen(what) && begins(text, what);
}

/* Names of AMD's subjects: 57230 for the VCEK's chain, 58369 for the VLEK's. */
static kv_part_role role_of_name(const reader *name) {
  if (is(name, "SEV-VCEK")) return KV_PART_VCEK;
  if (is(name, "SEV-VLEK")) return KV_PART_VLEK;
  if (begins(name, "SEV-VLEK-")) return KV_PART_ASVK;
  if (begins(name, "ARK-")) return KV_PART_ARK;
  if (begins(name, "SEV-")) return KV_PART_ASK;
  return KV_PART_UNKNOWN;
}

static kv_part_role role_of_subject(reader subject) {
  static const uint8_t COMMON_NAME[] = {0x55, 0x04, 0x03}; /* 2.5.4.3 */
  reader set, pair, oid, value;
  while (take(&subject, TAG_SET, &set)) {
    while (take(&set, TAG_SEQUENCE, &pair)) {
      if (take(&pair, TAG_OID, &oid) && oid.left == sizeof COMMON_NAME &&
          memcmp(oid.at, COMMON_NAME, sizeof COMMON_NAME) == 0 && take(&pair, -1, &value))
        return role_of_name(&value);
    }
  }
  return KV_PART_UNKNOWN;
}

static bool skip_sequences(reader *from, int count) {
  while (count > 0 && take(from, TAG_SEQUENCE, NULL)) count--;
  return count == 0;
}

kv_der_form kv_der_form_of(const uint8_t *der, size_t size, kv_part_role *role) {
  reader all = {der, size}, outer, tbs, subject;
  *role = KV_PART_UNKNOWN;
  if (!take(&all, TAG_SEQUENCE, &outer) || all.left || !take(&outer, TAG_SEQUENCE, &tbs))
    return KV_DER_OTHER;
  take(&tbs, TAG_VERSION, NULL);
  take(&tbs, TAG_INTEGER, NULL); /* a certificate's serial number, a revocation list's version */
  if (!skip_sequences(&tbs, 2)) return KV_DER_OTHER; /* the signature's algorithm, the issuer */
  if (take(&tbs, TAG_UTC_TIME, NULL) || take(&tbs, TAG_GENERALIZED_TIME, NULL)) {
    *role = KV_PART_CRL;
    return KV_DER_CRL;
  }
  if (!skip_sequences(&tbs, 1)) return KV_DER_OTHER; /* the validity */
  if (!take(&tbs, TAG_SEQUENCE, &subject)) return KV_DER_OTHER;
  *role = role_of_subject(subject);
  return KV_DER_CERTIFICATE;
}

kv_part_role kv_part_role_of(const uint8_t *der, size_t size) {
  kv_part_role role;
  kv_der_form_of(der, size, &role);
  return role;
}

/* ---- objects, one after the other ---- */

/* The role of a certificate that a table's GUID or a PEM label speaks for. */
static kv_part_role settle(kv_part_role told, kv_part_role found) {
  if (told == KV_PART_UNKNOWN) return found;
  return told == KV_PART_ASK && found == KV_PART_ASVK ? found : told;
}

int kv_evidence_add_der(kv_evidence *evidence, kv_part_role role, const uint8_t *guid,
                        const uint8_t *bytes, size_t size, kv_error *error) {
  for (size_t at = 0; at < size;) {
    size_t length = kv_der_size(bytes + at, size - at);
    if (length == 0)
      return kv_fail(error, "invalid_argument",
                     "no DER object, or one cut short, at offset %zu of %zu", at, size);
    kv_part_role found;
    kv_der_form form = kv_der_form_of(bytes + at, length, &found);
    if (form == KV_DER_OTHER)
      return kv_fail(error, "invalid_argument",
                     "the DER object at offset %zu is neither a certificate nor a revocation list",
                     at);
    if ((role == KV_PART_CRL) != (form == KV_DER_CRL) && role != KV_PART_UNKNOWN)
      return kv_fail(error, "invalid_argument", "a %s where a %s belongs",
                     form == KV_DER_CRL ? "revocation list" : "certificate",
                     form == KV_DER_CRL ? "certificate" : "revocation list");
    if (kv_evidence_add(evidence, settle(role, found), guid, bytes + at, length, error) < 0)
      return -1;
    at += length;
  }
  return 0;
}
