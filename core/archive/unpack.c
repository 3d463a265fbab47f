#define _GNU_SOURCE
#include "archive/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/place.h"
#include "base/file.h"
#include "base/tree.h"

/* What a file of no bytes may take in the archive: its header, and two more with a path each, for
 * a long name and a long target of a link. */
enum { RECORDS_MAX = 512 * 3 + 2 * (KV_PLACE_PATH + 512) };
enum { READ_SIZE = 128 * 1024 };
/* The names of folders are held until their times can be set. */
enum { FOLDER_NAMES_MAX = 32 * 1024 * 1024 };

typedef struct folder {
  struct folder *next;
  struct timespec time;
  mode_t mode;
  char path[];
} folder;

typedef struct unpacking {
  int from, root;
  size_t prefix; /* bytes before an entry's path in its path on this machine */
  const kv_archive_limits *limits;
  uint64_t bytes, entries, raw;
  bool flooded; /* more came than these entries can take */
  folder *folders;
  size_t folder_names;
  kv_error *error;
  uint8_t buffer[READ_SIZE];
} unpacking;

static int too_many_bytes(unpacking *self) {
  return kv_fail(self->error, "io", "more than %" PRIu64 " bytes: max_bytes allows more",
                 self->limits->bytes);
}

static ssize_t read_some(struct archive *archive, void *context, const void **bytes) {
  unpacking *self = context;
  ssize_t got;
  do {
    got = read(self->from, self->buffer, sizeof self->buffer);
  } while (got < 0 && errno == EINTR);
  if (got < 0) archive_set_error(archive, errno, "reading the archive");
  *bytes = self->buffer;
  self->raw += got > 0 ? (uint64_t)got : 0;
  uint64_t most = self->limits->bytes + (self->entries + 1) * RECORDS_MAX + 2 * READ_SIZE;
  self->flooded = most > self->limits->bytes && self->raw > most;
  if (self->flooded) archive_set_error(archive, EFBIG, "it does not end");
  return self->flooded ? -1 : got;
}

/* ---- files ------------------------------------------------------------------------------------
 */

static int write_at(int fd, const void *bytes, size_t count, int64_t offset) {
  for (size_t done = 0; done < count;) {
    ssize_t wrote = pwrite(fd, (const uint8_t *)bytes + done, count - done, offset + (off_t)done);
    if (wrote < 0 && errno != EINTR) return -1;
    done += wrote > 0 ? (size_t)wrote : 0;
  }
  return 0;
}

static int copy_data(unpacking *self, struct archive *archive, int fd, const char *path,
                     uint64_t size) {
  for (;;) {
    const void *bytes;
    size_t count;
    int64_t offset;
    int status = archive_read_data_block(archive, &bytes, &count, &offset);
    if (status == ARCHIVE_EOF) return 0;
    if (status != ARCHIVE_OK)
      return kv_fail(self->error, "io", "%s: %s", path, archive_error_string(archive));
    if (offset < 0 || (uint64_t)offset > size || count > size - (uint64_t)offset)
      return kv_fail(self->error, "io", "%s: it is longer than it says", path);
    if (write_at(fd, bytes, count, offset) != 0)
      return kv_fail_errno(self->error, errno, "%s", path);
  }
}

static struct timespec time_of(struct archive_entry *entry) {
  return (struct timespec){archive_entry_mtime(entry), archive_entry_mtime_nsec(entry)};
}

static mode_t mode_of(struct archive_entry *entry) { return archive_entry_mode(entry) & 0777; }

static int make_file(unpacking *self, struct archive *archive, struct archive_entry *entry,
                     const kv_place *place, const char *path) {
  int64_t said = archive_entry_size(entry);
  if (said < 0) return kv_fail(self->error, "io", "%s: a size below zero", path);
  uint64_t size = (uint64_t)said;
  if (size > self->limits->bytes - self->bytes) return too_many_bytes(self);
  self->bytes += size;
  int fd = openat(place->parent, place->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                  0600);
  if (fd < 0) return kv_fail_errno(self->error, errno, "%s", path);
  int status = copy_data(self, archive, fd, path, size);
  const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, time_of(entry)};
  if (status == 0 &&
      (ftruncate(fd, said) != 0 || fchmod(fd, mode_of(entry)) != 0 || futimens(fd, times) != 0))
    status = kv_fail_errno(self->error, errno, "%s", path);
  if (close(fd) != 0 && status == 0) status = kv_fail_errno(self->error, errno, "%s", path);
  return status;
}

/* ---- folders ----------------------------------------------------------------------------------
 */

/* Mode and time come last: filling a folder changes the one and may not be allowed by the other. */
static int remember_folder(unpacking *self, struct archive_entry *entry, const char *path) {
  size_t size = strlen(path) + 1;
  self->folder_names += sizeof(folder) + size;
  folder *item = self->folder_names > FOLDER_NAMES_MAX ? NULL : malloc(sizeof *item + size);
  if (item == NULL) return kv_fail_errno(self->error, ENOMEM, "%s", path);
  item->time = time_of(entry);
  item->mode = mode_of(entry) | 0700;
  memcpy(item->path, path, size);
  item->next = self->folders;
  self->folders = item;
  return 0;
}

static int make_folder(unpacking *self, struct archive_entry *entry, const kv_place *place,
                       const char *path) {
  if (place->parent >= 0 && mkdirat(place->parent, place->name, 0700) != 0) {
    struct stat there;
    int failed = errno;
    if (failed != EEXIST || fstatat(place->parent, place->name, &there, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISDIR(there.st_mode))
      return kv_fail_errno(self->error, failed, "%s", path);
  }
  return remember_folder(self, entry, path);
}

static int finish_folder(unpacking *self, const folder *item) {
  kv_place place;
  if (kv_place_find(self->root, item->path, 0, &place, self->error) < 0) return -1;
  bool is_root = place.parent < 0;
  int fd = is_root
               ? fcntl(self->root, F_DUPFD_CLOEXEC, 0)
               : openat(place.parent, place.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  kv_place_close(&place);
  const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, item->time};
  int failed = fd < 0 || fchmod(fd, item->mode) != 0 || futimens(fd, times) != 0 ? errno : 0;
  if (fd >= 0) close(fd);
  return failed == 0 ? 0 : kv_fail_errno(self->error, failed, "%s", item->path);
}

/* The last one first: what is in a folder stands behind it. */
static int finish_folders(unpacking *self, bool keep) {
  int status = 0;
  while (self->folders != NULL) {
    folder *item = self->folders;
    if (keep && status == 0) status = finish_folder(self, item);
    self->folders = item->next;
    free(item);
  }
  return status;
}

/* ---- links ------------------------------------------------------------------------------------
 */

static int make_symlink(unpacking *self, struct archive_entry *entry, const kv_place *place,
                        const char *path) {
  const char *target = archive_entry_symlink(entry);
  const char *flaw = target == NULL ? "cannot be read" : kv_link_flaw(target, place->depth);
  if (flaw != NULL)
    return kv_fail(self->error, "io", "%.200s: a symbolic link to '%.200s', which %s", path,
                   target == NULL ? "" : target, flaw);
  const struct timespec times[] = {{.tv_nsec = UTIME_OMIT}, time_of(entry)};
  if (symlinkat(target, place->parent, place->name) != 0 ||
      utimensat(place->parent, place->name, times, AT_SYMLINK_NOFOLLOW) != 0)
    return kv_fail_errno(self->error, errno, "%s", path);
  return 0;
}

static int make_hard_link(unpacking *self, const char *target, const kv_place *place,
                          const char *path) {
  kv_place there;
  if (kv_place_find(self->root, target, 0, &there, self->error) < 0) return -1;
  struct stat status;
  int made = -1;
  if (there.parent < 0 || fstatat(there.parent, there.name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
      !S_ISREG(status.st_mode))
    kv_fail(self->error, "io", "%.200s: a hard link to '%.200s', which is no file here", path,
            target);
  else if (linkat(there.parent, there.name, place->parent, place->name, 0) != 0)
    kv_fail_errno(self->error, errno, "%s", path);
  else
    made = 0;
  kv_place_close(&there);
  return made;
}

/* ---- all of it --------------------------------------------------------------------------------
 */

static int make_entry(unpacking *self, struct archive *archive, struct archive_entry *entry) {
  const char *path = archive_entry_pathname(entry);
  if (path == NULL) return kv_fail(self->error, "io", "a name that cannot be read");
  /* What is made by descriptors alone could not be removed by its path. */
  if (self->prefix + strlen(path) >= KV_PLACE_PATH)
    return kv_fail_errno(self->error, ENAMETOOLONG, "%.200s", path);
  if (++self->entries > self->limits->entries)
    return kv_fail(self->error, "io", "more than %" PRIu64 " entries: max_entries allows more",
                   self->limits->entries);
  const char *hard_link = archive_entry_hardlink(entry);
  mode_t type = archive_entry_filetype(entry);
  kv_place place;
  if (kv_place_find(self->root, path, 1, &place, self->error) < 0) return -1;
  int status;
  if (place.parent < 0 && (hard_link != NULL || type != AE_IFDIR))
    status = kv_fail(self->error, "io", "%.400s: the folder itself, as something else", path);
  else if (hard_link != NULL)
    status = make_hard_link(self, hard_link, &place, path);
  else if (type == AE_IFREG)
    status = make_file(self, archive, entry, &place, path);
  else if (type == AE_IFDIR)
    status = make_folder(self, entry, &place, path);
  else if (type == AE_IFLNK)
    status = make_symlink(self, entry, &place, path);
  else
    status = kv_fail(self->error, "io", "%.400s: %s", path, kv_file_kind(type));
  kv_place_close(&place);
  return status;
}

static int unpack_all(unpacking *self, struct archive *archive) {
  int status = archive_read_support_format_tar(archive);
  if (status == ARCHIVE_OK) status = archive_read_open(archive, self, NULL, read_some, NULL);
  while (status == ARCHIVE_OK) {
    struct archive_entry *entry;
    status = archive_read_next_header(archive, &entry);
    if (status == ARCHIVE_OK && make_entry(self, archive, entry) < 0) return -1;
  }
  /* Who writes it may pad it. */
  const void *rest;
  while (status == ARCHIVE_EOF && read_some(archive, self, &rest) > 0) continue;
  if (self->flooded) return too_many_bytes(self);
  if (status == ARCHIVE_EOF) return 0;
  return kv_fail(self->error, "io", "the archive cannot be read: %.300s",
                 archive_error_string(archive));
}

int kv_unpack(int from, const char *path, const kv_archive_limits *limits, kv_error *error) {
  unpacking *self = calloc(1, sizeof *self);
  struct archive *archive = archive_read_new();
  int status = -1;
  if (self == NULL || archive == NULL) {
    kv_fail_errno(error, ENOMEM, "%s", path);
  } else if (mkdir(path, 0700) != 0) {
    kv_fail_errno(error, errno, "%s", path);
  } else {
    *self = (unpacking){.from = from, .prefix = strlen(path) + 1, .limits = limits, .error = error};
    self->root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (self->root < 0)
      kv_fail_errno(error, errno, "%s", path);
    else
      status = unpack_all(self, archive);
    int finished = finish_folders(self, status == 0);
    if (status == 0) status = finished;
    if (self->root >= 0) close(self->root);
    if (status < 0) (void)kv_tree_remove(path);
  }
  if (archive != NULL) archive_read_free(archive);
  free(self);
  return status;
}
