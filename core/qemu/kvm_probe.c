#include "qemu/kvm_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)

#include <linux/kvm.h>

enum { API_VERSION = 12 }; /* the only one since Linux 2.6.22 */
enum { GUEST_PAGE = 4096, HLT = 0xf4 };

/* Three pages that Intel needs in real mode: anywhere below 4 GiB that the guest does not use. */
static const unsigned long TSS_ADDR = 0xfffbd000;

typedef struct vm {
  int kvm, machine, cpu;
  void *memory;
  struct kvm_run *run;
  size_t run_size;
} vm;

static int failed(kv_error *error, const char *what) {
  return kv_fail(error, "backend_unavailable", "%s: %s", what, strerror(errno));
}

static void close_vm(vm *v) {
  if (v->run != MAP_FAILED) munmap(v->run, v->run_size);
  if (v->cpu >= 0) close(v->cpu);
  if (v->machine >= 0) close(v->machine);
  if (v->kvm >= 0) close(v->kvm);
  if (v->memory != MAP_FAILED) munmap(v->memory, GUEST_PAGE);
}

static int open_machine(vm *v, kv_error *error) {
  v->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (v->kvm < 0) return failed(error, "/dev/kvm");
  int version = ioctl(v->kvm, KVM_GET_API_VERSION, 0);
  if (version != API_VERSION)
    return kv_fail(error, "backend_unavailable", "KVM has API version %d, not %d", version,
                   API_VERSION);
  v->machine = ioctl(v->kvm, KVM_CREATE_VM, 0);
  if (v->machine < 0) return failed(error, "KVM cannot create a VM");
  (void)ioctl(v->machine, KVM_SET_TSS_ADDR, TSS_ADDR); /* AMD does not need it */
  return 0;
}

static int add_memory(vm *v, kv_error *error) {
  v->memory = mmap(NULL, GUEST_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (v->memory == MAP_FAILED) return failed(error, "no memory for a VM");
  memset(v->memory, HLT, GUEST_PAGE);
  struct kvm_userspace_memory_region region = {.memory_size = GUEST_PAGE,
                                               .userspace_addr = (uint64_t)(uintptr_t)v->memory};
  if (ioctl(v->machine, KVM_SET_USER_MEMORY_REGION, &region) < 0)
    return failed(error, "KVM takes no memory");
  return 0;
}

static int add_cpu(vm *v, kv_error *error) {
  v->cpu = ioctl(v->machine, KVM_CREATE_VCPU, 0);
  if (v->cpu < 0) return failed(error, "KVM cannot create a processor");
  int size = ioctl(v->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (size < (int)sizeof *v->run) return failed(error, "KVM's processor has no state");
  v->run_size = (size_t)size;
  v->run = mmap(NULL, v->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->cpu, 0);
  if (v->run == MAP_FAILED) return failed(error, "KVM's processor state");
  struct kvm_sregs special;
  if (ioctl(v->cpu, KVM_GET_SREGS, &special) < 0) return failed(error, "KVM_GET_SREGS");
  special.cs.base = 0;
  special.cs.selector = 0;
  if (ioctl(v->cpu, KVM_SET_SREGS, &special) < 0) return failed(error, "KVM_SET_SREGS");
  struct kvm_regs general = {.rip = 0, .rflags = 2}; /* bit 1 is always set */
  if (ioctl(v->cpu, KVM_SET_REGS, &general) < 0) return failed(error, "KVM_SET_REGS");
  return 0;
}

static int run(vm *v, kv_error *error) {
  if (ioctl(v->cpu, KVM_RUN, 0) < 0) return failed(error, "KVM cannot run a VM");
  if (v->run->exit_reason != KVM_EXIT_HLT)
    return kv_fail(error, "backend_unavailable", "a VM stopped for reason %u instead of its halt",
                   v->run->exit_reason);
  return 0;
}

int kv_kvm_run_one(kv_error *error) {
  vm v = {.kvm = -1, .machine = -1, .cpu = -1, .memory = MAP_FAILED, .run = MAP_FAILED};
  int result = -1;
  if (open_machine(&v, error) == 0 && add_memory(&v, error) == 0 && add_cpu(&v, error) == 0)
    result = run(&v, error);
  close_vm(&v);
  return result;
}

#else

int kv_kvm_run_one(kv_error *error) {
  return kv_fail(error, "backend_unavailable", "KVM is used on x86-64 only");
}

#endif
