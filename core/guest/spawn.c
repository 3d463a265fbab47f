#define _GNU_SOURCE
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The child's stack is a part of ours that the sanitizer knows nothing of. */
#if defined(__clang__) || defined(__GNUC__)
#define BORROWED __attribute__((no_sanitize_address, noinline))
#else
#define BORROWED
#endif

/* linux/sched.h: struct clone_args, and the flag that goes with its last field. */
struct clone_arguments {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
      set_tid_size, cgroup;
};
#define INTO_CGROUP 0x200000000ull
#define CLONE3 435      /* the same number on every architecture */
#define CLOSE_RANGE 436 /* close_range(2) */
#define CLOSE_RANGE_ON_EXEC 4u

#define STACK_SIZE 32768u

BORROWED static void fail(struct kv_spawn *spawn, enum kv_spawn_stage stage) {
  spawn->error = errno;
  spawn->stage = stage;
  _exit(127);
}

/* Raw calls: the library's own would make every thread of the process follow, which we are not. */
BORROWED static bool become(const struct kv_user *user) {
  return syscall(SYS_setgroups, user->group_count, user->groups) == 0 &&
         syscall(SYS_setresgid, user->gid, user->gid, user->gid) == 0 &&
         syscall(SYS_setresuid, user->uid, user->uid, user->uid) == 0;
}

/* Tries the program in each folder of the search path, as execvp does: one that may not be run
 * does not end the search, but is remembered over one that is not there. */
BORROWED static void run_searched(struct kv_spawn *spawn) {
  char path[PATH_MAX];
  size_t name = strlen(spawn->program);
  int worst = ENOENT;
  const char *at = spawn->search;
  while (name > 0) {
    const char *end = strchrnul(at, ':');
    size_t folder = (size_t)(end - at);
    if (folder + 1 + name < sizeof path) {
      memcpy(path, at, folder);
      path[folder] = '/';
      memcpy(path + folder + (folder > 0), spawn->program, name + 1);
      execve(path, spawn->argv, spawn->envp);
      if (errno == EACCES)
        worst = EACCES;
      else if (errno != ENOENT && errno != ENOTDIR)
        return;
    }
    if (*end == '\0') break;
    at = end + 1;
  }
  errno = worst;
}

BORROWED static int child(void *argument) {
  struct kv_spawn *spawn = argument;
  setsid();
  if (spawn->terminal && ioctl(spawn->fds[0], TIOCSCTTY, 0) != 0) fail(spawn, KV_SPAWN_SETUP);
  for (int i = 0; i < 3; i++)
    if (dup2(spawn->fds[i], i) != i) fail(spawn, KV_SPAWN_SETUP);
  syscall(CLOSE_RANGE, 3u, ~0u, CLOSE_RANGE_ON_EXEC);
  if ((spawn->user->uid != 0 || spawn->user->gid != 0) && !become(spawn->user))
    fail(spawn, KV_SPAWN_SETUP);
  if (chdir(spawn->directory) != 0) fail(spawn, KV_SPAWN_DIRECTORY);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (spawn->tool >= 0)
    syscall(SYS_execveat, spawn->tool, "", spawn->argv, spawn->envp, AT_EMPTY_PATH);
  else if (strchr(spawn->program, '/') != NULL)
    execve(spawn->program, spawn->argv, spawn->envp);
  else
    run_searched(spawn);
  fail(spawn, KV_SPAWN_PROGRAM);
  return 127;
}

#if defined(__x86_64__)
/* clone3() with a stack of its own has no wrapper in the C libraries: the child wakes up behind
 * the system call with an empty stack and all registers as they were, so it must not return from
 * here. With CLONE_VFORK we go on only when it has exec'ed or exited. */
BORROWED static long clone_into(const struct clone_arguments *arguments, struct kv_spawn *spawn) {
  long pid = CLONE3;
  __asm__ volatile("syscall\n\t"
                   "test %%rax, %%rax\n\t"
                   "jnz 1f\n\t"
                   "xor %%ebp, %%ebp\n\t"
                   "mov %[spawn], %%rdi\n\t"
                   "call *%[child]\n\t"
                   "hlt\n"
                   "1:"
                   : "+a"(pid)
                   : "D"(arguments), "S"(sizeof *arguments), [child] "r"(child), [spawn] "r"(spawn)
                   : "rcx", "r11", "memory");
  return pid;
}
#else
static long clone_into(const struct clone_arguments *arguments, struct kv_spawn *spawn) {
  (void)arguments;
  (void)spawn;
  return -ENOSYS;
}
#endif

/* The kernel is older than CLONE_INTO_CGROUP, or forbids clone3: move the child in from outside
 * before it can fork, by joining the group ourselves around the clone. */
static long clone_plain(uint8_t *stack, struct kv_spawn *spawn) {
  int procs = spawn->cgroup < 0 ? -1 : openat(spawn->cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  int back = procs < 0 ? -1 : openat(spawn->cgroup, "../../cgroup.procs", O_WRONLY | O_CLOEXEC);
  bool joined = back >= 0 && write(procs, "0", 1) == 1;
  long pid = clone(child, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, spawn);
  if (pid < 0) pid = -errno;
  if (joined && write(back, "0", 1) != 1)
    dprintf(2, "kavach agent: cannot leave a command's control group\n");
  if (procs >= 0) close(procs);
  if (back >= 0) close(back);
  return pid;
}

pid_t kv_spawn(struct kv_spawn *spawn) {
  _Alignas(16) uint8_t stack[STACK_SIZE];
  struct clone_arguments arguments = {
      .flags = CLONE_VM | CLONE_VFORK | (spawn->cgroup >= 0 ? INTO_CGROUP : 0),
      .exit_signal = SIGCHLD,
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = sizeof stack,
      .cgroup = spawn->cgroup >= 0 ? (uint64_t)spawn->cgroup : 0,
  };
  spawn->error = 0;
  long pid = clone_into(&arguments, spawn);
  if (pid == -ENOSYS || pid == -EINVAL || pid == -EPERM) pid = clone_plain(stack, spawn);
  if (pid < 0) {
    spawn->error = (int)-pid;
    spawn->stage = KV_SPAWN_FORK;
    return -1;
  }
  if (spawn->error == 0) return (pid_t)pid;
  while (waitpid((pid_t)pid, NULL, 0) < 0 && errno == EINTR) continue;
  return -1;
}
