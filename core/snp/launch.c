#include "snp/launch.h"

#include <string.h>

#include "base/little.h"

/* PAGE_INFO. */
enum {
  INFO_SIZE = 0x70,
  INFO_CONTENTS = 0x30,
  INFO_LENGTH = 0x60,
  INFO_TYPE = 0x62,
  INFO_GPA = 0x68,
};

int kv_snp_launch_open(kv_snp_launch *launch, const kv_measure *measure, const uint8_t *seed,
                       kv_error *error) {
  memset(launch, 0, sizeof *launch);
  launch->measure = measure;
  launch->hash = kv_hash_open(KV_HASH_SHA384, error);
  if (seed) memcpy(launch->digest, seed, sizeof launch->digest);
  return launch->hash ? 0 : -1;
}

void kv_snp_launch_close(kv_snp_launch *launch) { kv_hash_free(launch->hash); }

static int extend(kv_snp_launch *launch, kv_page_type type, uint64_t gpa, const uint8_t *contents,
                  kv_error *error) {
  uint8_t info[INFO_SIZE] = {0};
  memcpy(info, launch->digest, KV_SHA384_SIZE);
  memcpy(info + INFO_CONTENTS, contents, KV_SHA384_SIZE);
  kv_put_le(info + INFO_LENGTH, INFO_SIZE, 2);
  info[INFO_TYPE] = (uint8_t)type;
  kv_put_le(info + INFO_GPA, gpa, 8);
  if (kv_hash_once(launch->hash, info, sizeof info, launch->digest, error) < 0) return -1;
  if (launch->measure->on_step)
    launch->measure->on_step(
        launch->measure->on_step_arg,
        &(kv_measure_step){
            .type = type, .gpa = gpa, .contents = contents, .digest = launch->digest});
  return 0;
}

int kv_snp_launch_page(kv_snp_launch *launch, kv_page_type type, uint64_t gpa,
                       const uint8_t page[KV_PAGE_SIZE], kv_error *error) {
  if (!launch->has_last || memcmp(page, launch->last, KV_PAGE_SIZE) != 0) {
    if (kv_hash_once(launch->hash, page, KV_PAGE_SIZE, launch->contents, error) < 0) return -1;
    memcpy(launch->last, page, KV_PAGE_SIZE);
    launch->has_last = true;
  }
  return extend(launch, type, gpa, launch->contents, error);
}

int kv_snp_launch_image(kv_snp_launch *launch, uint64_t gpa, const uint8_t *bytes, size_t size,
                        kv_error *error) {
  for (size_t at = 0; at < size; at += KV_PAGE_SIZE)
    if (kv_snp_launch_page(launch, KV_PAGE_NORMAL, gpa + at, bytes + at, error) < 0) return -1;
  return 0;
}

int kv_snp_launch_range(kv_snp_launch *launch, kv_page_type type, uint64_t gpa, uint64_t size,
                        kv_error *error) {
  static const uint8_t NOTHING[KV_SHA384_SIZE] = {0};
  for (uint64_t at = 0; at < size; at += KV_PAGE_SIZE)
    if (extend(launch, type, gpa + at, NOTHING, error) < 0) return -1;
  return 0;
}
