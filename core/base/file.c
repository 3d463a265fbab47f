#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Less the umask, as fopen(3) has it; and of what must be new. */
enum { NEW_FILE_MODE = 0666, PRIVATE_FILE_MODE = 0600 };

/* Documentation/admin-guide/devices.txt of the kernel. */
enum { MEMORY_DEVICES = 1, NULL_DEVICE = 3 };

const char *kv_file_kind(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return "a regular file";
  case S_IFDIR:
    return "a folder";
  case S_IFLNK:
    return "a link";
  case S_IFIFO:
    return "a FIFO";
  case S_IFSOCK:
    return "a socket";
  case S_IFCHR:
  case S_IFBLK:
    return "a device";
  default:
    return "neither a file nor a folder nor a link";
  }
}

static bool reads_as_file(const struct stat *info) {
  return S_ISREG(info->st_mode) ||
         (S_ISCHR(info->st_mode) && info->st_rdev == makedev(MEMORY_DEVICES, NULL_DEVICE));
}

static int fail(int number, kv_error *why) {
  kv_fail(why, "io", "%s", strerror(number));
  return -number;
}

static int refuse(mode_t mode, kv_error *why) {
  if (S_ISDIR(mode)) return fail(EISDIR, why);
  kv_fail(why, "io", "it is %s, not a regular file", kv_file_kind(mode));
  return -EINVAL;
}

/* ENXIO (open(2)): a socket, a FIFO that is to be written and that nobody reads, or a device that
 * is not there. */
static int unopened(const char *path, int number, kv_error *why) {
  struct stat info;
  if (number != ENXIO || stat(path, &info) < 0) return fail(number, why);
  if (S_ISSOCK(info.st_mode)) return refuse(info.st_mode, why);
  if (!S_ISFIFO(info.st_mode)) return fail(number, why);
  kv_fail(why, "io", "it is a FIFO that nobody reads");
  return -number;
}

/* Whether what is open may be; it blocks from now on. */
static int settle(int fd, int flags, kv_error *why) {
  struct stat info;
  if (fstat(fd, &info) < 0) return fail(errno, why);
  if ((flags & O_ACCMODE) == O_RDONLY && !reads_as_file(&info)) return refuse(info.st_mode, why);
  return fcntl(fd, F_SETFL, flags & O_APPEND) < 0 ? fail(errno, why) : 0;
}

int kv_file_open(const char *path, int flags, kv_error *why) {
  int fd, mode = flags & O_EXCL ? PRIVATE_FILE_MODE : NEW_FILE_MODE;
  do fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  if (fd < 0) return unopened(path, errno, why);
  int failed = settle(fd, flags, why);
  if (failed == 0) return fd;
  close(fd);
  return failed;
}
