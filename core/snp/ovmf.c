#include "snp/ovmf.h"

#include <string.h>

#include "base/little.h"

enum {
  GUID_SIZE = 16,
  TRAILER_SIZE = 2 + GUID_SIZE, /* of an entry, behind its data: size of all of it, GUID */
  TABLE_END = 32,            /* bytes between the table's end and the image's: the reset vector */
  METADATA_HEADER_SIZE = 16, /* "ASEV", size, version, count */
  METADATA_VERSION = 1,
  SECTION_SIZE = 12,
};

/* As they lie in the image. */
static const uint8_t FOOTER_GUID[GUID_SIZE] = /* 96b582de-1fb2-45f7-baea-a366c55a082d */
    {0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
     0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d};

typedef struct entry {
  const uint8_t *guid, *data;
  size_t size; /* of the data */
} entry;

/* ---- the entries that are known ---- */

static int take_reset(kv_ovmf *ovmf, const uint8_t *data, kv_error *error) {
  (void)error;
  ovmf->has_reset_eip = true;
  ovmf->reset_eip = kv_le32(data);
  return 0;
}

static int take_hashes(kv_ovmf *ovmf, const uint8_t *data, kv_error *error) {
  (void)error;
  ovmf->has_hashes = true;
  ovmf->hashes_gpa = kv_le32(data);
  ovmf->hashes_size = kv_le32(data + 4);
  return 0;
}

static int take_svsm(kv_ovmf *ovmf, const uint8_t *data, kv_error *error) {
  ovmf->has_svsm = true;
  ovmf->svsm_entry = kv_le32(data);
  if (ovmf->svsm_entry < ovmf->size) return 0;
  return kv_fail(error, "io", "the SVSM's entry point (offset 0x%x) is outside of the image",
                 (unsigned)ovmf->svsm_entry);
}

/* The entry has the metadata's distance from the image's end. */
static int take_metadata(kv_ovmf *ovmf, const uint8_t *data, kv_error *error) {
  uint32_t offset = kv_le32(data);
  if (offset < METADATA_HEADER_SIZE || offset > ovmf->size)
    return kv_fail(error, "io",
                   "the SEV metadata (0x%x bytes before the end) is outside of the image",
                   (unsigned)offset);
  const uint8_t *header = ovmf->bytes + (ovmf->size - offset);
  if (memcmp(header, "ASEV", 4) != 0)
    return kv_fail(error, "io", "the SEV metadata does not begin with 'ASEV'");
  uint32_t size = kv_le32(header + 4), version = kv_le32(header + 8), count = kv_le32(header + 12);
  if (version != METADATA_VERSION)
    return kv_fail(error, "io", "the SEV metadata has version %u; %d is known", (unsigned)version,
                   METADATA_VERSION);
  if (size < METADATA_HEADER_SIZE || size > offset)
    return kv_fail(error, "io", "the SEV metadata's size, %u bytes, does not fit", (unsigned)size);
  if (count > (size - METADATA_HEADER_SIZE) / SECTION_SIZE)
    return kv_fail(error, "io", "the SEV metadata has no room for %u sections in %u bytes",
                   (unsigned)count, (unsigned)size);
  ovmf->has_metadata = true;
  ovmf->sections = header + METADATA_HEADER_SIZE;
  ovmf->section_count = count;
  return 0;
}

typedef struct known {
  const char *name;
  uint8_t guid[GUID_SIZE];
  size_t size; /* the least that its data needs */
  size_t flag; /* which bool of kv_ovmf says that it was there */
  int (*take)(kv_ovmf *ovmf, const uint8_t *data, kv_error *error);
} known;

static const known KNOWN[] = {
    {"SEV-ES reset block", /* 00f771de-1a7e-4fcb-890e-68c77e2fb44e */
     {0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a, 0xcb, 0x4f, 0x89, 0x0e, 0x68, 0xc7, 0x7e, 0x2f, 0xb4,
      0x4e},
     4,
     offsetof(kv_ovmf, has_reset_eip),
     take_reset},
    {"SEV metadata", /* dc886566-984a-4798-a75e-5585a7bf67cc */
     {0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47, 0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67,
      0xcc},
     4,
     offsetof(kv_ovmf, has_metadata),
     take_metadata},
    {"kernel hashes", /* 7255371f-3a3b-4b04-927b-1da6efa8d454 */
     {0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b, 0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4,
      0x54},
     8,
     offsetof(kv_ovmf, has_hashes),
     take_hashes},
    {"SVSM info", /* a789a612-0597-4c4b-a49f-cbb1fe9d1ddd */
     {0x12, 0xa6, 0x89, 0xa7, 0x97, 0x05, 0x4b, 0x4c, 0xa4, 0x9f, 0xcb, 0xb1, 0xfe, 0x9d, 0x1d,
      0xdd},
     4,
     offsetof(kv_ovmf, has_svsm),
     take_svsm},
};

static int take_entry(kv_ovmf *ovmf, const entry *it, kv_error *error) {
  for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
    const known *kind = &KNOWN[i];
    if (memcmp(it->guid, kind->guid, GUID_SIZE) != 0) continue;
    if (*(const bool *)((const char *)ovmf + kind->flag))
      return kv_fail(error, "io", "the footer table has two entries for %s", kind->name);
    if (it->size < kind->size)
      return kv_fail(error, "io", "the footer table's entry for %s has %zu bytes, not %zu",
                     kind->name, it->size, kind->size);
    return kind->take(ovmf, it->data, error);
  }
  return 0;
}

/* ---- the table ---- */

/* The entry that ends at `end`, of which `room` bytes are the table's. */
static int entry_before(const uint8_t *end, size_t room, entry *it, kv_error *error) {
  if (room < TRAILER_SIZE)
    return kv_fail(error, "io", "the footer table has %zu bytes left over", room);
  size_t size = kv_le16(end - TRAILER_SIZE);
  if (size < TRAILER_SIZE || size > room)
    return kv_fail(error, "io",
                   "an entry of the footer table has %zu bytes, where %d to %zu can be", size,
                   TRAILER_SIZE, room);
  *it = (entry){.guid = end - GUID_SIZE, .data = end - size, .size = size - TRAILER_SIZE};
  return 0;
}

/* The table is walked from its end: the last entry, which is the footer, has the size of it all. */
static int read_table(kv_ovmf *ovmf, kv_error *error) {
  if (ovmf->size < TABLE_END + TRAILER_SIZE) return 0;
  const uint8_t *end = ovmf->bytes + (ovmf->size - TABLE_END);
  if (memcmp(end - GUID_SIZE, FOOTER_GUID, GUID_SIZE) != 0) return 0;
  entry it = {0};
  if (entry_before(end, ovmf->size - TABLE_END, &it, error) < 0) return -1;
  ovmf->has_table = true;
  size_t room = it.size;
  end -= TRAILER_SIZE;
  while (room > 0) {
    if (entry_before(end, room, &it, error) < 0 || take_entry(ovmf, &it, error) < 0) return -1;
    room -= (size_t)(end - it.data);
    end = it.data;
  }
  return 0;
}

int kv_ovmf_parse(const uint8_t *bytes, size_t size, kv_ovmf *ovmf, kv_error *error) {
  *ovmf = (kv_ovmf){.bytes = bytes, .size = size};
  if (size == 0) return kv_fail(error, "io", "the image is empty");
  if (size > KV_OVMF_SIZE_MAX)
    return kv_fail(error, "io", "the image has %zu bytes; %u are the most", size,
                   (unsigned)KV_OVMF_SIZE_MAX);
  ovmf->gpa = KV_OVMF_END - size;
  return read_table(ovmf, error);
}

/* ---- the sections ---- */

kv_ovmf_section kv_ovmf_section_at(const kv_ovmf *ovmf, uint32_t index) {
  const uint8_t *at = ovmf->sections + (size_t)index * SECTION_SIZE;
  return (kv_ovmf_section){.gpa = kv_le32(at), .size = kv_le32(at + 4), .type = kv_le32(at + 8)};
}

bool kv_ovmf_has_section(const kv_ovmf *ovmf, kv_ovmf_section_type type) {
  for (uint32_t i = 0; i < ovmf->section_count; i++)
    if (kv_ovmf_section_at(ovmf, i).type == (uint32_t)type) return true;
  return false;
}

const char *kv_ovmf_section_name(uint32_t type) {
  switch (type) {
  case KV_OVMF_SEC_MEM:
    return "SEC_MEM";
  case KV_OVMF_SECRETS:
    return "SECRETS";
  case KV_OVMF_CPUID:
    return "CPUID";
  case KV_OVMF_SVSM_CAA:
    return "SVSM_CAA";
  case KV_OVMF_KERNEL_HASHES:
    return "KERNEL_HASHES";
  default:
    return "unknown";
  }
}
