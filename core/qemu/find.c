#include "qemu/find.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const LAST_RESORTS[] = {"/usr/local/bin", "/usr/bin"};

/* NULL if the file can be run, or why it cannot. */
static const char *unfit(const char *path) {
  struct stat info;
  if (stat(path, &info) < 0) return strerror(errno);
  if (S_ISDIR(info.st_mode)) return "is a directory";
  if (!S_ISREG(info.st_mode)) return "is not a regular file";
  if (access(path, X_OK) < 0) return strerror(errno);
  return NULL;
}

static char *join(const char *directory, size_t length, const char *name) {
  char *path = malloc(length + 1 + strlen(name) + 1);
  if (!path) return NULL;
  memcpy(path, directory, length);
  path[length] = '/';
  strcpy(path + length + 1, name);
  return path;
}

/* The file of that name in the directory, if it can be run. */
static char *look_in(const char *directory, size_t length, const char *name) {
  if (length == 0 || directory[0] != '/') return NULL;
  char *path = join(directory, length, name);
  if (path && !unfit(path)) return path;
  free(path);
  return NULL;
}

static char *search(const char *name, const char *search_path) {
  while (search_path && *search_path) {
    size_t length = strcspn(search_path, ":");
    char *found = look_in(search_path, length, name);
    if (found) return found;
    search_path += length + (search_path[length] == ':');
  }
  for (size_t i = 0; i < sizeof LAST_RESORTS / sizeof *LAST_RESORTS; i++) {
    char *found = look_in(LAST_RESORTS[i], strlen(LAST_RESORTS[i]), name);
    if (found) return found;
  }
  return NULL;
}

char *kv_qemu_find(const char *wanted, const char *search_path, kv_error *error) {
  if (wanted && strchr(wanted, '/')) {
    const char *reason = unfit(wanted);
    if (reason) {
      kv_fail(error, "backend_unavailable", "cannot run QEMU: %s: %s", wanted, reason);
      return NULL;
    }
    return strdup(wanted);
  }
  const char *name = wanted && *wanted ? wanted : "qemu-system-x86_64";
  char *found = search(name, search_path);
  if (!found)
    kv_fail(error, "backend_unavailable",
            "no %s in PATH, /usr/local/bin or /usr/bin; on Debian: apt install qemu-system-x86",
            name);
  return found;
}
