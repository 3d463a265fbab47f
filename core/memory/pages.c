#include "memory/pages.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is read at a time. Files are read, not mapped: as fast, and one that is cut short meanwhile
 * is an error, not a signal. */
enum { CHUNK = 1 << 20 };

typedef struct walk {
  int fd;
  uint64_t size;  /* of the file, when the walk began */
  uint8_t *chunk; /* CHUNK bytes */
  kv_pages_use *use;
  void *arg;
} walk;

static int fail_changed(kv_error *error) {
  return kv_fail(error, "io", "the file's size changed while it was read");
}

static int size_of(int fd, uint64_t *size, kv_error *error) {
  struct stat about;
  if (fstat(fd, &about) < 0) return kv_fail_errno(error, errno, "the file's size");
  if (!S_ISREG(about.st_mode)) return kv_fail(error, "invalid_argument", "not a regular file");
  *size = (uint64_t)about.st_size;
  return 0;
}

/* The whole pages, from the one at `from` on, that the next stretch of data touches: [*begin, *end)
 * in bytes. There is none if *begin is the file's size. */
static int find_data(const walk *self, uint64_t from, uint64_t *begin, uint64_t *end,
                     kv_error *error) {
  off_t data = lseek(self->fd, (off_t)from, SEEK_DATA);
  *begin = *end = self->size;
  if (data < 0 && errno == ENXIO) return 0; /* a hole up to the end */
  off_t hole = data < 0 ? -1 : lseek(self->fd, data, SEEK_HOLE);
  if (hole < 0 && data >= 0 && errno == ENXIO) return fail_changed(error);
  if (hole < 0) return kv_fail_errno(error, errno, "looking for data from byte %" PRIu64, from);
  if ((uint64_t)data >= self->size) return 0; /* it has grown: found out at the end */
  if ((uint64_t)hole < self->size) *end = (uint64_t)hole;
  *begin = (uint64_t)data / KV_MEMORY_PAGE * KV_MEMORY_PAGE;
  *end = (*end + KV_MEMORY_PAGE - 1) / KV_MEMORY_PAGE * KV_MEMORY_PAGE;
  return 0;
}

static int read_all(int fd, uint8_t *bytes, size_t size, uint64_t offset, kv_error *error) {
  while (size > 0) {
    ssize_t got = pread(fd, bytes, size, (off_t)offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return kv_fail_errno(error, errno, "reading at byte %" PRIu64, offset);
    if (got == 0) return fail_changed(error);
    bytes += got;
    size -= (size_t)got;
    offset += (size_t)got;
  }
  return 0;
}

/* If the first word is zero and each byte equals the one eight bytes further on. */
static bool is_zero(const uint8_t *page) {
  static const uint8_t zeros[8] = {0};
  return memcmp(page, zeros, sizeof zeros) == 0 &&
         memcmp(page, page + sizeof zeros, KV_MEMORY_PAGE - sizeof zeros) == 0;
}

/* Hands on the runs of pages in the chunk: `size` bytes, whole pages, which lie at `offset`. */
static int use_chunk(const walk *self, size_t size, uint64_t offset, kv_error *error) {
  for (size_t at = 0; at < size;) {
    while (at < size && is_zero(self->chunk + at)) at += KV_MEMORY_PAGE;
    size_t begin = at;
    while (at < size && !is_zero(self->chunk + at)) at += KV_MEMORY_PAGE;
    if (at > begin &&
        self->use(self->arg, self->chunk + begin, at - begin, offset + begin, error) < 0)
      return -1;
  }
  return 0;
}

/* Reads [begin, end), whole pages, of which the last may lie across the file's end. */
static int use_stretch(const walk *self, uint64_t begin, uint64_t end, const atomic_bool *stop,
                       kv_error *error) {
  while (begin < end) {
    if (atomic_load(stop)) return kv_fail(error, "cancelled", "called off");
    size_t size = end - begin < CHUNK ? (size_t)(end - begin) : CHUNK;
    size_t there = self->size - begin < size ? (size_t)(self->size - begin) : size;
    if (read_all(self->fd, self->chunk, there, begin, error) < 0) return -1;
    memset(self->chunk + there, 0, size - there);
    if (use_chunk(self, size, begin, error) < 0) return -1;
    begin += size;
  }
  return 0;
}

static int use_file(const walk *self, const atomic_bool *stop, kv_error *error) {
  uint64_t begin, end = 0, size = 0;
  while (end < self->size) {
    if (find_data(self, end, &begin, &end, error) < 0) return -1;
    if (use_stretch(self, begin, end, stop, error) < 0) return -1;
  }
  if (size_of(self->fd, &size, error) < 0) return -1;
  return size == self->size ? 0 : fail_changed(error);
}

int kv_pages_walk(int fd, const atomic_bool *stop, kv_pages_use *use, void *arg, uint64_t *size,
                  kv_error *error) {
  if (size_of(fd, size, error) < 0) return -1;
  walk self = {.fd = fd, .size = *size, .use = use, .arg = arg};
  self.chunk = aligned_alloc(KV_MEMORY_PAGE, CHUNK);
  if (!self.chunk) return kv_fail(error, "io", "out of memory");
  int status = use_file(&self, stop, error);
  free(self.chunk);
  return status;
}
