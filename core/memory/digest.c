#include "memory/digest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/little.h"
#include "memory/xxh3_avx2.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

static void update_plain(void *state, const void *bytes, size_t size) {
  XXH3_128bits_update(state, bytes, size);
}

typedef struct digester {
  void (*update)(void *state, const void *bytes, size_t size);
  XXH3_state_t state;
} digester;

static void begin(digester *self) {
  self->update = update_plain;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) self->update = kv_xxh3_update_avx2;
#endif
  XXH3_128bits_reset(&self->state);
}

static void add_number(digester *self, uint64_t number) {
  uint8_t bytes[8];
  kv_put_le(bytes, number, sizeof bytes);
  self->update(&self->state, bytes, sizeof bytes);
}

static int add_pages(void *arg, const uint8_t *pages, size_t size, uint64_t offset,
                     kv_error *error) {
  (void)error;
  digester *self = arg;
  for (size_t at = 0; at < size; at += KV_MEMORY_PAGE) {
    add_number(self, (offset + at) / KV_MEMORY_PAGE);
    self->update(&self->state, pages + at, KV_MEMORY_PAGE);
  }
  return 0;
}

static void store(XXH128_hash_t hash, uint8_t digest[KV_DIGEST_SIZE]) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  memcpy(digest, canonical.digest, KV_DIGEST_SIZE);
}

void kv_digest_bytes(const void *bytes, size_t size, uint8_t digest[KV_DIGEST_SIZE]) {
  store(XXH3_128bits(bytes, size), digest);
}

int kv_sparse_digest(int fd, const atomic_bool *stop, uint8_t digest[KV_DIGEST_SIZE],
                     kv_error *error) {
  digester self;
  uint64_t size;
  begin(&self);
  if (kv_pages_walk(fd, stop, add_pages, &self, &size, error) < 0) return -1;
  add_number(&self, size);
  store(XXH3_128bits_digest(&self.state), digest);
  return 0;
}

enum { CHUNK = 1 << 18 }; /* what is read of a file at a time */

/* Adds all bytes of the file. */
static int add_file(digester *self, int fd, uint8_t *chunk, const atomic_bool *stop, uint64_t *size,
                    kv_error *error) {
  for (*size = 0;;) {
    if (atomic_load(stop)) return kv_fail(error, "cancelled", "called off");
    ssize_t got = pread(fd, chunk, CHUNK, (off_t)*size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return kv_fail_errno(error, errno, "reading at byte %" PRIu64, *size);
    if (got == 0) return 0;
    self->update(&self->state, chunk, (size_t)got);
    *size += (uint64_t)got;
  }
}

int kv_file_digest(int fd, bool durable, const atomic_bool *stop, uint64_t *size,
                   uint8_t digest[KV_DIGEST_SIZE], kv_error *error) {
  struct stat about;
  if (fstat(fd, &about) < 0) return kv_fail_errno(error, errno, "the file");
  if (!S_ISREG(about.st_mode)) return kv_fail(error, "invalid_argument", "not a regular file");
  if (durable && fsync(fd) < 0) return kv_fail_errno(error, errno, "to the disk");
  uint8_t *chunk = malloc(CHUNK);
  if (!chunk) return kv_fail(error, "io", "out of memory");
  digester self;
  begin(&self);
  int status = add_file(&self, fd, chunk, stop, size, error);
  free(chunk);
  if (status == 0) store(XXH3_128bits_digest(&self.state), digest);
  return status;
}
