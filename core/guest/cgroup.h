/*
 * A control group (v2) for each running command: it holds all that the command started, however
 * often that forked, so that one write kills the whole of it; and it counts processor time and
 * kills for want of memory. Sources: the kernel's Documentation/admin-guide/cgroup-v2.rst.
 *
 * Making and removing groups costs more than a short command does, so a group whose processes are
 * all gone serves the next command: what the counters showed then is its base line. One that was
 * killed does not: kernels since 6.14, and older ones with that change, compare how often the
 * child's group was killed with how often its parent's was, and would kill whatever is born into
 * it (cgroup_css_set_fork() and cgroup_post_fork() in kernel/cgroup/cgroup.c).
 */
#ifndef KV_GUEST_CGROUP_H
#define KV_GUEST_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KV_CGROUPS_MAX 256

struct kv_cgroup {
  int dir, events, cpu, memory, kill; /* descriptors; memory is -1 without that controller */
  bool open, busy;
  bool killed;
  unsigned name;
  uint64_t cpu_base, oom_base;
};

struct kv_cgroups {
  unsigned next_name;
  int root; /* the folder of all groups; -1: there are no control groups here */
  struct kv_cgroup slots[KV_CGROUPS_MAX];
};

/* Makes the folder `kavach` in a mounted cgroup2 file system, with the memory controller if there
 * is one, and bounds what all commands together may use to what is free now less a reserve: so a
 * command that fills memory is killed, or its write fails, before the kernel itself runs dry.
 * 0, or a negative errno. */
int kv_cgroups_prepare(const char *mounted, bool bound_memory);

/* Opens that folder; where there is none, kv_cgroup_acquire gives NULL. */
void kv_cgroups_open(struct kv_cgroups *all, const char *mounted);

/* An empty group for one command, or NULL. */
struct kv_cgroup *kv_cgroup_acquire(struct kv_cgroups *all);

/* Is any process in it still alive? */
bool kv_cgroup_populated(const struct kv_cgroup *group);

/* SIGKILL to all of it. 0, or a negative errno. */
int kv_cgroup_kill(struct kv_cgroup *group);

/* Since it was acquired: processor time in microseconds; processes killed for want of memory. */
uint64_t kv_cgroup_cpu(struct kv_cgroup *group);
uint64_t kv_cgroup_oom_kills(struct kv_cgroup *group);

void kv_cgroup_release(struct kv_cgroups *all, struct kv_cgroup *group);

/* Removes the groups, as far as they are empty. */
void kv_cgroups_close(struct kv_cgroups *all);

#endif
