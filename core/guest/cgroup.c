#define _GNU_SOURCE
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int write_at(int dir, const char *name, const char *text) {
  int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  int failed = write(fd, text, strlen(text)) < 0 ? -errno : 0;
  close(fd);
  return failed;
}

/* The number behind a key in a file of "key number" lines; 0 if it is not there. */
static uint64_t number_in(int fd, const char *key) {
  char text[1024];
  ssize_t got = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
  if (got <= 0) return 0;
  text[got] = '\0';
  size_t length = strlen(key);
  for (char *line = text; line != NULL; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strncmp(line, key, length) == 0 && line[length] == ' ')
      return strtoull(line + length, NULL, 10);
  }
  return 0;
}

/* The KiB of a line of /proc/meminfo. */
static uint64_t kib_of(const char *text, const char *key) {
  const char *line = strstr(text, key);
  return line == NULL ? 0 : strtoull(line + strlen(key), NULL, 10);
}

/* What is free now less a reserve for the kernel and the agent: an eighth of the memory, at least
 * 16 MiB, at most 128. (8 MiB of 192 were not enough: commands that filled every tmpfs drove the
 * kernel itself out of memory, with nothing left to kill.) */
static void bound_all(int root) {
  const uint64_t least = 16 * 1024, most = 128 * 1024;
  char text[4096];
  int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  text[got > 0 ? got : 0] = '\0';
  uint64_t available = kib_of(text, "MemAvailable:");
  uint64_t reserve = kib_of(text, "MemTotal:") / 8;
  reserve = reserve < least ? least : reserve > most ? most : reserve;
  /* In a small guest each has half. */
  reserve = reserve > available / 2 ? available / 2 : reserve;
  snprintf(text, sizeof text, "%llu", (unsigned long long)(available - reserve) * 1024);
  write_at(root, "memory.max", text);
}

int kv_cgroups_prepare(const char *mounted, bool bound_memory) {
  char path[512];
  snprintf(path, sizeof path, "%s/kavach", mounted);
  int top = open(mounted, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
  if (top < 0) return -errno;
  write_at(top, "cgroup.subtree_control", "+memory");
  int failed = mkdirat(top, "kavach", 0755) != 0 && errno != EEXIST ? -errno : 0;
  close(top);
  int root = failed != 0 ? failed : open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
  if (root < 0) return failed != 0 ? failed : -errno;
  if (bound_memory) bound_all(root);
  write_at(root, "cgroup.subtree_control", "+memory");
  close(root);
  return 0;
}

void kv_cgroups_open(struct kv_cgroups *all, const char *mounted) {
  char path[512];
  snprintf(path, sizeof path, "%s/kavach", mounted);
  all->root = open(path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
}

static void close_slot(struct kv_cgroups *all, struct kv_cgroup *group) {
  const int fds[] = {group->dir, group->events, group->cpu, group->memory, group->kill};
  for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
    if (fds[i] >= 0) close(fds[i]);
  group->open = group->killed = false;
  char name[16];
  snprintf(name, sizeof name, "%u", group->name);
  /* What a process that takes its kill late still lives in stays: it is empty soon after. */
  unlinkat(all->root, name, AT_REMOVEDIR);
}

static bool open_slot(struct kv_cgroups *all, struct kv_cgroup *group) {
  char name[16];
  int made;
  do {
    group->name = all->next_name++;
    snprintf(name, sizeof name, "%u", group->name);
    made = mkdirat(all->root, name, 0755);
  } while (made != 0 && errno == EEXIST);
  if (made != 0) return false;
  int dir = openat(all->root, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
  if (dir < 0) return false;
  group->dir = dir;
  group->events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
  group->cpu = openat(dir, "cpu.stat", O_RDONLY | O_CLOEXEC);
  group->memory = openat(dir, "memory.events", O_RDONLY | O_CLOEXEC);
  group->kill = openat(dir, "cgroup.kill", O_WRONLY | O_CLOEXEC);
  group->open = group->events >= 0 && group->cpu >= 0 && group->kill >= 0;
  if (!group->open) {
    close_slot(all, group);
    return false;
  }
  group->cpu_base = number_in(group->cpu, "usage_usec");
  group->oom_base = number_in(group->memory, "oom_kill");
  return true;
}

struct kv_cgroup *kv_cgroup_acquire(struct kv_cgroups *all) {
  for (size_t i = 0; all->root >= 0 && i < KV_CGROUPS_MAX; i++) {
    struct kv_cgroup *group = &all->slots[i];
    if (group->busy) continue;
    if (!group->open && !open_slot(all, group)) return NULL;
    group->busy = true;
    return group;
  }
  return NULL;
}

bool kv_cgroup_populated(const struct kv_cgroup *group) {
  return number_in(group->events, "populated") != 0;
}

int kv_cgroup_kill(struct kv_cgroup *group) {
  group->killed = true;
  return pwrite(group->kill, "1", 1, 0) < 0 ? -errno : 0;
}

uint64_t kv_cgroup_cpu(struct kv_cgroup *group) {
  uint64_t now = number_in(group->cpu, "usage_usec");
  uint64_t used = now > group->cpu_base ? now - group->cpu_base : 0;
  group->cpu_base = now;
  return used;
}

uint64_t kv_cgroup_oom_kills(struct kv_cgroup *group) {
  uint64_t now = number_in(group->memory, "oom_kill");
  uint64_t killed = now > group->oom_base ? now - group->oom_base : 0;
  group->oom_base = now;
  return killed;
}

void kv_cgroup_release(struct kv_cgroups *all, struct kv_cgroup *group) {
  group->busy = false;
  if (group->killed) close_slot(all, group);
}

void kv_cgroups_close(struct kv_cgroups *all) {
  for (size_t i = 0; i < KV_CGROUPS_MAX; i++)
    if (all->slots[i].open) close_slot(all, &all->slots[i]);
  if (all->root >= 0) close(all->root);
  all->root = -1;
}
