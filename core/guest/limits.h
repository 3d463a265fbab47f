/*
 * LIMITS: what bounds all commands together, and cannot be undone by any of them.
 *
 * The bounds are those of the control group `kavach` (cgroup.h), which is the parent of every
 * command's own. Commands run as root unless asked otherwise, and root may write there. So the
 * agent gives up, for all that it starts from then on, the capabilities beyond those that container
 * engines leave to root: without them a mount can neither be made nor changed. A user namespace
 * gives them back for its own mounts only, where the kernel locks what came from outside.
 *
 * Then there is what the kernel starts itself, outside every bound: programs that /proc/sys names,
 * or that have a fixed place in the first root. The first is read-only from then on; the second is
 * out of reach (ROOT), or read-only too. And of the control groups no more is to be seen than those
 * within the bounds: a read-only mount does not keep clone3() from starting a process in a group.
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
