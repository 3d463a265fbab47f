#include "loop/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* What the new process tells through a pipe before it becomes the program: its number, or why it
 * did not. */
typedef struct news {
  pid_t pid;
  int error;
} news;

typedef struct plan {
  char *const *argv;
  int stdio[4]; /* what becomes descriptor 0 to KV_DETACH_FD; each above that */
  int teller;
} plan;

static void tell(int to, pid_t pid, int error) {
  news n = {pid, error};
  (void)!write(to, &n, sizeof n);
}

/* What was ignored stays so in a program that is started: a shell ignores SIGINT for what it runs
 * in the background, nohup SIGHUP. This one is nobody's background. */
static void reset_signals(void) {
  static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGCHLD};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) signal(numbers[i], SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the new process, between fork and exec: async-signal-safe functions only. Returns an errno. */
static int become(const plan *p) {
  reset_signals();
  for (int i = 0; i <= KV_DETACH_FD; i++)
    if (dup2(p->stdio[i], i) < 0) return errno;
  if (close_range(KV_DETACH_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC) < 0) return errno;
  tell(p->teller, getpid(), 0);
  execve(p->argv[0], p->argv, environ);
  return errno;
}

/* In the child, which leads the new session and ends at once. */
static void lead(const plan *p) {
  setsid();
  pid_t pid = fork();
  if (pid == 0) tell(p->teller, 0, become(p));
  if (pid < 0) tell(p->teller, 0, errno);
  _exit(0);
}

/* Reads what is told, up to its end. Returns an errno. */
static int hear(int from, pid_t *pid) {
  news n;
  ssize_t got;
  int error = EIO; /* nothing was said: it was killed */
  while ((got = read(from, &n, sizeof n)) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got != (ssize_t)sizeof n) return EIO;
    error = n.error;
    if (!error) *pid = n.pid;
  }
  return error;
}

/* Forks. Returns an errno. */
static int start(const plan *p, int listener, pid_t *pid) {
  pid_t child = fork();
  if (child == 0) lead(p);
  int error = child < 0 ? errno : 0;
  close(p->teller);
  if (error) return error;
  while (waitpid(child, NULL, 0) < 0 && errno == EINTR) continue;
  return hear(listener, pid);
}

/* The descriptor's number becomes one above those that the program gets. */
static int raise_above(int fd) {
  int above = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, KV_DETACH_FD + 1);
  if (fd >= 0) close(fd);
  return above;
}

static bool open_all(plan *p, const char *output, int *ours, int *listener) {
  int ends[2], pipes[2];
  p->stdio[0] = raise_above(open("/dev/null", O_RDWR | O_CLOEXEC));
  p->stdio[1] = p->stdio[2] =
      raise_above(open(output, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600));
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0) {
    *ours = ends[0];
    p->stdio[KV_DETACH_FD] = raise_above(ends[1]);
  }
  if (pipe2(pipes, O_CLOEXEC) == 0) {
    *listener = pipes[0];
    p->teller = raise_above(pipes[1]);
  }
  return p->stdio[0] >= 0 && p->stdio[1] >= 0 && p->stdio[KV_DETACH_FD] >= 0 && p->teller >= 0;
}

static void close_one(int fd) {
  if (fd >= 0) close(fd);
}

int kv_detach(char *const argv[], const char *output, pid_t *pid, kv_error *e) {
  plan p = {argv, {-1, -1, -1, -1}, -1};
  int ours = -1, listener = -1, error;
  if (open_all(&p, output, &ours, &listener)) {
    error = start(&p, listener, pid);
  } else {
    error = errno;
    close_one(p.teller);
  }
  bool made = p.stdio[1] >= 0;
  close_one(listener);
  close_one(p.stdio[0]);
  close_one(p.stdio[1]);
  close_one(p.stdio[KV_DETACH_FD]);
  if (!error) return ours;
  close_one(ours);
  if (made) unlink(output);
  return kv_fail_errno(e, error, "cannot start '%.200s' on its own, with its output in '%.200s'",
                       argv[0], output);
}
