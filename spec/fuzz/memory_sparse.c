/* Sparse files: the input tells a size, and then what is written and where holes are punched. A
 * copy has the same bytes, and pages where there are some that are not zero; the digest is what its
 * definition says, of either; and a file that is cut while it is read is an error. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/little.h"
#include "memory/copy.h"
#include "memory/digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAGES = 530, ROOM = PAGES * KV_MEMORY_PAGE }; /* two MiB, and a bit */

/* What is to be in the file, and room to read it or to write its digest's text. */
static uint8_t model[ROOM], other[PAGES * (KV_MEMORY_PAGE + 8) + 8];
static const atomic_bool never = false;

static void expect(bool fine) {
  if (!fine) abort();
}

static int new_file(void) {
  int fd = memfd_create("fuzz", MFD_CLOEXEC);
  expect(fd >= 0);
  return fd;
}

static void write_at(int fd, size_t offset, size_t size) {
  expect(pwrite(fd, model + offset, size, (off_t)offset) == (ssize_t)size);
}

/* Five bytes: what to do, from which byte of which page. */
static void edit(int fd, const uint8_t *step, size_t length) {
  size_t offset = (size_t)kv_le16(step + 1) % PAGES * KV_MEMORY_PAGE, at = kv_le16(step + 3);
  size_t size = (size_t)(step[0] >> 2) * KV_MEMORY_PAGE / 2 + 1;
  if (step[0] & 1) offset += at % KV_MEMORY_PAGE;
  if (offset >= length) return;
  if (size > length - offset) size = length - offset;
  memset(model + offset, step[0] & 2 ? (int)at & 0xff : 0, size);
  if (step[0] & 2 || step[0] & 1)
    write_at(fd, offset, size);
  else
    expect(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)size) ==
           0);
}

/* The digest of the model, all at once; *pages: how many count. */
static void define(size_t length, uint8_t *digest, size_t *pages) {
  static const uint8_t zeros[KV_MEMORY_PAGE];
  uint8_t *end = other;
  for (size_t at = 0; at < length; at += KV_MEMORY_PAGE) {
    if (memcmp(model + at, zeros, KV_MEMORY_PAGE) == 0) continue;
    kv_put_le(end, at / KV_MEMORY_PAGE, 8);
    memcpy(end + 8, model + at, KV_MEMORY_PAGE);
    end += KV_MEMORY_PAGE + 8;
  }
  *pages = (size_t)(end - other) / (KV_MEMORY_PAGE + 8);
  kv_put_le(end, length, 8);
  kv_digest_bytes(other, (size_t)(end - other) + 8, digest);
}

static void check_digest(int fd, const uint8_t *expected) {
  uint8_t digest[KV_DIGEST_SIZE];
  kv_error error;
  expect(kv_sparse_digest(fd, &never, digest, &error) == 0);
  expect(memcmp(digest, expected, sizeof digest) == 0);
}

static void check_copy(int from, size_t length, const uint8_t *digest, size_t pages) {
  int to = new_file();
  struct stat about;
  uint64_t copied;
  kv_error error;
  expect(pwrite(to, "what was there", 14, (off_t)length / 2) == 14);
  expect(kv_sparse_copy(from, to, &never, &copied, &error) == 0);
  expect(fstat(to, &about) == 0 && about.st_size == (off_t)length);
  expect(copied <= pages * KV_MEMORY_PAGE && copied + KV_MEMORY_PAGE > pages * KV_MEMORY_PAGE);
  expect((size_t)about.st_blocks * 512 == pages * KV_MEMORY_PAGE);
  expect(pread(to, other, ROOM, 0) == (ssize_t)length && memcmp(other, model, length) == 0);
  check_digest(to, digest);
  close(to);
}

static int cut(void *arg, const uint8_t *pages, size_t size, uint64_t offset, kv_error *error) {
  (void)error;
  expect(pages[size - 1] <= 0xff);
  return ftruncate(*(int *)arg, (off_t)offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 4) return 0;
  size_t length = kv_le32(data) % (ROOM + 1), pages;
  uint8_t digest[KV_DIGEST_SIZE];
  uint64_t walked;
  kv_error error;
  memset(model, 0, sizeof model);
  int fd = new_file();
  expect(ftruncate(fd, (off_t)length) == 0);
  for (size_t at = 4; at + 5 <= size && at < 200; at += 5) edit(fd, data + at, length);
  define(length, digest, &pages);
  check_digest(fd, digest);
  check_copy(fd, length, digest, pages);
  int status = kv_pages_walk(fd, &never, cut, &fd, &walked, &error);
  expect(walked == length && status == (pages > 0 ? -1 : 0));
  close(fd);
  return 0;
}
