#include "measured.h"

#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Flags of EXEC that say nothing of what runs. */
#define FREE_FLAGS ((uint32_t)(KV_WIRE_WANT_STDIN | KV_WIRE_PTY))

static size_t strings_size(const struct kv_exec_request *request, const uint8_t *end) {
  return (size_t)(end - (const uint8_t *)request->strings);
}

static bool parse(struct kv_measured *measured, const uint8_t *bytes, size_t length) {
  struct kv_frame frame = {.length = (uint32_t)length, .type = KV_WIRE_EXEC, .payload = bytes};
  struct kv_exec_request *request = &measured->request;
  if (!kv_exec_parse(&frame, request) || (request->flags & ~(uint32_t)KV_WIRE_SHELL) != 0)
    return false;
  measured->size = strings_size(request, bytes + length);
  return true;
}

/* All of a file's bytes, for ever; NULL if they cannot be had. */
static uint8_t *read_all(int fd, size_t *length) {
  struct stat info;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size <= 0 ||
      (uint64_t)info.st_size > KV_WIRE_MAX)
    return NULL;
  uint8_t *bytes = malloc((size_t)info.st_size);
  size_t have = 0;
  while (bytes != NULL && have < (size_t)info.st_size) {
    ssize_t got = read(fd, bytes + have, (size_t)info.st_size - have);
    if (got <= 0) break;
    have += (size_t)got;
  }
  *length = have;
  return bytes;
}

void kv_measured_read(struct kv_measured *measured, const char *path) {
  *measured = (struct kv_measured){0};
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return;
  measured->there = true;
  size_t length = 0;
  uint8_t *bytes = fd < 0 ? NULL : read_all(fd, &length);
  measured->sound = bytes != NULL && parse(measured, bytes, length);
  if (!measured->sound) {
    dprintf(2, "kavach agent: %s: not a command, so nothing will run\n", path);
    free(bytes);
  }
  if (fd >= 0) close(fd);
}

static bool same(const struct kv_measured *measured, const struct kv_exec_request *request,
                 size_t size) {
  const struct kv_exec_request *own = &measured->request;
  return (request->flags & ~FREE_FLAGS) == own->flags && request->argc == own->argc &&
         request->envc == own->envc && strcmp(request->directory, own->directory) == 0 &&
         strcmp(request->user, own->user) == 0 && size == measured->size &&
         memcmp(request->strings, own->strings, size) == 0;
}

/* Only memory over what was measured: a share or a disk, scratch too, is the host's to change. */
static bool own_root(const struct kv_frame *frame) {
  struct kv_root_request root;
  return !kv_root_parse(frame, &root) || (root.kind == KV_WIRE_ROOT_OWN && root.scratch[0] == '\0');
}

bool kv_measured_allows(const struct kv_measured *measured, const struct kv_frame *frame) {
  struct kv_exec_request request;
  if (!measured->there) return true;
  switch (frame->type) {
  case KV_WIRE_EXEC:
    if (!kv_exec_parse(frame, &request)) return true;
    return measured->sound &&
           same(measured, &request, strings_size(&request, frame->payload + frame->length));
  case KV_WIRE_ROOT:
    return own_root(frame);
  case KV_WIRE_GET:
  case KV_WIRE_LIMITS:
  case KV_WIRE_NETWORK:
    return true;
  default: /* files and folders of the host may be programs */
    return false;
  }
}
