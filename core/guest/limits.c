/* What bounds the commands: control groups, capabilities, read-only mounts. */
#define _GNU_SOURCE
#include "limits.h"
#include "agent.h"
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KNOWN ((uint32_t)(KV_WIRE_LIMIT_CPU | KV_WIRE_LIMIT_PROCESSES | KV_WIRE_LIMIT_READ_ONLY))
#define CPU_LEAST 1000u /* min_cfs_quota_period in the kernel's kernel/sched/core.c, in us */

/* linux/mount.h: struct mount_attr, and what goes with it; not in every C library's headers. */
struct mount_attributes {
  uint64_t set, clear, propagation, userns;
};
#define MOUNT_SETATTR 442 /* the same number on every architecture */
#define ATTRIBUTE_READ_ONLY 1u
#define RECURSIVE 0x8000u /* AT_RECURSIVE */

bool kv_limits_parse(const struct kv_frame *frame, struct kv_limits_request *request) {
  struct kv_fields fields = kv_fields_of(frame);
  request->flags = kv_take_u32(&fields);
  request->cpu = kv_take_u32(&fields);
  request->processes = kv_take_u32(&fields);
  bool cpu = (request->flags & KV_WIRE_LIMIT_CPU) != 0;
  bool processes = (request->flags & KV_WIRE_LIMIT_PROCESSES) != 0;
  return kv_fields_end(&fields) && request->flags != 0 && (request->flags & ~KNOWN) == 0 &&
         (cpu ? request->cpu >= CPU_LEAST : request->cpu == 0) &&
         processes == (request->processes > 0);
}

static int write_at(int dir, const char *name, const char *text) {
  int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int failed = write(fd, text, strlen(text)) < 0 ? errno : 0;
  close(fd);
  return failed;
}

/* The controller is switched on where the group's own files come from: in its parent. */
static int bound(int group, const char *controller, const char *file, const char *value) {
  int failed = write_at(group, "../cgroup.subtree_control", controller);
  return failed != 0 ? failed : write_at(group, file, value);
}

static int bound_all(int group, const struct kv_limits_request *request, const char **what) {
  char text[32];
  int failed = 0;
  if ((request->flags & KV_WIRE_LIMIT_CPU) != 0) {
    *what = "bounding the processor time of commands";
    snprintf(text, sizeof text, "%u %u", request->cpu, KV_LIMITS_PERIOD_US);
    failed = bound(group, "+cpu", "cpu.max", text);
  }
  if (failed == 0 && (request->flags & KV_WIRE_LIMIT_PROCESSES) != 0) {
    *what = "bounding the number of processes";
    snprintf(text, sizeof text, "%u", request->processes);
    failed = bound(group, "+pids", "pids.max", text);
  }
  return failed;
}

static int make_read_only(const char *path, unsigned int flags) {
  struct mount_attributes attributes = {.set = ATTRIBUTE_READ_ONLY};
  return syscall(MOUNT_SETATTR, AT_FDCWD, path, flags, &attributes, sizeof attributes) != 0 ? errno
                                                                                            : 0;
}

/* Puts a read-only view of the folder, with all that is mounted below, on the folder itself. What
 * the agent has open was opened through the mount below, and stays writable. */
static int cover(const char *path) {
  if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) != 0) return errno;
  return make_read_only(path, RECURSIVE);
}

/* Drops all but what container engines leave to root (linux/capability.h has the numbers). The
 * bounding set counts when a program is started: the agent, which starts none in its own place,
 * keeps what it has. */
static int drop_capabilities(void) {
  static const uint8_t kept[] = {
      0 /* CHOWN */,        1 /* DAC_OVERRIDE */, 3 /* FOWNER */,
      4 /* FSETID */,       5 /* KILL */,         6 /* SETGID */,
      7 /* SETUID */,       8 /* SETPCAP */,      10 /* NET_BIND_SERVICE */,
      13 /* NET_RAW */,     18 /* SYS_CHROOT */,  27 /* MKNOD */,
      29 /* AUDIT_WRITE */, 31 /* SETFCAP */,
  };
  for (int number = 0; number < 64; number++) {
    if (memchr(kept, number, sizeof kept) != NULL) continue;
    if (prctl(PR_CAPBSET_DROP, (unsigned long)number, 0ul, 0ul, 0ul) == 0) continue;
    /* EINVAL: the kernel has no more of them. */
    return errno == EINVAL && number > 31 ? 0 : errno;
  }
  return 0;
}

static int close_ways_out(bool read_only, const char **what) {
  *what = "making /sys and /proc/sys read-only";
  int failed =
      mount(KV_BOOT_CGROUPS "/kavach", KV_BOOT_CGROUPS, NULL, MS_BIND, NULL) != 0 ? errno : 0;
  if (failed == 0) failed = cover("/sys");
  if (failed == 0) failed = cover("/proc/sys");
  if (failed == 0 && read_only) {
    *what = "making the root read-only";
    failed = make_read_only("/", 0);
  }
  if (failed != 0) return failed;
  *what = "dropping capabilities";
  return drop_capabilities();
}

void kv_limits(struct kv_agent *agent, uint32_t id, const struct kv_limits_request *request) {
  bool counted = (request->flags & (KV_WIRE_LIMIT_CPU | KV_WIRE_LIMIT_PROCESSES)) != 0;
  bool read_only = (request->flags & KV_WIRE_LIMIT_READ_ONLY) != 0;
  const char *what = "the limits come once, and before anything runs";
  int failed = agent->set_up.limited || agent->set_up.begun ? EBUSY : 0;
  agent->set_up.limited = true;
  if (failed == 0 && counted && agent->cgroups.root < 0) {
    what = "there are no control groups";
    failed = ENOTSUP;
  }
  if (failed == 0 && agent->is_init && !agent->set_up.rooted && !read_only) {
    what = "the root is not the commands' own";
    failed = EINVAL;
  }
  if (failed == 0) failed = bound_all(agent->cgroups.root, request, &what);
  /* On a test's socket all this would be the machine's own. */
  if (failed == 0 && read_only && !agent->is_init) {
    what = "the root is not a guest's";
    failed = EPERM;
  }
  if (failed == 0 && agent->is_init) failed = close_ways_out(read_only, &what);
  agent->set_up.failed |= failed != 0;
  if (failed == 0)
    kv_send_done(agent, id, 0, 0);
  else
    kv_send_failed(agent, id, failed, what);
}
