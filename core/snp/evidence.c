#include "snp/evidence.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/little.h"
#include "snp/evidence_parts.h"

/* ---- names, and what it holds ---- */

const char *kv_evidence_kind_name(kv_evidence_kind kind) {
  static const char *const NAMES[] = {"report",
                                      "extended report",
                                      "certificate table",
                                      "Azure HCL report",
                                      "guest response",
                                      "PEM",
                                      "DER",
                                      "JSON"};
  return NAMES[kind];
}

const char *kv_evidence_encoding_name(kv_evidence_encoding encoding) {
  static const char *const NAMES[] = {"none", "hex", "base64"};
  return NAMES[encoding];
}

const char *kv_part_role_name(kv_part_role role) {
  static const char *const NAMES[] = {"unknown", "vcek", "vlek", "ask", "asvk", "ark", "crl"};
  return NAMES[role];
}

bool kv_all_zero(const uint8_t *bytes, size_t size) {
  uint8_t any = 0;
  for (size_t i = 0; i < size; i++) any |= bytes[i];
  return any == 0;
}

uint8_t *kv_evidence_room(kv_evidence *evidence, size_t size, kv_error *error) {
  enum { ROOMS = sizeof evidence->decoded / sizeof *evidence->decoded };
  if (evidence->decoded_count == ROOMS) {
    kv_fail(error, "invalid_argument", "more than %d certificates", KV_EVIDENCE_PARTS_MAX);
    return NULL;
  }
  uint8_t *room = malloc(size ? size : 1);
  if (room)
    evidence->decoded[evidence->decoded_count++] = room;
  else
    kv_fail(error, "io", "out of memory");
  return room;
}

int kv_evidence_add(kv_evidence *evidence, kv_part_role role, const uint8_t *guid,
                    const uint8_t *bytes, size_t size, kv_error *error) {
  if (size > KV_CERTIFICATE_SIZE_MAX)
    return kv_fail(error, "invalid_argument", "a part of %zu bytes; at most %d are taken", size,
                   KV_CERTIFICATE_SIZE_MAX);
  if (evidence->part_count == KV_EVIDENCE_PARTS_MAX)
    return kv_fail(error, "invalid_argument", "more than %d certificates", KV_EVIDENCE_PARTS_MAX);
  kv_part *part = &evidence->parts[evidence->part_count++];
  *part = (kv_part){.role = role, .has_guid = guid != NULL, .bytes = bytes, .size = size};
  if (guid) memcpy(part->guid, guid, KV_GUID_SIZE);
  return 0;
}

void kv_evidence_free(kv_evidence *evidence) {
  for (size_t i = 0; i < evidence->decoded_count; i++) free(evidence->decoded[i]);
  *evidence = (kv_evidence){0};
}

/* ---- reports, and what they come in ---- */

static int take_report(kv_evidence *evidence, const uint8_t *bytes, kv_error *error) {
  kv_report report;
  if (kv_report_parse(bytes, KV_REPORT_SIZE, &report, error) < 0) return -1;
  evidence->report = bytes;
  return 0;
}

/* A report alone, or before a certificate table. */
static int read_report(kv_evidence *evidence, const uint8_t *bytes, size_t size, kv_error *error) {
  if (size < KV_REPORT_SIZE)
    return kv_fail(error, "invalid_argument", "cut short: %zu bytes of %d", size, KV_REPORT_SIZE);
  if (take_report(evidence, bytes, error) < 0) return -1;
  if (size == KV_REPORT_SIZE) return 0;
  evidence->kind = KV_EVIDENCE_EXTENDED_REPORT;
  kv_error inner;
  if (kv_evidence_add_table(evidence, bytes + KV_REPORT_SIZE, size - KV_REPORT_SIZE, &inner) < 0)
    return kv_fail(error, "invalid_argument", "its certificate table: %s", inner.message);
  return 0;
}

/* MSG_REPORT_RSP (56860, section 7.3): {u32 status, u32 report size, 24 bytes reserved, report};
 * the driver's buffer is longer, and zero after it. */
enum { RESPONSE_HEADER = 0x20, RESPONSE_BUFFER = 4000 };

static bool begins_response(const uint8_t *bytes, size_t size) {
  if (size < 8 || size == KV_REPORT_SIZE) return false;
  if (kv_le32(bytes) == 0) return kv_le32(bytes + 4) == KV_REPORT_SIZE;
  return kv_le32(bytes + 4) == 0 && (size == RESPONSE_BUFFER || size == RESPONSE_HEADER) &&
         kv_all_zero(bytes + 8, size - 8);
}

static int read_response(kv_evidence *evidence, const uint8_t *bytes, size_t size,
                         kv_error *error) {
  if (kv_le32(bytes) != 0)
    return kv_fail(error, "invalid_argument", "the firmware refused, with status 0x%" PRIx32,
                   kv_le32(bytes));
  if (size < RESPONSE_HEADER + KV_REPORT_SIZE)
    return kv_fail(error, "invalid_argument", "cut short: %zu bytes of %d", size,
                   RESPONSE_HEADER + KV_REPORT_SIZE);
  if (!kv_all_zero(bytes + 8, RESPONSE_HEADER - 8))
    return kv_fail(error, "invalid_argument", "reserved bytes of its header are not zero");
  size_t end = RESPONSE_HEADER + KV_REPORT_SIZE;
  if (!kv_all_zero(bytes + end, size - end))
    return kv_fail(error, "invalid_argument", "bytes that are not zero follow the report, at %zu",
                   end);
  return take_report(evidence, bytes + RESPONSE_HEADER, error);
}

/* Azure's: "HCLA", {u32 version, u32 size of all, u32 request type, u32 status}, zeros to 0x20; the
 * report; {u32 size with these 20 bytes, u32 version, u32 report type, u32 hash, u32 size of the
 * runtime data}; the runtime data; zeros. */
enum {
  HCL_HEADER = 0x20,
  HCL_RUNTIME = HCL_HEADER + KV_REPORT_SIZE,
  HCL_RUNTIME_HEADER = 20,
  HCL_REPORT_IS_SNP = 2,
  HCL_HASH_MAX = 3,
};

static int check_runtime(const uint8_t *at, size_t room, kv_error *error) {
  uint32_t all = kv_le32(at), version = kv_le32(at + 4), type = kv_le32(at + 8);
  uint32_t hash = kv_le32(at + 12), size = kv_le32(at + 16);
  if (version != 1)
    return kv_fail(error, "invalid_argument", "its runtime data has version %" PRIu32 ", not 1",
                   version);
  if (type != HCL_REPORT_IS_SNP)
    return kv_fail(error, "invalid_argument", "its report type is %" PRIu32 ", not %d (SEV-SNP)",
                   type, HCL_REPORT_IS_SNP);
  if (hash < 1 || hash > HCL_HASH_MAX)
    return kv_fail(error, "invalid_argument", "the hash of its runtime data is of kind %" PRIu32,
                   hash);
  if (size > room || all != size + HCL_RUNTIME_HEADER)
    return kv_fail(error, "invalid_argument",
                   "sizes of its runtime data do not agree: %" PRIu32 " with its header, %" PRIu32
                   " without, room for %zu",
                   all, size, room);
  return 0;
}

static int read_hcl(kv_evidence *evidence, const uint8_t *bytes, size_t size, kv_error *error) {
  if (size < HCL_RUNTIME + HCL_RUNTIME_HEADER)
    return kv_fail(error, "invalid_argument", "cut short: %zu bytes of at least %d", size,
                   HCL_RUNTIME + HCL_RUNTIME_HEADER);
  uint32_t version = kv_le32(bytes + 4), used = kv_le32(bytes + 8), status = kv_le32(bytes + 16);
  if (version < 1 || version > 2)
    return kv_fail(error, "invalid_argument", "its header has version %" PRIu32 ", not 1 or 2",
                   version);
  if (used > size)
    return kv_fail(error, "invalid_argument", "cut short: %zu bytes of %" PRIu32, size, used);
  if (status != 0)
    return kv_fail(error, "invalid_argument", "it has the status 0x%" PRIx32, status);
  const uint8_t *runtime = bytes + HCL_RUNTIME;
  size_t room = size - HCL_RUNTIME - HCL_RUNTIME_HEADER;
  if (check_runtime(runtime, room, error) < 0) return -1;
  evidence->runtime_hash = kv_le32(runtime + 12);
  evidence->runtime_size = kv_le32(runtime + 16);
  evidence->runtime_data = runtime + HCL_RUNTIME_HEADER;
  if (!kv_all_zero(evidence->runtime_data + evidence->runtime_size, room - evidence->runtime_size))
    return kv_fail(error, "invalid_argument", "bytes that are not zero follow its runtime data");
  return take_report(evidence, bytes + HCL_HEADER, error);
}

/* ---- what it is ---- */

typedef int reader(kv_evidence *evidence, const uint8_t *bytes, size_t size, kv_error *error);

static int read_table(kv_evidence *evidence, const uint8_t *bytes, size_t size, kv_error *error) {
  return kv_evidence_add_table(evidence, bytes, size, error);
}

static int read_der(kv_evidence *evidence, const uint8_t *bytes, size_t size, kv_error *error) {
  return kv_evidence_add_der(evidence, KV_PART_UNKNOWN, NULL, bytes, size, error);
}

static int read_pem(kv_evidence *evidence, const uint8_t *bytes, size_t size, kv_error *error) {
  return kv_evidence_add_pem(evidence, KV_PART_UNKNOWN, NULL, bytes, size, error);
}

/* Versions that a report could have: more than are known, so that a newer one is named as such. */
enum { REPORT_VERSION_PLAUSIBLE = 63 };

static bool begins_report(const uint8_t *bytes, size_t size) {
  return size == KV_REPORT_SIZE ||
         (size >= 4 && kv_le32(bytes) >= 1 && kv_le32(bytes) <= REPORT_VERSION_PLAUSIBLE);
}

static bool begins_hcl(const uint8_t *bytes, size_t size) {
  return size >= 4 && memcmp(bytes, "HCLA", 4) == 0;
}

/* In this order: what has a mark of its own before what has none. */
static const struct {
  bool (*begins)(const uint8_t *bytes, size_t size);
  reader *read;
  kv_evidence_kind kind;
  const char *name;
} BINARY[] = {
    {begins_hcl, read_hcl, KV_EVIDENCE_HCL, "an Azure HCL report"},
    {kv_table_known, read_table, KV_EVIDENCE_TABLE, "a certificate table"},
    {begins_response, read_response, KV_EVIDENCE_RESPONSE, "a response of /dev/sev-guest"},
    {kv_der_begins, read_der, KV_EVIDENCE_DER, "DER"},
    {begins_report, read_report, KV_EVIDENCE_REPORT, "a report"},
    {kv_table_possible, read_table, KV_EVIDENCE_TABLE, "a certificate table"},
};

static int fail_as(kv_error *error, const char *name, const kv_error *inner) {
  return kv_fail(error, inner->kind, "taken for %s: %s", name, inner->message);
}

static int recognise_binary(kv_evidence *evidence, const uint8_t *bytes, size_t size,
                            kv_error *error) {
  for (size_t i = 0; i < sizeof BINARY / sizeof *BINARY; i++) {
    if (!BINARY[i].begins(bytes, size)) continue;
    kv_error inner;
    evidence->kind = BINARY[i].kind;
    if (BINARY[i].read(evidence, bytes, size, &inner) == 0) return 0;
    return fail_as(error, BINARY[i].name, &inner);
  }
  char start[2 * 8 + 1];
  kv_hex_encode(bytes, size < 8 ? size : 8, start);
  return kv_fail(error, "invalid_argument",
                 "%zu bytes that begin with %s are no report, certificate table, HCL report, "
                 "response, certificate or revocation list",
                 size, start);
}

/* ---- text ---- */

static bool is_space(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

static bool is_text(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    if ((bytes[i] < ' ' && !is_space(bytes[i])) || bytes[i] == 0x7f) return false;
  return true;
}

static bool is_hex(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (!is_space(bytes[i]) && !isxdigit(bytes[i])) return false;
  return true;
}

static bool is_json(const uint8_t *bytes, size_t size) {
  size_t i = 0;
  while (i < size && is_space(bytes[i])) i++;
  return i < size && bytes[i] == '{';
}

static int recognise_pem(kv_evidence *evidence, const uint8_t *bytes, size_t size,
                         kv_error *error) {
  kv_error inner;
  evidence->kind = KV_EVIDENCE_PEM;
  return read_pem(evidence, bytes, size, &inner) < 0 ? fail_as(error, "PEM", &inner) : 0;
}

/* Decodes hex or base64. What comes out is bytes, or PEM: other text would be a second layer. */
static int recognise_encoded(kv_evidence *evidence, const uint8_t *bytes, size_t size,
                             kv_error *error) {
  bool hex = is_hex(bytes, size);
  const char *name = hex ? "hex" : "base64";
  size_t length;
  kv_error inner;
  uint8_t *room = kv_evidence_room(evidence, size + 4, error);
  if (!room) return -1;
  evidence->encoding = hex ? KV_ENCODING_HEX : KV_ENCODING_BASE64;
  if ((hex ? kv_hex_decode : kv_base64_decode)((const char *)bytes, size, KV_SPACES_SKIPPED, room,
                                               &length, &inner) < 0)
    return fail_as(error, name, &inner);
  int status;
  if (length == 0)
    status = kv_fail(&inner, "invalid_argument", "it is empty");
  else if (!is_text(room, length))
    status = recognise_binary(evidence, room, length, &inner);
  else if (kv_pem_begins(room, length))
    status = recognise_pem(evidence, room, length, &inner);
  else
    status = kv_fail(&inner, "invalid_argument",
                     "it holds text again: one layer of hex or base64 is taken off, not more");
  return status < 0 ? fail_as(error, name, &inner) : 0;
}

int kv_evidence_recognise(const uint8_t *bytes, size_t size, kv_evidence *evidence,
                          kv_error *error) {
  *evidence = (kv_evidence){0};
  if (size == 0) return kv_fail(error, "invalid_argument", "evidence is empty");
  if (size > KV_EVIDENCE_SIZE_MAX)
    return kv_fail(error, "invalid_argument", "evidence of %zu bytes; at most %d are taken", size,
                   KV_EVIDENCE_SIZE_MAX);
  if (!is_text(bytes, size)) return recognise_binary(evidence, bytes, size, error);
  if (is_json(bytes, size)) return evidence->kind = KV_EVIDENCE_JSON, 0;
  if (kv_pem_begins(bytes, size)) return recognise_pem(evidence, bytes, size, error);
  return recognise_encoded(evidence, bytes, size, error);
}
