/*
 * ROOT: what is / for commands, and for the agent's work on their behalf.
 *
 * The agent leaves the initramfs as an init does: the new root is moved onto /, and the agent goes
 * into it. So every path that it opens later is resolved by the kernel inside the new root, links
 * and ".." and all; there is no second way to resolve one that could be forgotten somewhere. Not a
 * chroot for each child: the agent's own opens would each need RESOLVE_IN_ROOT, and root could
 * leave it. Not a mount namespace for the commands: MOUNT would have to reach into it.
 */
#ifndef KV_GUEST_ROOT_H
#define KV_GUEST_ROOT_H

#include "frame.h"

struct kv_root_request {
  uint32_t kind; /* enum kv_wire_root_kind */
  const char *source, *scratch;
};

/* Refuses: an unknown kind, a source where there is none or none where there is one. Pure. */
bool kv_root_parse(const struct kv_frame *frame, struct kv_root_request *request);

#endif
