/* Whatever is handed in as evidence is refused with a reason, or what is found in it lies within it
 * and is what it is said to be. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "snp/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
  if (!holds) abort();
}

/* Reads every byte, so that a sanitizer sees those that are not there. */
static void touch(const uint8_t *bytes, size_t size) {
  static volatile uint8_t sink;
  for (size_t i = 0; i < size; i++) sink = (uint8_t)(sink ^ bytes[i]);
}

static void use_parts(const kv_evidence *evidence) {
  check(evidence->part_count <= KV_EVIDENCE_PARTS_MAX);
  for (size_t i = 0; i < evidence->part_count; i++) {
    const kv_part *part = &evidence->parts[i];
    check(part->size > 0 && part->size <= KV_CERTIFICATE_SIZE_MAX);
    touch(part->bytes, part->size);
    if (!part->has_guid) check(part->role == kv_part_role_of(part->bytes, part->size));
    check(strlen(kv_part_role_name(part->role)) > 0);
  }
}

static void use(const kv_evidence *evidence) {
  kv_report report;
  bool has_report =
      evidence->kind == KV_EVIDENCE_REPORT || evidence->kind == KV_EVIDENCE_RESPONSE ||
      evidence->kind == KV_EVIDENCE_EXTENDED_REPORT || evidence->kind == KV_EVIDENCE_HCL;
  check(has_report == (evidence->report != NULL));
  if (evidence->report)
    check(kv_report_parse(evidence->report, KV_REPORT_SIZE, &report, NULL) == 0);
  check((evidence->kind == KV_EVIDENCE_HCL) == (evidence->runtime_data != NULL));
  if (evidence->runtime_data) touch(evidence->runtime_data, evidence->runtime_size);
  use_parts(evidence);
}

static void recognise(const uint8_t *data, size_t size) {
  kv_evidence evidence;
  kv_error error = {.message = ""};
  if (kv_evidence_recognise(data, size, &evidence, &error) == 0)
    use(&evidence);
  else
    check(error.message[0] != '\0' && strcmp(error.kind, "invalid_argument") == 0);
  kv_evidence_free(&evidence);
}

/* The text of bytes decodes to them, and is recognised as what they are. */
static void encode(const uint8_t *data, size_t size) {
  char *text = malloc(2 * size + 5);
  uint8_t *back = malloc(2 * size + 5);
  size_t length;
  if (text && back) {
    kv_hex_encode(data, size, text);
    check(kv_hex_decode(text, 2 * size, KV_SPACES_REFUSED, back, &length, NULL) == 0);
    check(length == size && memcmp(back, data, size) == 0);
    kv_base64_encode(data, size, text);
    check(strlen(text) == kv_base64_length(size));
    check(kv_base64_decode(text, strlen(text), KV_SPACES_REFUSED, back, &length, NULL) == 0);
    check(length == size && memcmp(back, data, size) == 0);
    recognise((const uint8_t *)text, strlen(text));
  }
  free(text);
  free(back);
}

/* As what follows a report: a certificate table without a known beginning. */
static void after_report(const uint8_t *data, size_t size) {
  uint8_t *bytes = calloc(1, KV_REPORT_SIZE + size);
  if (!bytes) return;
  bytes[0] = KV_REPORT_VERSION_MIN;
  memcpy(bytes + KV_REPORT_SIZE, data, size);
  recognise(bytes, KV_REPORT_SIZE + size);
  free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  /* A copy of exactly what is there, so that reading beyond it is seen. */
  uint8_t *bytes = malloc(size);
  if (!bytes) return 0;
  memcpy(bytes, data, size);
  recognise(bytes, size);
  encode(bytes, size);
  free(bytes);
  after_report(data, size);
  return 0;
}
