/*
 * Whether KVM really works. That /dev/kvm opens, and even creates a VM, proves little: under
 * another hypervisor guests may then run thousands of times too slow.
 */
#ifndef KV_QEMU_KVM_PROBE_H
#define KV_QEMU_KVM_PROBE_H

#include "base/error.h"

/* Makes a VM whose only instruction is a halt, and runs it. May hang in the kernel: call it in a
 * process of its own, with a timeout. Returns 0, or -1 and *error (`backend_unavailable`). */
int kv_kvm_run_one(kv_error *error);

#endif
