#define _GNU_SOURCE
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A decimal id. The highest is -1 as the kernel sees it: "leave as it is", hence no id. */
static bool number_of(const char *text, uint32_t *id) {
  if (text[0] < '0' || text[0] > '9') return false;
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (*end != '\0' || errno != 0 || value >= UINT32_MAX) return false;
  *id = (uint32_t)value;
  return true;
}

/* The root may be anybody's: what stands in the file's place must not hold up the agent. */
static FILE *open_text(const char *path) {
  struct stat status;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return NULL;
  FILE *file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? fdopen(fd, "r") : NULL;
  if (file == NULL) close(fd);
  return file;
}

/* Copies what is used of the entry; it lives in fgetpwent's own memory. */
static bool find_passwd(const char *name, bool by_id, uid_t uid, struct kv_user *user, char *login,
                        size_t size) {
  FILE *file = open_text("/etc/passwd");
  if (file == NULL) return false;
  bool found = false;
  for (struct passwd *entry; !found && (entry = fgetpwent(file)) != NULL;) {
    found = by_id ? entry->pw_uid == uid : strcmp(entry->pw_name, name) == 0;
    if (!found) continue;
    user->uid = entry->pw_uid;
    user->gid = entry->pw_gid;
    snprintf(user->home, sizeof user->home, "%s", entry->pw_dir);
    snprintf(login, size, "%s", entry->pw_name);
  }
  fclose(file);
  return found;
}

static bool find_group(const char *name, gid_t *gid) {
  if (number_of(name, gid)) return true;
  FILE *file = open_text("/etc/group");
  if (file == NULL) return false;
  bool found = false;
  for (struct group *entry; !found && (entry = fgetgrent(file)) != NULL;) {
    found = strcmp(entry->gr_name, name) == 0;
    if (found) *gid = entry->gr_gid;
  }
  fclose(file);
  return found;
}

static void add_groups(const char *login, struct kv_user *user) {
  FILE *file = open_text("/etc/group");
  if (file == NULL) return;
  for (struct group *entry; (entry = fgetgrent(file)) != NULL;) {
    for (char **member = entry->gr_mem; *member != NULL; member++) {
      if (strcmp(*member, login) != 0 || entry->gr_gid == user->gid) continue;
      if (user->group_count < KV_USER_GROUPS) user->groups[user->group_count++] = entry->gr_gid;
    }
  }
  fclose(file);
}

static int look_up(const char *name, const char *group, struct kv_user *user, char *why,
                   size_t size) {
  char login[256] = "";
  uint32_t id = 0;
  bool by_id = number_of(name, &id);
  if (!find_passwd(name, by_id, id, user, login, sizeof login)) {
    if (!by_id) {
      snprintf(why, size, "user %.200s: not in the guest's /etc/passwd", name);
      return EINVAL;
    }
    user->uid = user->gid = id;
    strcpy(user->home, "/");
  }
  if (group != NULL && !find_group(group, &user->gid)) {
    snprintf(why, size, "group %.200s: not in the guest's /etc/group", group);
    return EINVAL;
  }
  user->groups[0] = user->gid;
  user->group_count = 1;
  if (group == NULL && login[0] != '\0') add_groups(login, user);
  return 0;
}

int kv_user_find(const char *name, struct kv_user *user, char *why, size_t size) {
  memset(user, 0, sizeof *user);
  why[0] = '\0';
  strcpy(user->home, "/root");
  user->group_count = 1;
  if (name[0] == '\0') return 0;
  char copy[512];
  if (strlen(name) >= sizeof copy) {
    snprintf(why, size, "user: the name is too long");
    return EINVAL;
  }
  strcpy(copy, name);
  char *colon = strchr(copy, ':');
  if (colon != NULL) *colon = '\0';
  return look_up(copy, colon == NULL ? NULL : colon + 1, user, why, size);
}
