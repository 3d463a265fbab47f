#include "loop/private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/tree.h"

int kv_private_parent(char parent[KV_PRIVATE_PATH_MAX], kv_error *e) {
  const char *runtime = getenv("XDG_RUNTIME_DIR");
  struct stat info;
  int n = runtime && runtime[0] == '/' && stat(runtime, &info) == 0 && S_ISDIR(info.st_mode) &&
                  info.st_uid == geteuid()
              ? snprintf(parent, KV_PRIVATE_PATH_MAX, "%s/kavach", runtime)
              : snprintf(parent, KV_PRIVATE_PATH_MAX, "/tmp/kavach-%u", (unsigned)geteuid());
  if (n < 0 || n >= KV_PRIVATE_PATH_MAX - 64)
    return kv_fail(e, "io", "XDG_RUNTIME_DIR is too long: over %d bytes", KV_PRIVATE_PATH_MAX - 64);
  if (mkdir(parent, 0700) < 0 && errno != EEXIST)
    return kv_fail_errno(e, errno, "cannot make the private directory's parent '%s'", parent);
  if (lstat(parent, &info) < 0) return kv_fail_errno(e, errno, "'%s'", parent);
  if (!S_ISDIR(info.st_mode) || info.st_uid != geteuid() || (info.st_mode & 077))
    return kv_fail(e, "io",
                   "'%s' is not a folder of this user's alone: remove it, or set XDG_RUNTIME_DIR",
                   parent);
  return 0;
}

/* Opens and locks a directory. -1 with errno; EWOULDBLOCK if another process holds it and this one
 * was not to `wait` for it. */
static int lock_directory(const char *path, bool wait) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  if (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) == 0) return fd;
  int failed = errno;
  close(fd);
  errno = failed;
  return -1;
}

static void sweep(const char *parent) {
  DIR *all = opendir(parent);
  if (!all) return;
  struct dirent *entry;
  char path[KV_PRIVATE_PATH_MAX + 256];
  while ((entry = readdir(all))) {
    if (strncmp(entry->d_name, "vm-", 3) != 0) continue;
    snprintf(path, sizeof path, "%s/%s", parent, entry->d_name);
    int fd = lock_directory(path, false);
    if (fd < 0) continue;
    kv_tree_remove(path);
    close(fd);
  }
  closedir(all);
}

int kv_private_name(char path[KV_PRIVATE_PATH_MAX], kv_error *e) {
  char parent[KV_PRIVATE_PATH_MAX];
  uint64_t random;
  if (kv_private_parent(parent, e) < 0) return -1;
  sweep(parent);
  if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
    return kv_fail_errno(e, errno, "no random name for a private directory");
  int n =
      snprintf(path, KV_PRIVATE_PATH_MAX, "%s/vm-%d-%016" PRIx64, parent, (int)getpid(), random);
  return n > 0 && n < KV_PRIVATE_PATH_MAX ? 0 : kv_fail(e, "io", "'%s' is too long", parent);
}

/* A sweep elsewhere may have taken the directory between its making and its locking. */
static bool still_there(const char *path, int fd) {
  struct stat named, opened;
  return lstat(path, &named) == 0 && fstat(fd, &opened) == 0 && named.st_ino == opened.st_ino;
}

int kv_private_make(const char *path, kv_error *e) {
  const int attempts = 100;
  for (int i = 0; i < attempts; i++) {
    if (mkdir(path, 0700) < 0)
      return kv_fail_errno(e, errno, "cannot make the private directory '%s'", path);
    int fd = lock_directory(path, true);
    if (fd < 0 && errno != ENOENT)
      return kv_fail_errno(e, errno, "cannot lock the private directory '%s'", path);
    if (fd >= 0 && still_there(path, fd)) return fd;
    if (fd >= 0) close(fd);
  }
  return kv_fail(e, "io", "the private directory '%s' is taken away again and again", path);
}
