#include "memory/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct copy {
  int to;
  uint64_t size; /* of the file that is read, once the walk has begun */
  uint64_t copied;
} copy;

static int write_all(void *arg, const uint8_t *pages, size_t size, uint64_t offset,
                     kv_error *error) {
  copy *self = arg;
  if (self->size - offset < size) size = (size_t)(self->size - offset);
  while (size > 0) {
    ssize_t wrote = pwrite(self->to, pages, size, (off_t)offset);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return kv_fail_errno(error, errno, "writing at byte %" PRIu64, offset);
    pages += wrote;
    size -= (size_t)wrote;
    offset += (size_t)wrote;
    self->copied += (size_t)wrote;
  }
  return 0;
}

static int resize(int fd, uint64_t size, kv_error *error) {
  if (ftruncate(fd, (off_t)size) == 0) return 0;
  return kv_fail_errno(error, errno, "setting the size to %" PRIu64 " bytes", size);
}

/* Sees that `to` can be written, and empties it. A file opened to append would take everything at
 * its end, wherever it is to go. */
static int prepare(int from, int to, kv_error *error) {
  struct stat source, target;
  if (fstat(from, &source) < 0 || fstat(to, &target) < 0)
    return kv_fail_errno(error, errno, "looking at the files");
  if (!S_ISREG(source.st_mode) || !S_ISREG(target.st_mode))
    return kv_fail(error, "invalid_argument", "not a regular file");
  if (source.st_dev == target.st_dev && source.st_ino == target.st_ino)
    return kv_fail(error, "invalid_argument", "the file cannot be copied to itself");
  int flags = fcntl(to, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || (flags & O_APPEND))
    return kv_fail(error, "invalid_argument", "the target is not open for writing anywhere in it");
  /* ext4 takes a file that is truncated, even an empty one, for one that is replaced, and whoever
   * closes it next has to put it to disk first. */
  return target.st_size == 0 ? 0 : resize(to, 0, error);
}

/* Some file systems tell only whoever closes a file what they could not write. */
static int close_once(int fd, kv_error *error) {
  int again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (again >= 0 && close(again) == 0) return 0;
  return kv_fail_errno(error, errno, "closing what was written");
}

int kv_sparse_copy(int from, int to, const atomic_bool *stop, uint64_t *copied, kv_error *error) {
  copy self = {.to = to};
  if (prepare(from, to, error) < 0) return -1;
  if (kv_pages_walk(from, stop, write_all, &self, &self.size, error) == 0 &&
      resize(to, self.size, error) == 0 && close_once(to, error) == 0) {
    *copied = self.copied;
    return 0;
  }
  resize(to, 0, NULL);
  return -1;
}
