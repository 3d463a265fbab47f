/* SAVE: making a guest fit to be saved. */
#define _GNU_SOURCE
#include "save.h"

#include "spawn.h"
#include "text_file.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

/* Starts a program and waits for it, as commands are started: the kernel makes at the first one
 * what later ones find, and each copy of the guest would have to make it anew. Nothing of it is
 * left. */
static void run_once(struct kv_agent *agent) {
  struct kv_user root;
  char why[128], *argv[] = {"true", NULL}, *envp[] = {NULL};
  struct kv_cgroup *group = kv_cgroup_acquire(&agent->cgroups);
  if (agent->tool >= 0 && kv_user_find("", &root, why, sizeof why) == 0) {
    struct kv_spawn spawn = {.argv = argv,
                             .envp = envp,
                             .program = argv[0],
                             .tool = agent->tool,
                             .directory = "/",
                             .user = &root,
                             .fds = {agent->null, agent->null, agent->null},
                             .cgroup = group == NULL ? -1 : group->dir};
    pid_t pid = kv_spawn(&spawn);
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
  }
  if (group != NULL) kv_cgroup_release(&agent->cgroups, group);
}

bool kv_save(struct kv_agent *agent, uint32_t id) {
  if (agent->greeted || agent->set_up.saved) return false;
  agent->set_up.saved = true;
  int failed = 0;
  if (agent->is_init) {
    run_once(agent);
    /* What only fills memory would be in the saved guest's for ever. */
    failed = kv_text_write("/proc/sys/vm/drop_caches", 0, "3\n");
  }
  if (failed == 0)
    kv_send_done(agent, id, 0, 0);
  else
    kv_send_failed(agent, id, failed, "/proc/sys/vm/drop_caches");
  return true;
}
