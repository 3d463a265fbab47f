#define _GNU_SOURCE
#include "archive/pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER = 128 * 1024, TARGET_MAX = 4096 };

typedef struct packing {
  struct archive *archive;
  struct archive_entry_linkresolver *links;
  const kv_archive_limits *limits;
  int to;
  bool given_up; /* what else the library writes goes nowhere */
  uint64_t bytes, entries;
  size_t prefix; /* bytes of each path that lead to the folder */
  kv_error *error;
  char buffer[BUFFER];
} packing;

/* Never tells the library of a failure: it would not free all that it has. */
static ssize_t write_some(struct archive *archive, void *context, const void *bytes, size_t count) {
  packing *self = context;
  ssize_t wrote = (ssize_t)count;
  (void)archive;
  if (self->given_up) return wrote;
  do {
    wrote = write(self->to, bytes, count);
  } while (wrote < 0 && errno == EINTR);
  if (wrote > 0) return wrote;
  self->given_up = true;
  kv_fail_errno(self->error, errno, "writing the archive");
  return (ssize_t)count;
}

static int failed(packing *self, const char *path) {
  return kv_fail(self->error, "io", "%.300s: %.150s", path, archive_error_string(self->archive));
}

static int count(packing *self, const struct stat *status) {
  if (++self->entries > self->limits->entries)
    return kv_fail(self->error, "io", "more than %" PRIu64 " entries: max_entries allows more",
                   self->limits->entries);
  uint64_t size = S_ISREG(status->st_mode) ? (uint64_t)status->st_size : 0;
  if (size > self->limits->bytes - self->bytes)
    return kv_fail(self->error, "io", "more than %" PRIu64 " bytes: max_bytes allows more",
                   self->limits->bytes);
  self->bytes += size;
  return 0;
}

static int copy_data(packing *self, int fd, const char *path, uint64_t left) {
  while (left > 0 && !self->given_up) {
    size_t most = left < sizeof self->buffer ? (size_t)left : sizeof self->buffer;
    ssize_t got = read(fd, self->buffer, most);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return kv_fail_errno(self->error, errno, "%s", path);
    if (got == 0) return kv_fail(self->error, "io", "%s: it became shorter as it was read", path);
    if (archive_write_data(self->archive, self->buffer, (size_t)got) != got)
      return failed(self, path);
    left -= (uint64_t)got;
  }
  return 0;
}

static int write_header(packing *self, struct archive_entry *entry, const char *path) {
  return archive_write_header(self->archive, entry) == ARCHIVE_OK ? 0 : failed(self, path);
}

/* The first of several hard links carries the bytes, the others name it. */
static int write_file(packing *self, struct archive_entry *entry, const char *path) {
  struct archive_entry *later = NULL;
  archive_entry_linkify(self->links, &entry, &later);
  archive_entry_free(later); /* the format defers nothing */
  if (archive_entry_hardlink(entry) != NULL || archive_entry_size(entry) == 0)
    return write_header(self, entry, path);
  int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return kv_fail_errno(self->error, errno, "%s", path);
  int status = write_header(self, entry, path);
  if (status == 0) status = copy_data(self, fd, path, (uint64_t)archive_entry_size(entry));
  close(fd);
  return status;
}

static int write_symlink(packing *self, struct archive_entry *entry, const char *path) {
  char target[TARGET_MAX];
  ssize_t length = readlink(path, target, sizeof target - 1);
  if (length < 0) return kv_fail_errno(self->error, errno, "%s", path);
  target[length] = '\0';
  archive_entry_copy_symlink(entry, target);
  return write_header(self, entry, path);
}

static int write_entry(packing *self, const FTSENT *found, struct archive_entry *entry) {
  archive_entry_copy_stat(entry, found->fts_statp);
  archive_entry_copy_pathname(entry, found->fts_path + self->prefix);
  archive_entry_set_uid(entry, 0);
  archive_entry_set_gid(entry, 0);
  archive_entry_set_mtime(entry, found->fts_statp->st_mtime, 0);
  archive_entry_unset_atime(entry);
  archive_entry_unset_ctime(entry);
  switch (found->fts_info) {
  case FTS_DP:
    return write_header(self, entry, found->fts_path);
  case FTS_F:
    return write_file(self, entry, found->fts_path);
  default:
    return write_symlink(self, entry, found->fts_path);
  }
}

static int pack_one(packing *self, const FTSENT *found) {
  switch (found->fts_info) {
  case FTS_DP:
  case FTS_F:
  case FTS_SL:
  case FTS_SLNONE:
    break;
  case FTS_D:
    return 0;
  case FTS_DNR:
  case FTS_ERR:
  case FTS_NS:
    return kv_fail_errno(self->error, found->fts_errno, "%s", found->fts_path);
  default:
    return kv_fail(self->error, "io", "%s: neither a file nor a folder nor a link",
                   found->fts_path);
  }
  if (found->fts_level == 0) return 0;
  if (count(self, found->fts_statp) < 0) return -1;
  struct archive_entry *entry = archive_entry_new();
  if (entry == NULL) return kv_fail_errno(self->error, ENOMEM, "%s", found->fts_path);
  int status = write_entry(self, found, entry);
  archive_entry_free(entry);
  return status;
}

static int by_name(const FTSENT **a, const FTSENT **b) {
  return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int pack_all(packing *self, const char *path) {
  char *paths[] = {(char *)(uintptr_t)path, NULL}; /* fts does not change them */
  if (path[0] == '\0') return kv_fail_errno(self->error, ENOENT, "''");
  FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
  if (tree == NULL) return kv_fail_errno(self->error, errno, "%s", path);
  size_t length = strlen(path);
  self->prefix = path[length - 1] == '/' ? length : length + 1;
  int status = 0;
  for (FTSENT *found; status == 0 && (errno = 0, found = fts_read(tree)) != NULL;) {
    status = pack_one(self, found);
    if (self->given_up) status = -1;
  }
  if (status == 0 && errno != 0) status = kv_fail_errno(self->error, errno, "%s", path);
  fts_close(tree);
  return status;
}

static int begin(packing *self) {
  if (self->archive == NULL || self->links == NULL)
    return kv_fail_errno(self->error, ENOMEM, "packing");
  archive_entry_linkresolver_set_strategy(self->links, ARCHIVE_FORMAT_TAR_GNUTAR);
  if (archive_write_set_format_gnutar(self->archive) != ARCHIVE_OK ||
      archive_write_set_bytes_per_block(self->archive, BUFFER) != ARCHIVE_OK ||
      archive_write_set_bytes_in_last_block(self->archive, 1) != ARCHIVE_OK ||
      archive_write_open(self->archive, self, NULL, write_some, NULL) != ARCHIVE_OK)
    return failed(self, "packing");
  return 0;
}

int kv_pack(const char *path, int to, const kv_archive_limits *limits, kv_error *error) {
  packing *self = calloc(1, sizeof *self);
  if (self == NULL) return kv_fail_errno(error, ENOMEM, "packing");
  self->archive = archive_write_new();
  self->links = archive_entry_linkresolver_new();
  self->limits = limits;
  self->to = to;
  self->error = error;
  int status = begin(self);
  if (status == 0) status = pack_all(self, path);
  if (status == 0 && archive_write_close(self->archive) != ARCHIVE_OK)
    status = failed(self, "packing");
  if (self->given_up) status = -1;
  /* What was begun is not completed: the other end must not take a part for the whole. */
  self->given_up = true;
  archive_entry_linkresolver_free(self->links);
  archive_write_free(self->archive);
  free(self);
  return status;
}
