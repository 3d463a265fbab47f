/* PEM (RFC 7468): blocks of certificates and revocation lists, with text between them. */
#include <string.h>

#include "base/encode.h"
#include "snp/evidence_parts.h"

static const char BEGIN[] = "-----BEGIN ", END[] = "-----END ", DASHES[] = "-----";

typedef struct line {
  const char *at;
  size_t size; /* without blanks at its end */
  size_t next; /* offset of the next line */
} line;

static line line_at(const uint8_t *bytes, size_t size, size_t offset) {
  const char *at = (const char *)bytes + offset;
  const char *newline = memchr(at, '\n', size - offset);
  size_t length = newline ? (size_t)(newline - at) : size - offset;
  line found = {at, length, offset + length + (newline ? 1 : 0)};
  while (found.size && strchr(" \t\r", found.at[found.size - 1])) found.size--;
  return found;
}

static bool begins(const line *l, const char *with) {
  size_t length = strlen(with);
  return l->size >= length && memcmp(l->at, with, length) == 0;
}

bool kv_pem_begins(const uint8_t *bytes, size_t size) {
  for (size_t at = 0; at < size;) {
    line l = line_at(bytes, size, at);
    if (begins(&l, BEGIN)) return true;
    at = l.next;
  }
  return false;
}

/* The label of a BEGIN or END line. Returns whether the line ends as it must. */
static bool read_label(const line *l, const char *before, line *label) {
  size_t used = strlen(before), after = sizeof DASHES - 1;
  if (l->size < used + after || memcmp(l->at + l->size - after, DASHES, after) != 0) return false;
  *label = (line){l->at + used, l->size - used - after, 0};
  return true;
}

static bool label_is(const line *label, const char *what) {
  return label->size == strlen(what) && memcmp(label->at, what, label->size) == 0;
}

static bool known_label(const line *label, bool *crl) {
  *crl = label_is(label, "X509 CRL");
  return *crl || label_is(label, "CERTIFICATE") || label_is(label, "X509 CERTIFICATE");
}

/* What may stand between BEGIN and END: base64 alone. Its end is *body_end; returns the offset
 * after the END line, or 0 and *error. */
static size_t find_end(const uint8_t *bytes, size_t size, size_t at, const line *label,
                       size_t *body_end, kv_error *error) {
  while (at < size) {
    line l = line_at(bytes, size, at), other;
    if (begins(&l, END)) {
      if (!read_label(&l, END, &other) || other.size != label->size ||
          memcmp(other.at, label->at, label->size) != 0)
        break;
      *body_end = at;
      return l.next;
    }
    if (begins(&l, DASHES)) break;
    at = l.next;
  }
  kv_fail(error, "invalid_argument", "a PEM block without its END line at offset %zu", at);
  return 0;
}

static int add_block(kv_evidence *evidence, kv_part_role role, const uint8_t *guid, bool crl,
                     const uint8_t *body, size_t size, kv_error *error) {
  if (role == KV_PART_UNKNOWN && crl) role = KV_PART_CRL;
  if (size > (size_t)KV_CERTIFICATE_SIZE_MAX * 2)
    return kv_fail(error, "invalid_argument", "a PEM block of %zu bytes; at most %d are taken",
                   size, KV_CERTIFICATE_SIZE_MAX * 2);
  uint8_t *der = kv_evidence_room(evidence, size + 4, error);
  size_t length;
  if (!der) return -1;
  if (kv_base64_decode((const char *)body, size, KV_SPACES_SKIPPED, der, &length, error) < 0)
    return -1;
  if (kv_der_size(der, length) != length || length == 0)
    return kv_fail(error, "invalid_argument", "a PEM block that does not hold one DER object");
  return kv_evidence_add_der(evidence, role, guid, der, length, error);
}

int kv_evidence_add_pem(kv_evidence *evidence, kv_part_role role, const uint8_t *guid,
                        const uint8_t *bytes, size_t size, kv_error *error) {
  for (size_t at = 0; at < size;) {
    line l = line_at(bytes, size, at), label;
    size_t body = l.next, body_end = 0;
    bool crl;
    at = l.next;
    if (!begins(&l, DASHES)) continue;
    if (!begins(&l, BEGIN) || !read_label(&l, BEGIN, &label))
      return kv_fail(error, "invalid_argument",
                     "a PEM line that begins no block, before offset %zu", at);
    if (!known_label(&label, &crl))
      return kv_fail(error, "invalid_argument",
                     "a PEM block of '%.*s': only certificates and CRLs belong here",
                     label.size > 40 ? 40 : (int)label.size, label.at);
    at = find_end(bytes, size, body, &label, &body_end, error);
    if (at == 0 || add_block(evidence, role, guid, crl, bytes + body, body_end - body, error) < 0)
      return -1;
  }
  return 0;
}
