/*
 * Fuzzes how an archive becomes a folder: nothing is made outside of it, nothing is left when it
 * fails, and no symbolic link in it leads out.
 */
#define _GNU_SOURCE
#include "archive/unpack.h"

#include <ftw.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORD = 512 };

static char place[64], target[80];

static void check(bool holds) {
  if (!holds) abort();
}

static void remove_place(void) { kv_tree_remove(place); }

static int check_entry(const char *path, const struct stat *status, int type, struct FTW *where) {
  (void)where;
  char real[PATH_MAX];
  check(type != FTW_DNR && type != FTW_NS);
  check(S_ISREG(status->st_mode) || S_ISDIR(status->st_mode) || S_ISLNK(status->st_mode));
  check((status->st_mode & 07000) == 0);
  /* One that leads nowhere cannot be followed yet; what it names is inside all the same. */
  if (!S_ISLNK(status->st_mode) || realpath(path, real) == NULL) return 0;
  size_t length = strlen(target);
  check(strncmp(real, target, length) == 0 && (real[length] == '\0' || real[length] == '/'));
  return 0;
}

/* Makes the checksum of what looks like a header right, or nearly everything would fail by it. */
static void mend(uint8_t *record) {
  unsigned sum = 0;
  if (memcmp(record + 257, "ustar", 5) != 0) return;
  memset(record + 148, ' ', 8);
  for (size_t i = 0; i < RECORD; i++) sum += record[i];
  snprintf((char *)record + 148, 8, "%06o", sum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static uint8_t bytes[1 << 20];
  if (size > sizeof bytes) return 0;
  memcpy(bytes, data, size);
  for (size_t at = 0; at + RECORD <= size; at += RECORD) mend(bytes + at);
  if (place[0] == '\0') {
    snprintf(place, sizeof place, "/dev/shm/kavach-fuzz-XXXXXX");
    check(mkdtemp(place) != NULL);
    snprintf(target, sizeof target, "%s/x", place);
    atexit(remove_place);
  }
  int from = memfd_create("archive", MFD_CLOEXEC);
  check(from >= 0 && write(from, bytes, size) == (ssize_t)size && lseek(from, 0, SEEK_SET) == 0);
  const kv_archive_limits limits = {.bytes = 1 << 20, .entries = 64};
  kv_error error;
  int status = kv_unpack(from, target, &limits, &error);
  close(from);
  if (status == 0) check(nftw(target, check_entry, 16, FTW_PHYS) == 0);
  if (status == 0) check(kv_tree_remove(target) == 0);
  check(rmdir(place) == 0 && mkdir(place, 0700) == 0); /* it is empty */
  return 0;
}
