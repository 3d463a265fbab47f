#include "base/private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DIRECTORY_MODE = 0700 };

static bool is_directory(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* Somebody else may make it at the same time. */
static int make_one(const char *path, kv_error *error) {
  if (mkdir(path, DIRECTORY_MODE) == 0) return 0;
  int failed = errno;
  if (is_directory(path)) return 0;
  return kv_fail_errno(error, failed, "cannot make the directory %s", path);
}

int kv_private_directory(const char *path, kv_error *error) {
  char part[PATH_MAX];
  size_t length = strlen(path);
  if (length >= sizeof part) return kv_fail_errno(error, ENAMETOOLONG, "%.100s…", path);
  if (is_directory(path)) return 0;
  memcpy(part, path, length + 1);
  for (char *at = part + 1; (at = strchr(at, '/')); *at++ = '/') {
    *at = 0;
    if (!is_directory(part) && make_one(part, error) < 0) return -1;
  }
  return make_one(path, error);
}

static int write_all(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t wrote = write(fd, bytes, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return -1;
    bytes += wrote;
    size -= (size_t)wrote;
  }
  return fsync(fd);
}

int kv_private_file_write(const char *path, const void *bytes, size_t size, kv_error *error) {
  char temporary[PATH_MAX];
  int length = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
  if (length < 0 || (size_t)length >= sizeof temporary)
    return kv_fail_errno(error, ENAMETOOLONG, "%.100s…", path);
  int fd = mkstemp(temporary); /* mode 0600 */
  if (fd < 0) return kv_fail_errno(error, errno, "cannot write %s", path);
  int failed = write_all(fd, bytes, size) < 0 ? errno : 0;
  if (close(fd) < 0 && !failed) failed = errno;
  if (!failed && rename(temporary, path) < 0) failed = errno;
  if (!failed) return 0;
  unlink(temporary);
  return kv_fail_errno(error, failed, "cannot write %s", path);
}
