#include "snp/lua_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

/* What is read of a file at a time: it stays in the processor's second cache, so hashing it does
 * not wait for memory. */
enum { PIECE = 128 << 10 };

static int open_file(const char *path, kv_error *error) {
  kv_error why;
  int fd = kv_file_open(path, O_RDONLY, &why);
  return fd < 0 ? kv_fail(error, "io", "%s: %s", path, why.message) : fd;
}

/* 0 at the end; -1 and *error. */
static ssize_t read_some(int fd, const char *path, uint8_t *to, size_t room, kv_error *error) {
  ssize_t got;
  do got = read(fd, to, room);
  while (got < 0 && errno == EINTR);
  if (got < 0) kv_fail_errno(error, errno, "%s", path);
  return got;
}

/* Room for all of a file of known size and one byte more, which tells that it ended. */
static size_t first_room(int fd, size_t most) {
  struct stat info;
  size_t room = PIECE;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0)
    room = (size_t)info.st_size + 1;
  return room < most ? room : most;
}

static uint8_t *read_all(int fd, const char *path, size_t most, size_t *size, kv_error *error) {
  size_t room = first_room(fd, most + 1), used = 0;
  uint8_t *bytes = malloc(room);
  while (bytes) {
    ssize_t got = read_some(fd, path, bytes + used, room - used, error);
    if (got < 0) break;
    used += (size_t)got;
    *size = used;
    if (got == 0) return bytes;
    if (used > most) {
      kv_fail(error, "io", "%s: more than %zu bytes", path, most);
      break;
    }
    if (used < room) continue;
    room = room <= most / 2 ? room * 2 : most + 1;
    uint8_t *larger = realloc(bytes, room);
    if (!larger) kv_fail(error, "io", "%s: out of memory", path);
    if (!larger) break;
    bytes = larger;
  }
  if (!bytes) kv_fail(error, "io", "%s: out of memory", path);
  free(bytes);
  return NULL;
}

uint8_t *kv_file_read(const char *path, size_t most, size_t *size, kv_error *error) {
  int fd = open_file(path, error);
  if (fd < 0) return NULL;
  uint8_t *bytes = read_all(fd, path, most, size, error);
  close(fd);
  return bytes;
}

static int hash_all(int fd, const char *path, atomic_bool *stop, uint8_t *piece, kv_hash *hash,
                    kv_error *error) {
  for (;;) {
    if (atomic_load(stop)) return kv_fail(error, "io", "%s", "");
    ssize_t got = read_some(fd, path, piece, PIECE, error);
    if (got <= 0) return (int)got;
    if (kv_hash_update(hash, piece, (size_t)got, error) < 0) return -1;
  }
}

int kv_file_sha256(const char *path, atomic_bool *stop, uint8_t digest[KV_SHA256_SIZE],
                   kv_error *error) {
  int status = -1;
  kv_hash *hash = NULL;
  uint8_t *piece = malloc(PIECE);
  int fd = open_file(path, error);
  if (fd < 0) goto done;
  if (!piece) {
    kv_fail(error, "io", "%s: out of memory", path);
    goto done;
  }
  hash = kv_hash_open(KV_HASH_SHA256, error);
  if (hash && hash_all(fd, path, stop, piece, hash, error) == 0)
    status = kv_hash_finish(hash, digest, error);
done:
  if (fd >= 0) close(fd);
  kv_hash_free(hash);
  free(piece);
  return status;
}
