/*
 * LIMITS: what bounds all commands together, and cannot be undone by any of them.
 *
 * The bounds are those of the control group `kavach` (cgroup.h), which is the parent of every
 * command's own. Commands run as root unless asked otherwise, and root may write there. So the
 * agent gives up, for all that it starts from then on, the capabilities beyond those that container
 * engines leave to root; without them a mount cannot be made or changed, and the files of the
 * groups and of /proc/sys, from which a program could be started in the agent's place, are on
 * read-only mounts. A user namespace gives them back for its own mounts only, where the kernel
 * locks what came from outside.
 */
#ifndef KV_GUEST_LIMITS_H
#define KV_GUEST_LIMITS_H

#include "frame.h"

#define KV_LIMITS_PERIOD_US 100000u

struct kv_limits_request {
  uint32_t flags; /* enum kv_wire_limit_flag */
  uint32_t cpu;   /* microseconds of each period */
  uint32_t processes;
};

/* Refuses: no flag or an unknown one, a number without its flag, a flag without its number. Pure.
 */
bool kv_limits_parse(const struct kv_frame *frame, struct kv_limits_request *request);

#endif
