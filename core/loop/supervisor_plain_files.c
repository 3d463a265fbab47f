#include "loop/supervisor_plain_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Numbers of x86-64 that not every C library's headers have. */
#define OPENAT2 437u
#define FCHMODAT2 452u
#define SETXATTRAT 463u
#define X32 0x40000000u /* numbers of the x32 interface have this bit */

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset))
/* The lower half of an argument: modes and flags are ints. */
#define LOAD_ARGUMENT(n) LOAD(offsetof(struct seccomp_data, args) + 8u * (n))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define IF(number, then, otherwise)                                                                \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(number), then, otherwise)
#define IF_ANY(bits, then, otherwise)                                                              \
  BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(bits), then, otherwise)

#define NEVER(number, error) IF(number, 0, 1), REFUSE(error)
#define RIGHTS (S_ISUID | S_ISGID)
#define MODE(number, at)                                                                           \
  IF(number, 0, 4), LOAD_ARGUMENT(at), IF_ANY(RIGHTS, 0, 1), REFUSE(EPERM), ALLOW
/* open: the mode counts only if a file may be made. */
#define OPEN(number, flags, at)                                                                    \
  IF(number, 0, 6), LOAD_ARGUMENT(flags), IF_ANY(O_CREAT | O_TMPFILE, 0, 3), LOAD_ARGUMENT(at),    \
      IF_ANY(RIGHTS, 0, 1), REFUSE(EPERM), ALLOW

int kv_plain_files(void) {
#if defined(__x86_64__)
  struct sock_filter filter[] = {
      LOAD(offsetof(struct seccomp_data, arch)),
      IF(AUDIT_ARCH_X86_64, 1, 0),
      REFUSE(ENOSYS),
      LOAD(offsetof(struct seccomp_data, nr)),
      IF_ANY(X32, 0, 1),
      REFUSE(ENOSYS),
      OPEN(SYS_openat, 2, 3),
      OPEN(SYS_open, 1, 2),
      MODE(SYS_creat, 1),
      MODE(SYS_chmod, 1),
      MODE(SYS_fchmod, 1),
      MODE(SYS_fchmodat, 2),
      MODE(FCHMODAT2, 2),
      MODE(SYS_mkdir, 1),
      MODE(SYS_mkdirat, 2),
      MODE(SYS_mknod, 1),
      MODE(SYS_mknodat, 2),
      NEVER(OPENAT2, ENOSYS), /* its mode is out of a filter's sight */
      NEVER(SYS_chown, EPERM),
      NEVER(SYS_fchown, EPERM),
      NEVER(SYS_lchown, EPERM),
      NEVER(SYS_fchownat, EPERM),
      NEVER(SYS_setxattr, EOPNOTSUPP),
      NEVER(SYS_lsetxattr, EOPNOTSUPP),
      NEVER(SYS_fsetxattr, EOPNOTSUPP),
      NEVER(SETXATTRAT, EOPNOTSUPP),
      ALLOW,
  };
  struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1ul, 0ul, 0ul, 0ul) != 0) return errno;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0 ? errno : 0;
#else
  return ENOSYS;
#endif
}
