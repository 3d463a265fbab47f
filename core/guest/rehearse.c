#define _GNU_SOURCE
#include "rehearse.h"

#include "cgroup.h"
#include "spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static bool alone(void) {
  cpu_set_t processors;
  return sched_getaffinity(0, sizeof processors, &processors) != 0 || CPU_COUNT(&processors) < 2;
}

static void run_shell(struct kv_cgroup *group, int null, int output[2]) {
  static const char *const argv[] = {"sh", "-c", ":", NULL};
  static const char *const envp[] = {"PATH=/bin", NULL};
  char why[320];
  struct kv_user user;
  kv_user_find("", &user, why, sizeof why);
  struct kv_spawn spawn = {.argv = (char *const *)(uintptr_t)argv,
                           .envp = (char *const *)(uintptr_t)envp,
                           .program = "/bin/sh",
                           .search = "",
                           .directory = "/",
                           .user = &user,
                           .fds = {null, output[1], output[1]},
                           .cgroup = group == NULL ? -1 : group->dir};
  pid_t pid = kv_spawn(&spawn);
  close(output[1]);
  struct pollfd end = {.fd = output[0], .events = POLLIN};
  const int patience_ms = 1000;
  if (pid < 0) return;
  if (poll(&end, 1, patience_ms) <= 0) kill(pid, SIGKILL);
  int status;
  struct rusage usage;
  wait4(pid, &status, 0, &usage);
  char byte;
  if (read(output[0], &byte, 1) < 0 || group == NULL || kv_cgroup_populated(group)) return;
  kv_cgroup_cpu(group);
  kv_cgroup_oom_kills(group);
}

void kv_rehearse(const char *mounted) {
  static struct kv_cgroups groups;
  if (alone()) return;
  kv_cgroups_open(&groups, mounted);
  /* All above 2, as kv_spawn wants them: 0, 1 and 2 are in use. */
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  int output[2];
  if (null < 0 || pipe2(output, O_CLOEXEC) != 0) return;
  run_shell(kv_cgroup_acquire(&groups), null, output);
  kv_cgroups_close(&groups);
}
