#include "base/tree.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_OPEN_DIRECTORIES = 16 };

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *where) {
  (void)info, (void)type, (void)where;
  (void)remove(path); /* what stays shows when its parent cannot be removed */
  return 0;
}

int kv_tree_remove(const char *path) {
  if (nftw(path, remove_entry, MAX_OPEN_DIRECTORIES, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) < 0 &&
      errno != ENOENT)
    return -1;
  struct stat left;
  if (lstat(path, &left) == 0) {
    errno = ENOTEMPTY;
    return -1;
  }
  return 0;
}
