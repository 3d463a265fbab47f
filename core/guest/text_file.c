#define _GNU_SOURCE
#include "text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int kv_text_write(const char *path, int flags, const char *text) {
  struct stat status;
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags, 0644);
  if (fd < 0) return errno;
  int failed = fstat(fd, &status) != 0 ? errno : S_ISREG(status.st_mode) ? 0 : EINVAL;
  for (size_t left = strlen(text); left > 0 && failed == 0;) {
    ssize_t wrote = write(fd, text, left);
    if (wrote > 0) {
      text += wrote;
      left -= (size_t)wrote;
    } else if (errno != EINTR) {
      failed = errno;
    }
  }
  close(fd);
  return failed;
}

int kv_text_replace(const char *path, const char *text) {
  char fresh[PATH_MAX];
  int length = snprintf(fresh, sizeof fresh, "%s.kavach", path);
  if (length < 0 || (size_t)length >= sizeof fresh) return ENAMETOOLONG;
  int failed = kv_text_write(fresh, O_EXCL | O_NOFOLLOW, text);
  if (failed == 0 && rename(fresh, path) != 0) failed = errno;
  if (failed != 0 && failed != EEXIST) unlink(fresh);
  return failed;
}
