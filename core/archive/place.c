#define _GNU_SOURCE
#include "archive/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The next name of a path, and its length; NULL at the end. Skips "/" and ".". */
static const char *next_name(const char **at, size_t *length) {
  for (;;) {
    *at += strspn(*at, "/");
    const char *name = *at;
    *length = strcspn(name, "/");
    if (*length == 0) return NULL;
    *at += *length;
    if (*length != 1 || name[0] != '.') return name;
  }
}

static bool is_up(const char *name, size_t length) {
  return length == 2 && name[0] == '.' && name[1] == '.';
}

static int descend(kv_place *place, const char *path, bool make, kv_error *error) {
  if (make && mkdirat(place->parent, place->name, 0700) != 0 && errno != EEXIST)
    return kv_fail_errno(error, errno, "%s", path);
  int next = openat(place->parent, place->name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (next < 0 && (errno == ENOTDIR || errno == ELOOP))
    return kv_fail(error, "io", "%s: it leads through '%s', which is no folder", path, place->name);
  if (next < 0) return kv_fail_errno(error, errno, "%s", path);
  close(place->parent);
  place->parent = next;
  place->depth++;
  return 0;
}

static int walk(const char *path, bool make, kv_place *place, kv_error *error) {
  const char *at = path, *name;
  size_t length;
  while ((name = next_name(&at, &length)) != NULL) {
    if (is_up(name, length)) return kv_fail(error, "io", "%s: a path with '..'", path);
    if (length >= sizeof place->name) return kv_fail_errno(error, ENAMETOOLONG, "%.200s", path);
    if (place->name[0] != '\0' && descend(place, path, make, error) < 0) return -1;
    memcpy(place->name, name, length);
    place->name[length] = '\0';
  }
  return 0;
}

int kv_place_find(int root, const char *path, int make, kv_place *place, kv_error *error) {
  *place = (kv_place){.parent = -1};
  if (path[0] == '/') return kv_fail(error, "io", "%.400s: an absolute path", path);
  if (strlen(path) >= KV_PLACE_PATH) return kv_fail_errno(error, ENAMETOOLONG, "%.200s", path);
  place->parent = fcntl(root, F_DUPFD_CLOEXEC, 0);
  if (place->parent < 0) return kv_fail_errno(error, errno, "%s", path);
  int status = walk(path, make != 0, place, error);
  if (status < 0 || place->name[0] == '\0') kv_place_close(place);
  return status;
}

void kv_place_close(kv_place *place) {
  if (place->parent >= 0) close(place->parent);
  place->parent = -1;
}

const char *kv_link_flaw(const char *target, unsigned depth) {
  if (target[0] == '\0') return "leads nowhere";
  if (target[0] == '/') return "is absolute";
  const char *at = target, *name;
  size_t length;
  unsigned up = 0;
  bool named = false;
  while ((name = next_name(&at, &length)) != NULL) {
    if (!is_up(name, length)) {
      named = true;
    } else if (named) {
      return "has '..' behind a name";
    } else if (++up > depth) {
      return "leads out of the folder";
    }
  }
  return NULL;
}
