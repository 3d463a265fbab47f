#include "snp/report.h"

#include <string.h>

#include "base/little.h"

/* ---- the fields, in the report's order (56860, ATTESTATION_REPORT) ---- */

#define MEMBER_SIZE(member) sizeof(((kv_report *)0)->member)
#define NUMBER(name, offset, since)                                                                \
  { #name, offset, MEMBER_SIZE(name), offsetof(kv_report, name), since, true }
#define BYTES(name, offset)                                                                        \
  { #name, offset, MEMBER_SIZE(name), offsetof(kv_report, name), 2, false }

static const kv_report_field FIELDS[] = {
    NUMBER(version, 0x000, 2),
    NUMBER(guest_svn, 0x004, 2),
    NUMBER(policy, 0x008, 2),
    BYTES(family_id, 0x010),
    BYTES(image_id, 0x020),
    NUMBER(vmpl, 0x030, 2),
    NUMBER(signature_algo, 0x034, 2),
    NUMBER(current_tcb, 0x038, 2),
    NUMBER(platform_info, 0x040, 2),
    NUMBER(key_info, 0x048, 2),
    BYTES(report_data, 0x050),
    BYTES(measurement, 0x090),
    BYTES(host_data, 0x0c0),
    BYTES(id_key_digest, 0x0e0),
    BYTES(author_key_digest, 0x110),
    BYTES(report_id, 0x140),
    BYTES(report_id_ma, 0x160),
    NUMBER(reported_tcb, 0x180, 2),
    NUMBER(cpuid_fam_id, 0x188, 3),
    NUMBER(cpuid_mod_id, 0x189, 3),
    NUMBER(cpuid_step, 0x18a, 3),
    BYTES(chip_id, 0x1a0),
    NUMBER(committed_tcb, 0x1e0, 2),
    NUMBER(current_build, 0x1e8, 2),
    NUMBER(current_minor, 0x1e9, 2),
    NUMBER(current_major, 0x1ea, 2),
    NUMBER(committed_build, 0x1ec, 2),
    NUMBER(committed_minor, 0x1ed, 2),
    NUMBER(committed_major, 0x1ee, 2),
    NUMBER(launch_tcb, 0x1f0, 2),
    NUMBER(launch_mit_vector, 0x1f8, 5),
    NUMBER(current_mit_vector, 0x200, 5),
    BYTES(signature_r, 0x2a0),
    BYTES(signature_s, 0x2e8),
};

enum { FIELD_COUNT = sizeof FIELDS / sizeof *FIELDS };

const kv_report_field *kv_report_fields(size_t *count) {
  *count = FIELD_COUNT;
  return FIELDS;
}

/* ---- bytes to fields and back ---- */

static void read_field(const kv_report_field *field, const uint8_t *bytes, kv_report *report) {
  const uint8_t *from = bytes + field->offset;
  uint8_t *to = (uint8_t *)report + field->member;
  if (!field->number || field->size == 1) {
    memcpy(to, from, field->size);
  } else if (field->size == 4) {
    uint32_t value = kv_le32(from);
    memcpy(to, &value, sizeof value);
  } else {
    uint64_t value = kv_le64(from);
    memcpy(to, &value, sizeof value);
  }
}

uint64_t kv_report_number(const kv_report *report, const kv_report_field *field) {
  const uint8_t *from = (const uint8_t *)report + field->member;
  if (field->size == 1) return *from;
  if (field->size == 4) {
    uint32_t value;
    memcpy(&value, from, sizeof value);
    return value;
  }
  uint64_t value;
  memcpy(&value, from, sizeof value);
  return value;
}

static int check_version(uint32_t version, kv_error *error) {
  if (version > KV_REPORT_VERSION_MAX)
    return kv_fail(error, "invalid_argument",
                   "report version %lu is not known: the newest that is, is %d",
                   (unsigned long)version, KV_REPORT_VERSION_MAX);
  if (version < KV_REPORT_VERSION_MIN)
    return kv_fail(error, "invalid_argument", "report version %lu: the oldest that is known is %d",
                   (unsigned long)version, KV_REPORT_VERSION_MIN);
  return 0;
}

int kv_report_parse(const uint8_t *bytes, size_t size, kv_report *report, kv_error *error) {
  if (size != KV_REPORT_SIZE)
    return kv_fail(error, "invalid_argument", "a report is %d bytes; this is %zu", KV_REPORT_SIZE,
                   size);
  uint32_t version = kv_le32(bytes);
  if (check_version(version, error) < 0) return -1;
  report->cpuid_fam_id = report->cpuid_mod_id = report->cpuid_step = 0;
  report->launch_mit_vector = report->current_mit_vector = 0;
  for (size_t i = 0; i < FIELD_COUNT; i++)
    if (FIELDS[i].since <= version) read_field(&FIELDS[i], bytes, report);
  memcpy(report->raw, bytes, KV_REPORT_SIZE);
  return 0;
}

void kv_report_write(const kv_report *report, uint8_t bytes[KV_REPORT_SIZE]) {
  memcpy(bytes, report->raw, KV_REPORT_SIZE);
  for (size_t i = 0; i < FIELD_COUNT; i++) {
    const kv_report_field *field = &FIELDS[i];
    if (field->since > report->version) continue;
    if (field->number)
      kv_put_le(bytes + field->offset, kv_report_number(report, field), field->size);
    else
      memcpy(bytes + field->offset, (const uint8_t *)report + field->member, field->size);
  }
}

/* ---- what fields together mean ---- */

enum { SHORT_CHIP_ID = 8, CPUID_SINCE = 3 };

static bool all_zero(const uint8_t *bytes, size_t size) {
  uint8_t any = 0;
  for (size_t i = 0; i < size; i++) any |= bytes[i];
  return any == 0;
}

bool kv_report_chip_id_masked(const kv_report *report) {
  return all_zero(report->chip_id, sizeof report->chip_id);
}

static bool has_short_chip_id(const kv_report *report) {
  return all_zero(report->chip_id + SHORT_CHIP_ID, sizeof report->chip_id - SHORT_CHIP_ID) &&
         !all_zero(report->chip_id, SHORT_CHIP_ID);
}

kv_product kv_product_of_report(const kv_report *report) {
  if (report->version >= CPUID_SINCE)
    return kv_product_of_cpuid(report->cpuid_fam_id, report->cpuid_mod_id);
  return has_short_chip_id(report) ? KV_PRODUCT_TURIN : KV_PRODUCT_UNKNOWN;
}

kv_tcb_layout kv_tcb_layout_of_report(const kv_report *report, kv_product product) {
  if (product == KV_PRODUCT_UNKNOWN) product = kv_product_of_report(report);
  if (product == KV_PRODUCT_UNKNOWN && report->version < CPUID_SINCE &&
      !all_zero(report->chip_id + SHORT_CHIP_ID, sizeof report->chip_id - SHORT_CHIP_ID))
    return KV_TCB_MILAN;
  return kv_tcb_layout_of(product);
}

unsigned kv_report_signing_key(const kv_report *report) {
  return report->key_info >> KV_KEY_INFO_SIGNING_KEY_SHIFT & KV_KEY_INFO_SIGNING_KEY_MASK;
}

/* ---- PLATFORM_INFO ---- */

static const kv_bit PLATFORM_BITS[] = {
    {"SMT_EN", 0},
    {"TSME_EN", 1},
    {"ECC_EN", 2},
    {"RAPL_DIS", 3},
    {"CIPHERTEXT_HIDING_DRAM_EN", 4},
    {"ALIAS_CHECK_COMPLETE", 5},
    {"IOMMU_WRITE_SAFE", 6},
    {"TIO_EN", 7},
};

const kv_bit *kv_platform_bits(size_t *count) {
  *count = sizeof PLATFORM_BITS / sizeof *PLATFORM_BITS;
  return PLATFORM_BITS;
}

uint64_t kv_platform_unknown(uint64_t platform_info) {
  for (size_t i = 0; i < sizeof PLATFORM_BITS / sizeof *PLATFORM_BITS; i++)
    platform_info &= ~(UINT64_C(1) << PLATFORM_BITS[i].bit);
  return platform_info;
}
