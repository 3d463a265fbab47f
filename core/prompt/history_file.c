#define _GNU_SOURCE
#include "prompt/history_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/private_file.h"

/* Of a file that is longer, so much of its end is read. */
enum { READ_MOST = 32 << 20, TRIES = 50, TRY_AGAIN_MS = 4 };

enum { OWNER_ONLY = 0600, OTHERS = 077 };

static int make_folder(const char *path, kv_error *error) {
  char folder[PATH_MAX];
  const char *slash = strrchr(path, '/');
  if (slash == NULL || slash == path) return 0;
  size_t length = (size_t)(slash - path);
  if (length >= sizeof folder) return kv_fail_errno(error, ENAMETOOLONG, "%.100s…", path);
  memcpy(folder, path, length);
  folder[length] = 0;
  return kv_private_directory(folder, error);
}

static int check(int fd, const char *path, kv_error *error) {
  struct stat about;
  if (fstat(fd, &about) < 0) return kv_fail_errno(error, errno, "%s", path);
  if (!S_ISREG(about.st_mode))
    return kv_fail(error, "io", "%s: it is %s", path, kv_file_kind(about.st_mode));
  if (about.st_uid != geteuid()) return kv_fail(error, "io", "%s: it is another user's", path);
  if (about.st_mode & OTHERS) fchmod(fd, OWNER_ONLY);
  return 0;
}

/* Others keep it for as long as it takes to write a line, or all of it. */
static bool lock(int fd) {
  for (int i = 0; i < TRIES; i++) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    poll(NULL, 0, TRY_AGAIN_MS);
  }
  return false;
}

static bool is_at(int fd, const char *path) {
  struct stat here, there;
  return fstat(fd, &here) == 0 && lstat(path, &there) == 0 && here.st_ino == there.st_ino &&
         here.st_dev == there.st_dev;
}

static int open_one(const char *path, kv_error *error) {
  const int flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  int fd = open(path, flags, OWNER_ONLY);
  if (fd < 0 && errno == ELOOP) return kv_fail(error, "io", "%s: it is a link", path);
  if (fd < 0) return kv_fail_errno(error, errno, "%s", path);
  if (check(fd, path, error) == 0) return fd;
  close(fd);
  return -1;
}

int kv_history_file_open(kv_history_file *file, const char *path, bool folder, kv_error *error) {
  *file = (kv_history_file){.fd = -1};
  if (folder && make_folder(path, error) < 0) return -1;
  for (int i = 0; i < TRIES; i++) {
    int fd = open_one(path, error);
    if (fd < 0) return -1;
    bool locked = lock(fd);
    if (locked && is_at(fd, path)) {
      file->fd = fd;
      return 0;
    }
    close(fd);
    if (!locked) break;
  }
  return kv_fail(error, "io", "%s: it is locked", path);
}

int kv_history_file_read(kv_history_file *file, kv_bytes *all, kv_error *error) {
  off_t size = lseek(file->fd, 0, SEEK_END), at = size > READ_MOST ? size - READ_MOST : 0;
  file->cut = at > 0;
  while (at < size) {
    char *to = kv_bytes_reserve(all, (size_t)(size - at));
    if (to == NULL) return kv_fail_errno(error, ENOMEM, "the history");
    ssize_t got = pread(file->fd, to, (size_t)(size - at), at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return kv_fail_errno(error, errno, "the history");
    if (got == 0) break;
    all->size += (size_t)got;
    at += got;
  }
  if (!file->cut) return 0;
  const char *begin = memchr(kv_bytes_begin(all), '\n', all->size);
  kv_bytes_drop(all, begin ? (size_t)(begin - kv_bytes_begin(all)) + 1 : all->size);
  return 0;
}

void kv_history_file_append(const kv_history_file *file, const char *line, size_t size) {
  char last = '\n';
  off_t end = lseek(file->fd, 0, SEEK_END);
  /* Whoever wrote last may have been killed as it did. */
  if (end > 0 && pread(file->fd, &last, 1, end - 1) == 1 && last != '\n' &&
      write(file->fd, "\n", 1) != 1)
    return;
  while (size > 0) {
    ssize_t wrote = write(file->fd, line, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return;
    line += wrote;
    size -= (size_t)wrote;
  }
}

void kv_history_file_close(kv_history_file *file) {
  if (file->fd >= 0) close(file->fd);
  file->fd = -1;
}
