#include "loop/supervisor_start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/supervisor.h"
#include "loop/supervisor_plain_files.h"

/* In the vfork child. Tries each directory of PATH as execvp would, but runs no shell for a file
 * that is not a program. Returns the errno that tells most. */
static int exec_on_path(const kv_sup_command *c) {
  if (strchr(c->argv[0], '/')) {
    execve(c->argv[0], c->argv, c->envp);
    return errno;
  }
  int told = ENOENT;
  for (const char *dir = c->path; dir;) {
    size_t length = strcspn(dir, ":");
    char file[4096];
    int n =
        snprintf(file, sizeof file, "%.*s%s%s", (int)length, dir, length ? "/" : "./", c->argv[0]);
    /* a failed execve costs ten times what access does */
    if (n > 0 && (size_t)n < sizeof file && access(file, F_OK) == 0) {
      execve(file, c->argv, c->envp);
      if (errno == EACCES)
        told = EACCES;
      else if (errno != ENOENT && errno != ENOTDIR)
        return errno;
    }
    dir = dir[length] ? dir + length + 1 : NULL;
  }
  return told;
}

/* In the vfork child: runs an open file. The interpreter of a script has to open it by /dev/fd/N,
 * so that one alone is inherited; the kernel refuses it with ENOENT otherwise (execveat(2)). */
static int exec_file(const kv_sup_command *c) {
  syscall(SYS_execveat, c->program, "", c->argv, c->envp, AT_EMPTY_PATH);
  if (errno != ENOENT) return errno;
  if (fcntl(c->program, F_SETFD, 0) < 0) return errno;
  syscall(SYS_execveat, c->program, "", c->argv, c->envp, AT_EMPTY_PATH);
  return errno;
}

/* In the vfork child: shares the supervisor's memory, so it only fills *step and returns errno. */
static int become(pid_t supervisor, const kv_sup_command *c, volatile uint32_t *step) {
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != supervisor) _exit(127); /* the supervisor died before the line above */
  for (int i = 0; i < 3; i++)
    if (dup2(c->stdio[i], i) < 0) return errno;
  for (size_t i = 0; i < c->file_count; i++)
    if (dup2(c->files[i], 3 + (int)i) < 0) return errno;
  *step = KV_SUP_STEP_CHDIR;
  if (c->cwd[0] && chdir(c->cwd) < 0) return errno;
  *step = KV_SUP_STEP_EXEC;
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  int failed = c->plain_files ? kv_plain_files() : 0;
  if (failed != 0) return failed;
  return c->program >= 0 ? exec_file(c) : exec_on_path(c);
}

pid_t kv_supervisor_start(pid_t supervisor, const kv_sup_command *c, uint32_t *step, int *error) {
  volatile int failed = 0;
  volatile uint32_t reached = KV_SUP_STEP_START;
  pid_t pid = vfork();
  if (pid == 0) {
    failed = become(supervisor, c, &reached);
    _exit(127);
  }
  if (pid < 0) failed = errno;
  if (failed && pid > 0) waitpid(pid, NULL, 0);
  *step = reached;
  *error = failed;
  return failed ? -1 : pid;
}
