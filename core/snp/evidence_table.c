/* The certificate table of an extended guest request (GHCB specification 56421, section 4.1.8.1;
 * Linux's configfs-tsm gives it as auxblob): entries of a GUID, an offset and a length, an all-zero
 * one at their end, and then what they point to. GUIDs are in textual order. */
#include <string.h>

#include "base/little.h"
#include "snp/evidence_parts.h"

enum { ENTRY_SIZE = KV_GUID_SIZE + 8, PLATFORM_INFO_SIZE = 8 };

static const struct {
  uint8_t guid[KV_GUID_SIZE];
  kv_part_role role; /* KV_PART_UNKNOWN: Google's ExtraPlatformInfo */
} KNOWN[] = {
    {{0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac,
      0xcd},
     KV_PART_VCEK},
    {{0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8,
      0xa1},
     KV_PART_VLEK},
    {{0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7,
      0x82},
     KV_PART_ASK},
    {{0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0,
      0xae},
     KV_PART_ARK},
    {{0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f, 0x88, 0xdc, 0x67,
      0xea},
     KV_PART_CRL},
    {{0xec, 0xae, 0x0c, 0x0f, 0x95, 0x02, 0x43, 0xb1, 0xaf, 0xa2, 0x0a, 0xe2, 0xe0, 0xd5, 0x65,
      0xb6},
     KV_PART_UNKNOWN},
};

enum { KNOWN_COUNT = sizeof KNOWN / sizeof *KNOWN };

typedef struct entry {
  const uint8_t *guid;
  size_t offset, length;
  size_t known; /* index in KNOWN; KNOWN_COUNT: not known */
} entry;

typedef struct table {
  const uint8_t *bytes;
  size_t size;
  entry entries[KV_EVIDENCE_PARTS_MAX];
  size_t count;
} table;

static entry entry_at(const uint8_t *at) {
  entry e = {at, kv_le32(at + KV_GUID_SIZE), kv_le32(at + KV_GUID_SIZE + 4), 0};
  while (e.known < KNOWN_COUNT && memcmp(at, KNOWN[e.known].guid, KV_GUID_SIZE) != 0) e.known++;
  return e;
}

bool kv_table_known(const uint8_t *bytes, size_t size) {
  if (size < KV_GUID_SIZE) return false;
  for (size_t i = 0; i < KNOWN_COUNT; i++)
    if (memcmp(bytes, KNOWN[i].guid, KV_GUID_SIZE) == 0) return true;
  return false;
}

bool kv_table_possible(const uint8_t *bytes, size_t size) {
  if (size < 2 * ENTRY_SIZE) return false;
  entry first = entry_at(bytes);
  return first.offset >= 2 * ENTRY_SIZE && first.offset <= size && first.length <= size;
}

/* ---- the entries ---- */

static int read_entries(table *t, kv_error *error) {
  for (size_t at = 0;; at += ENTRY_SIZE) {
    if (t->size - at < ENTRY_SIZE)
      return kv_fail(error, "invalid_argument", "no entry of zeros ends its %zu entries", t->count);
    if (kv_all_zero(t->bytes + at, ENTRY_SIZE)) return 0;
    if (t->count == KV_EVIDENCE_PARTS_MAX)
      return kv_fail(error, "invalid_argument", "more than %d entries", KV_EVIDENCE_PARTS_MAX);
    t->entries[t->count++] = entry_at(t->bytes + at);
  }
}

static int check_entry(const table *t, size_t i, kv_error *error) {
  const entry *e = &t->entries[i];
  size_t header = (t->count + 1) * ENTRY_SIZE;
  if (kv_all_zero(e->guid, KV_GUID_SIZE))
    return kv_fail(error, "invalid_argument", "entry %zu has no GUID", i + 1);
  if (e->length == 0)
    return kv_fail(error, "invalid_argument", "entry %zu has the length 0", i + 1);
  if (e->offset < header)
    return kv_fail(error, "invalid_argument",
                   "entry %zu points to offset %zu, within the table's own %zu bytes", i + 1,
                   e->offset, header);
  if (e->offset > t->size || e->length > t->size - e->offset)
    return kv_fail(error, "invalid_argument",
                   "entry %zu, %zu bytes at offset %zu, goes beyond the end at %zu", i + 1,
                   e->length, e->offset, t->size);
  for (size_t j = 0; j < i; j++) {
    const entry *other = &t->entries[j];
    if (e->known < KNOWN_COUNT && e->known == other->known)
      return kv_fail(error, "invalid_argument", "entries %zu and %zu have one GUID", j + 1, i + 1);
    if (e->offset < other->offset + other->length && other->offset < e->offset + e->length)
      return kv_fail(error, "invalid_argument", "entries %zu and %zu overlap", j + 1, i + 1);
  }
  return 0;
}

/* Between and after what the entries point to there is nothing. */
static int check_gaps(const table *t, kv_error *error) {
  size_t at = (t->count + 1) * ENTRY_SIZE;
  while (at < t->size) {
    size_t next = t->size, after = t->size;
    for (size_t i = 0; i < t->count; i++) {
      if (t->entries[i].offset < at || t->entries[i].offset >= next) continue;
      next = t->entries[i].offset;
      after = next + t->entries[i].length;
    }
    if (!kv_all_zero(t->bytes + at, next - at))
      return kv_fail(error, "invalid_argument",
                     "bytes between offsets %zu and %zu belong to no entry", at, next);
    at = after;
  }
  return 0;
}

/* ---- what they point to ---- */

/* {u32 size, u32 CPUID Fn0000_0001_EAX}: go-sev-guest's ExtraPlatformInfo. */
static int read_platform(kv_evidence *evidence, const uint8_t *bytes, size_t size,
                         kv_error *error) {
  if (size < PLATFORM_INFO_SIZE || kv_le32(bytes) < PLATFORM_INFO_SIZE || kv_le32(bytes) > size)
    return kv_fail(error, "invalid_argument", "its platform information has a wrong size");
  evidence->has_cpuid = true;
  evidence->cpuid_eax = kv_le32(bytes + 4);
  return 0;
}

static int read_part(kv_evidence *evidence, const table *t, const entry *e, kv_error *error) {
  const uint8_t *bytes = t->bytes + e->offset;
  if (e->known == KNOWN_COUNT)
    return kv_evidence_add(evidence, KV_PART_UNKNOWN, e->guid, bytes, e->length, error);
  kv_part_role role = KNOWN[e->known].role;
  if (role == KV_PART_UNKNOWN) return read_platform(evidence, bytes, e->length, error);
  if (kv_pem_begins(bytes, e->length))
    return kv_evidence_add_pem(evidence, role, e->guid, bytes, e->length, error);
  return kv_evidence_add_der(evidence, role, e->guid, bytes, e->length, error);
}

int kv_evidence_add_table(kv_evidence *evidence, const uint8_t *bytes, size_t size,
                          kv_error *error) {
  table t = {.bytes = bytes, .size = size};
  if (read_entries(&t, error) < 0) return -1;
  for (size_t i = 0; i < t.count; i++)
    if (check_entry(&t, i, error) < 0) return -1;
  if (check_gaps(&t, error) < 0) return -1;
  for (size_t i = 0; i < t.count; i++) {
    kv_error inner;
    if (read_part(evidence, &t, &t.entries[i], &inner) < 0)
      return kv_fail(error, "invalid_argument", "entry %zu: %s", i + 1, inner.message);
  }
  return 0;
}
