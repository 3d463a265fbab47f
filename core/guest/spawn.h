/*
 * Starting one process. The child borrows the agent's memory until it has become the program (as
 * vfork does), so nothing is copied, and a failed execve reports by plain assignment.
 */
#ifndef KV_GUEST_SPAWN_H
#define KV_GUEST_SPAWN_H

#include "user.h"

#include <stdbool.h>

enum kv_spawn_stage { KV_SPAWN_FORK, KV_SPAWN_SETUP, KV_SPAWN_DIRECTORY, KV_SPAWN_PROGRAM };

struct kv_spawn {
  char *const *argv;
  char *const *envp;
  const char *program; /* a path, or a name without "/" that is looked for in search */
  const char *search;  /* folders with ":" between them */
  int tool;            /* descriptor of what runs instead of `program`, or -1 */
  const char *directory;
  const struct kv_user *user;
  int fds[3];    /* all above 2; what becomes 0, 1 and 2 */
  bool terminal; /* fds[0] is a terminal: it becomes the session's */
  int cgroup;    /* descriptor of the group's folder to be born in, or -1 */

  /* set if it fails */
  int error;
  enum kv_spawn_stage stage;
};

/*
 * The child leads a session and a process group of its own, has no signal blocked, no descriptor
 * above 2, and starts in `directory` as `user`. Signals must have their default dispositions in
 * the caller (a blocked signal stays blocked there; the child unblocks it).
 * Returns its pid once the program runs, or -1 with `error` (an errno) and `stage` set; then
 * nothing is left of it.
 */
pid_t kv_spawn(struct kv_spawn *spawn);

#endif
