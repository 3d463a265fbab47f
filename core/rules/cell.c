#define _GNU_SOURCE
#include "rules/cell.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Policies have 256 MiB at the most (vm.h); data as much again, and a message to bring it. */
#define MEMORY_MAX ((rlim_t)1 << 30)

static int limit(int resource, rlim_t soft, rlim_t hard, const char *what, kv_error *error) {
  struct rlimit value = {soft, hard};
  if (setrlimit((__rlimit_resource_t)resource, &value) == 0) return 0;
  return kv_fail_errno(error, errno, "cannot limit %s", what);
}

static int limit_all(kv_error *error) {
  if (limit(RLIMIT_CORE, 0, 0, "core dumps", error) < 0) return -1;
  if (limit(RLIMIT_NPROC, 0, 0, "processes", error) < 0) return -1;
#ifndef KAVACH_SANITIZED /* which writes its reports, and whose shadow memory is terabytes */
  if (limit(RLIMIT_FSIZE, 0, 0, "files", error) < 0) return -1;
  if (limit(RLIMIT_AS, MEMORY_MAX, MEMORY_MAX, "memory", error) < 0) return -1;
#endif
  return limit(RLIMIT_CPU, KV_CELL_CPU_SECONDS, KV_CELL_CPU_SECONDS, "processor time", error);
}

/* ---- system calls ---- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "which architecture's system calls are these? (linux/audit.h)"
#endif

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define IF(value, then, otherwise) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, otherwise)
/* The low half of an argument: descriptors and protections have no more. */
#define ARGUMENT(i) args[i]
/* Allowed whatever its arguments are. */
#define FREELY(call) IF(call, 0, 1), ALLOW
/* Allowed where the low half of argument `i` is `value`. */
#define ON(call, i, value) IF(call, 0, 4), LOAD(ARGUMENT(i)), IF(value, 0, 1), ALLOW, KILL
/* Allowed where argument 2, the protection, does not say that the memory is executable. */
#define NOT_EXECUTABLE(call)                                                                       \
  IF(call, 0, 4), LOAD(ARGUMENT(2)), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0), ALLOW, \
      KILL

static int filter_calls(kv_error *error) {
  struct sock_filter filter[] = {
      LOAD(arch), IF(ARCHITECTURE, 1, 0), KILL,
      /* each begins with the number of the call in the accumulator, and ends if it is its own */
      LOAD(nr), ON(SYS_read, 0, 0), ON(SYS_write, 0, 1), NOT_EXECUTABLE(SYS_mmap),
      NOT_EXECUTABLE(SYS_mprotect), FREELY(SYS_brk), FREELY(SYS_munmap), FREELY(SYS_mremap),
      FREELY(SYS_madvise), FREELY(SYS_exit), FREELY(SYS_exit_group), KILL};
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
    return kv_fail_errno(error, errno, "cannot filter system calls");
  return 0;
}

int kv_cell_enter(kv_error *error) {
#ifndef KAVACH_SANITIZED /* whose reports go to 2, and which has calls of its own */
  if (close_range(2, ~0U, 0) < 0) return kv_fail_errno(error, errno, "cannot close descriptors");
#endif
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return kv_fail_errno(error, errno, "cannot give up new privileges");
  if (limit_all(error) < 0) return -1;
#ifdef KAVACH_SANITIZED
  (void)filter_calls;
  return 0;
#else
  return filter_calls(error);
#endif
}
