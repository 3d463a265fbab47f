/*
 * The supervisor: see supervisor.h. Single-threaded, static, allocates only what grows with the
 * number of live children. All signals stay blocked; SIGCHLD is read from a descriptor.
 */
#include "loop/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/tree.h"
#include "loop/supervisor_request.h"
#include "loop/supervisor_start.h"

typedef struct child {
  uint32_t id;
  pid_t pid;
} child;

typedef struct held {
  uint32_t id;
  int fd;
} held;

typedef struct supervisor {
  pid_t self;
  int null, signals, host;
  child *children;
  size_t child_count, child_room;
  kv_sup_reply *replies; /* a queue: what the socket did not take at once */
  size_t reply_first, reply_count, reply_room;
  char **directories;
  size_t directory_count, directory_room;
  held *holds; /* descriptors that tell others whether all is over */
  size_t hold_count, hold_room;
  bool ending;
} supervisor;

/* Grows an array to hold one more. Memory that runs out here leaves nothing to do but to end,
 * which the host sees and the children do not outlive. */
static void *room_for_one(void *array, size_t count, size_t *room, size_t size) {
  if (count < *room) return array;
  *room = *room ? *room * 2 : 16;
  void *grown = realloc(array, *room * size);
  if (!grown) abort();
  return grown;
}

/* ---- replies ---- */

static void flush_replies(supervisor *s) {
  while (s->reply_count) {
    kv_sup_reply *first = &s->replies[s->reply_first];
    if (send(KV_SUP_FD, first, sizeof *first, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return;
    s->reply_first++;
    s->reply_count--;
  }
  s->reply_first = 0;
}

static void reply(supervisor *s, kv_sup_reply message) {
  size_t end = s->reply_first + s->reply_count;
  s->replies = room_for_one(s->replies, end, &s->reply_room, sizeof *s->replies);
  s->replies[end] = message;
  s->reply_count++;
  flush_replies(s);
}

/* ---- starting ---- */

static void start(supervisor *s, const kv_sup_request *head, const kv_sup_command *c) {
  uint32_t step;
  int error;
  pid_t pid = kv_supervisor_start(s->self, c, &step, &error);
  if (pid < 0) {
    reply(s, (kv_sup_reply){.type = KV_SUP_FAILED, .id = head->id, .code = error, .value = step});
    return;
  }
  s->children = room_for_one(s->children, s->child_count, &s->child_room, sizeof *s->children);
  s->children[s->child_count++] = (child){head->id, pid};
  if (head->flags & KV_SUP_TELL_START)
    reply(s, (kv_sup_reply){.type = KV_SUP_STARTED, .id = head->id, .code = pid});
}

static void spawn(supervisor *s, const kv_sup_received *r) {
  kv_sup_command c = {.stdio = {s->null, s->null, s->null},
                      .program = -1,
                      .plain_files = (r->head.flags & KV_SUP_PLAIN_FILES) != 0};
  size_t next = 0;
  for (int i = 0; i < 3; i++)
    if ((r->head.descriptors >> i & 1) && next < r->fd_count) c.stdio[i] = r->fds[next++];
  bool by_file = r->head.descriptors >> KV_SUP_PROGRAM & 1;
  if (by_file && next < r->fd_count) c.program = r->fds[next++];
  /* This process has a handful of its own open, so those that came have numbers above these. */
  c.files = r->fds + next;
  c.file_count = r->head.files;
  bool complete = by_file == (c.program >= 0) && c.file_count <= KV_SUP_FILES_MAX &&
                  next + c.file_count <= r->fd_count;
  char **pointers = NULL;
  if ((size_t)r->head.argc + r->head.envc <= r->head.body_size)
    pointers = malloc(((size_t)r->head.argc + r->head.envc + 2) * sizeof *pointers);
  if (pointers && complete && kv_sup_parse(r, &c, pointers))
    start(s, &r->head, &c);
  else
    reply(s, (kv_sup_reply){.type = KV_SUP_FAILED, .id = r->head.id, .code = EINVAL});
  free(pointers);
}

/* ---- ending ---- */

static child *find_child(supervisor *s, uint32_t id) {
  for (size_t i = 0; i < s->child_count; i++)
    if (s->children[i].id == id) return &s->children[i];
  return NULL;
}

static void report_exit(supervisor *s, child *c, int status, const struct rusage *use) {
  uint64_t seconds = (uint64_t)(use->ru_utime.tv_sec + use->ru_stime.tv_sec);
  reply(s, (kv_sup_reply){
               .type = KV_SUP_EXITED,
               .id = c->id,
               .code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
               .value = WIFSIGNALED(status) ? (uint32_t)WTERMSIG(status) : 0,
               .cpu_us =
                   seconds * 1000000u + (uint64_t)(use->ru_utime.tv_usec + use->ru_stime.tv_usec),
               .max_rss_kb = (uint64_t)use->ru_maxrss,
           });
  *c = s->children[--s->child_count];
}

/* Reaps all that has ended. What is left of a child's process group is killed before the child is
 * reaped: until then its number cannot become another group's. */
static void reap(supervisor *s) {
  struct signalfd_siginfo seen[8];
  (void)!read(s->signals, seen, sizeof seen);
  for (;;) {
    siginfo_t dead = {0};
    if (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) < 0 || dead.si_pid == 0) return;
    child *c = NULL;
    for (size_t i = 0; i < s->child_count && !c; i++)
      if (s->children[i].pid == dead.si_pid) c = &s->children[i];
    if (c) kill(-c->pid, SIGKILL);
    int status;
    struct rusage use;
    if (wait4(dead.si_pid, &status, 0, &use) > 0 && c) report_exit(s, c, status, &use);
  }
}

/* Kills each child of this process, its own and adopted ones. Their children become ours by that.
 * Returns how many it found. */
static int kill_children(const supervisor *s) {
  char name[64];
  snprintf(name, sizeof name, "/proc/self/task/%d/children", (int)s->self);
  FILE *list = fopen(name, "re");
  int found = 0, pid;
  if (list) {
    while (fscanf(list, "%d", &pid) == 1) found++, kill(pid, SIGKILL);
    fclose(list);
  }
  for (size_t i = 0; i < s->child_count; i++) kill(-s->children[i].pid, SIGKILL);
  return found;
}

static bool next_request(supervisor *s);

/* What the host said last may not be read yet: the name of a directory, for one. */
static void hear_last_words(supervisor *s) {
  struct pollfd socket = {.fd = KV_SUP_FD, .events = POLLIN};
  s->ending = true;
  while (poll(&socket, 1, 0) > 0 && (socket.revents & POLLIN) && next_request(s)) continue;
}

enum { PATIENT_ROUNDS = 200, ROUND_MS = 10, LATE_ROUND_MS = 1000 };

/* Ends when no child is left, or after two seconds in which one could not be killed (it belongs to
 * another user by now, or is stuck in the kernel); but not while it holds something. */
static void end(supervisor *s) {
  hear_last_words(s);
  struct pollfd signals = {.fd = s->signals, .events = POLLIN};
  for (int rounds = 0; rounds < PATIENT_ROUNDS || s->hold_count; rounds++) {
    kill_children(s);
    pid_t reaped;
    while ((reaped = waitpid(-1, NULL, WNOHANG)) > 0) rounds = 0;
    if (reaped < 0) break; /* ECHILD */
    if (rounds > PATIENT_ROUNDS) rounds = PATIENT_ROUNDS;
    poll(&signals, 1, rounds < PATIENT_ROUNDS ? ROUND_MS : LATE_ROUND_MS);
    struct signalfd_siginfo seen;
    while (read(s->signals, &seen, sizeof seen) > 0) continue;
  }
  for (size_t i = 0; i < s->directory_count; i++) kv_tree_remove(s->directories[i]);
  exit(0);
}

/* ---- requests ---- */

static void own_directory(supervisor *s, const char *path) {
  char *copy = strdup(path);
  if (!copy || path[0] != '/') {
    free(copy);
    return;
  }
  s->directories =
      room_for_one(s->directories, s->directory_count, &s->directory_room, sizeof *s->directories);
  s->directories[s->directory_count++] = copy;
}

static void disown_directory(supervisor *s, const char *path) {
  for (size_t i = 0; i < s->directory_count; i++) {
    if (strcmp(s->directories[i], path) != 0) continue;
    free(s->directories[i]);
    s->directories[i] = s->directories[--s->directory_count];
    return;
  }
}

/* Takes the descriptor out of the request, so that it is not closed with it. */
static void hold(supervisor *s, kv_sup_received *r) {
  if (r->fd_count != 1) return;
  r->fd_count = 0;
  s->holds = room_for_one(s->holds, s->hold_count, &s->hold_room, sizeof *s->holds);
  s->holds[s->hold_count++] = (held){r->head.id, r->fds[0]};
}

static void release(supervisor *s, uint32_t id) {
  for (size_t i = 0; i < s->hold_count; i++) {
    if (s->holds[i].id != id) continue;
    close(s->holds[i].fd);
    s->holds[i] = s->holds[--s->hold_count];
    return;
  }
}

static void serve(supervisor *s, kv_sup_received *r) {
  switch (r->head.type) {
  case KV_SUP_SPAWN:
    if (!s->ending) spawn(s, r);
    break;
  case KV_SUP_SIGNAL: {
    child *c = find_child(s, r->head.id);
    if (c) kill(-c->pid, (int)r->head.value);
    break;
  }
  case KV_SUP_OWN_DIR:
    own_directory(s, r->body);
    break;
  case KV_SUP_DISOWN_DIR:
    disown_directory(s, r->body);
    break;
  case KV_SUP_HOLD:
    hold(s, r);
    break;
  case KV_SUP_RELEASE:
    release(s, r->head.id);
    break;
  default:
    break;
  }
}

/* Takes and serves one request. False once there is no more: the host has closed its end. */
static bool next_request(supervisor *s) {
  kv_sup_received r;
  switch (kv_sup_receive(KV_SUP_FD, &r)) {
  case KV_SUP_END:
    return false;
  case KV_SUP_NOTHING:
    return true;
  case KV_SUP_REQUEST:
    break;
  }
  if (r.body && !r.truncated)
    serve(s, &r);
  else
    reply(s, (kv_sup_reply){
                 .type = KV_SUP_FAILED, .id = r.head.id, .code = r.truncated ? EMFILE : E2BIG});
  kv_sup_free(&r);
  return true;
}

/* Signals ignored or blocked by the host would be inherited by every child. */
static int reset_signals(void) {
  /* Not with signal(): posix_spawn leaves two signals ignored that the C library hides. */
  static const unsigned long fallback[8] = {0}; /* the kernel's struct sigaction with SIG_DFL */
  for (int n = 1; n < NSIG; n++) syscall(SYS_rt_sigaction, n, fallback, NULL, (size_t)8);
  sigset_t all, ended;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  sigemptyset(&ended);
  sigaddset(&ended, SIGCHLD);
  return signalfd(-1, &ended, SFD_NONBLOCK | SFD_CLOEXEC);
}

int main(void) {
  supervisor s = {.self = getpid()};
  struct stat info;
  if (fstat(KV_SUP_FD, &info) < 0 || !S_ISSOCK(info.st_mode)) {
    fputs("kavach supervisor: kavach starts this program by itself\n", stderr);
    return 64;
  }
  if (fcntl(STDERR_FILENO, F_GETFD) < 0) (void)!open("/dev/null", O_RDWR); /* takes its number */
  pid_t host = getppid();
  fcntl(KV_SUP_FD, F_SETFD, FD_CLOEXEC);
  s.signals = reset_signals();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  prctl(PR_SET_NAME, "kavach-super");
  s.host = (int)syscall(SYS_pidfd_open, host, 0);
  s.null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (s.null < 0 || s.signals < 0) return 1;
  for (;;) {
    struct pollfd watched[] = {
        {.fd = KV_SUP_FD, .events = (short)(POLLIN | (s.reply_count ? POLLOUT : 0))},
        {.fd = s.signals, .events = POLLIN},
        {.fd = s.host, .events = POLLIN}, /* a negative descriptor is passed over */
    };
    if (poll(watched, 3, -1) < 0) continue;
    if (watched[2].revents || (s.host < 0 && getppid() != host)) end(&s);
    if (watched[1].revents) reap(&s);
    if (watched[0].revents & POLLOUT) flush_replies(&s);
    if (watched[0].revents & (POLLIN | POLLHUP | POLLERR) && !next_request(&s)) end(&s);
  }
}
