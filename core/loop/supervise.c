#include "loop/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct kv_supervisor {
  uv_poll_t poll;
  kv_loop *loop;
  int socket;
  pid_t pid;
  uint32_t last_id;
  kv_child **children; /* those that have not ended; a hole is filled with the last */
  size_t count, room;
} kv_supervisor;

/* What is held for as long as the host lives, by whatever supervisor it has: a list. */
typedef struct kv_held {
  struct kv_held *next;
  uint32_t number;
  int descriptor; /* our own */
} kv_held;

/* ---- the program ---- */

/* Its end of the socket becomes KV_SUP_FD, standard input and output are /dev/null, standard error
 * is ours; nothing else is inherited. A session of its own keeps a terminal's signals from it. */
static int run_program(const char *path, int end, pid_t *pid) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  char *const argv[] = {(char *)"kavach-supervisor", NULL};
  char *const envp[] = {NULL};
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  int status = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0);
  if (!status) status = posix_spawn_file_actions_adddup2(&files, 0, 1);
  if (!status) status = posix_spawn_file_actions_adddup2(&files, end, KV_SUP_FD);
  if (!status) status = posix_spawn_file_actions_addclosefrom_np(&files, KV_SUP_FD + 1);
  if (!status) status = posix_spawn(pid, path, &files, &attributes, argv, envp);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return status;
}

/* Takes c from those that wait to end. */
static void remove_child(kv_child *c) {
  kv_supervisor *s = c->loop->supervisor;
  for (size_t i = 0; i < s->count; i++) {
    if (s->children[i] != c) continue;
    s->children[i] = s->children[--s->count];
    break;
  }
  if (s->count == 0) uv_unref((uv_handle_t *)&s->poll);
  c->id = 0;
}

static void ended(kv_child *c) {
  remove_child(c);
  kv_complete(c->loop, &c->done);
}

static void free_supervisor(uv_handle_t *handle) { free(handle->data); }

/* The supervisor is gone, or about to go: fails what was asked of it, and reaps it. */
static void drop(kv_supervisor *s) {
  while (s->count) {
    kv_child *c = s->children[0];
    c->state = KV_CHILD_FAILED;
    c->code = 0;
    ended(c);
  }
  uv_close((uv_handle_t *)&s->poll, free_supervisor);
  close(s->socket);
  while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR) continue;
  free(s->children);
  s->loop->supervisor = NULL;
}

static void take_reply(kv_supervisor *s, const kv_sup_reply *r) {
  kv_child *c = NULL;
  for (size_t i = 0; i < s->count && !c; i++)
    if (s->children[i]->id == r->id) c = s->children[i];
  if (!c) return; /* forgotten */
  c->code = r->code;
  switch (r->type) {
  case KV_SUP_STARTED:
    c->state = KV_CHILD_RUNNING;
    c->pid = r->code;
    kv_complete(c->loop, &c->started);
    break;
  case KV_SUP_EXITED:
    c->state = KV_CHILD_ENDED;
    c->signal = (int)r->value;
    c->cpu_us = r->cpu_us;
    c->max_rss_kb = r->max_rss_kb;
    ended(c);
    break;
  default:
    c->state = KV_CHILD_FAILED;
    c->signal = (int)r->value;
    ended(c);
  }
}

enum { REPLIES_AT_ONCE = 16 };

static void on_reply(uv_poll_t *poll, int status, int events) {
  (void)events;
  kv_supervisor *s = poll->data;
  kv_sup_reply replies[REPLIES_AT_ONCE];
  struct iovec parts[REPLIES_AT_ONCE];
  struct mmsghdr messages[REPLIES_AT_ONCE] = {0};
  for (int i = 0; i < REPLIES_AT_ONCE; i++) {
    parts[i] = (struct iovec){&replies[i], sizeof replies[i]};
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
  }
  int count = status < 0 ? 0 : recvmmsg(s->socket, messages, REPLIES_AT_ONCE, MSG_DONTWAIT, NULL);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  bool whole = count > 0;
  for (int i = 0; i < count && whole; i++) {
    whole = messages[i].msg_len == sizeof replies[i];
    if (whole) take_reply(s, &replies[i]);
  }
  if (whole) return;
  kill(s->pid, SIGKILL);
  drop(s);
}

/* Ends the supervisor, and with it all that it started; waits until they are gone. */
static void end_processes(kv_loop *loop) {
  if (loop->supervisor) {
    shutdown(loop->supervisor->socket, SHUT_WR);
    drop(loop->supervisor);
  }
  while (loop->held) kv_supervisor_release(loop, loop->held->number);
}

static int send_hold(kv_supervisor *s, const kv_held *held);

static kv_supervisor *supervisor_of(kv_loop *loop, kv_error *e) {
  if (loop->supervisor) return loop->supervisor;
  char path[4096];
  snprintf(path, sizeof path, "%s/supervisor", loop->helpers);
  int ends[2] = {-1, -1};
  kv_supervisor *s = calloc(1, sizeof *s);
  if (!s || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
    kv_fail_errno(e, errno, "cannot start the supervisor");
    free(s);
    return NULL;
  }
  int above = fcntl(ends[1], F_DUPFD_CLOEXEC, KV_SUP_FD); /* 0 to 2 may have been free */
  int status = above < 0 ? errno : run_program(path, above, &s->pid);
  if (above >= 0) close(above);
  close(ends[1]);
  if (status) {
    kv_fail_errno(e, status, "cannot start the supervisor '%s'", path);
    close(ends[0]);
    free(s);
    return NULL;
  }
  s->loop = loop;
  s->socket = ends[0];
  uv_poll_init(loop->uv, &s->poll, s->socket);
  fcntl(s->socket, F_SETFL, 0); /* requests are sent blocking: the supervisor always reads on */
  s->poll.data = s;
  uv_poll_start(&s->poll, UV_READABLE, on_reply);
  uv_unref((uv_handle_t *)&s->poll);
  loop->supervisor = s;
  loop->end_processes = end_processes;
  /* Before it starts anything. One that cannot take them is dead again, as the caller will find. */
  for (const kv_held *held = loop->held; held; held = held->next) (void)send_hold(s, held);
  return s;
}

/* ---- requests ---- */

static int memory_file(const char *body, size_t size) {
  int file = memfd_create("kavach-command", MFD_CLOEXEC);
  for (size_t done = 0; file >= 0 && done < size;) {
    ssize_t n = write(file, body + done, size - done);
    if (n > 0) {
      done += (size_t)n;
    } else if (n == 0 || errno != EINTR) {
      close(file);
      return -1;
    }
  }
  return file;
}

static int send_packet(int socket, const kv_sup_request *head, const char *body, const int *fds,
                       size_t fd_count) {
  union {
    char bytes[CMSG_SPACE(KV_SUP_FDS_MAX * sizeof(int))];
    struct cmsghdr align;
  } control = {{0}};
  struct iovec parts[] = {{(void *)(uintptr_t)head, sizeof *head}, {(void *)(uintptr_t)body, 0}};
  if (!(head->flags & KV_SUP_BODY_IN_FILE)) parts[1].iov_len = head->body_size;
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  if (fd_count) {
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
    memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
  }
  ssize_t n;
  do n = sendmsg(socket, &message, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n < 0 ? -1 : 0;
}

/* Sends a request with its body; `fds` has room for one more. */
static int send_request(kv_supervisor *s, kv_sup_request *head, const char *body, int *fds,
                        size_t fd_count) {
  if (head->body_size <= KV_SUP_INLINE_MAX)
    return send_packet(s->socket, head, body, fds, fd_count);
  int file = memory_file(body, head->body_size);
  if (file < 0) return -1;
  head->flags |= KV_SUP_BODY_IN_FILE;
  fds[fd_count] = file;
  int status = send_packet(s->socket, head, body, fds, fd_count + 1);
  close(file);
  return status;
}

static char *append(char *to, const char *string) {
  size_t size = strlen(string) + 1;
  memcpy(to, string, size);
  return to + size;
}

/* The body of a SPAWN: *size bytes, to be freed. */
static char *command_body(const kv_command *c, size_t *size) {
  *size = strlen(c->cwd) + 1 + strlen(c->path) + 1;
  for (size_t i = 0; i < c->argc; i++) *size += strlen(c->argv[i]) + 1;
  for (size_t i = 0; i < c->envc; i++) *size += strlen(c->envp[i]) + 1;
  char *body = *size <= KV_SUP_BODY_MAX ? malloc(*size) : NULL;
  if (!body) return NULL;
  char *end = append(append(body, c->cwd), c->path);
  for (size_t i = 0; i < c->argc; i++) end = append(end, c->argv[i]);
  for (size_t i = 0; i < c->envc; i++) end = append(end, c->envp[i]);
  return body;
}

static int register_child(kv_supervisor *s, kv_child *c, kv_error *e) {
  if (s->count == s->room) {
    size_t room = s->room ? s->room * 2 : 8;
    kv_child **grown = realloc(s->children, room * sizeof(kv_child *));
    if (!grown) return kv_fail(e, "io", "out of memory");
    s->children = grown;
    s->room = room;
  }
  if (++s->last_id == 0) s->last_id = 1;
  c->id = s->last_id;
  c->loop = s->loop;
  c->state = KV_CHILD_STARTING;
  s->children[s->count++] = c;
  uv_ref((uv_handle_t *)&s->poll);
  return 0;
}

int kv_child_start(kv_loop *loop, kv_child *c, const kv_command *command, kv_error *e) {
  kv_supervisor *s = supervisor_of(loop, e);
  if (!s) return -1;
  size_t size;
  char *body = command_body(command, &size);
  if (!body)
    return kv_fail(e, "exec_failed", "%.100s: the arguments and environment are over %d bytes",
                   command->argv[0], KV_SUP_BODY_MAX);
  kv_sup_request head = {.type = KV_SUP_SPAWN,
                         .files = (uint32_t)command->file_count,
                         .argc = (uint32_t)command->argc,
                         .envc = (uint32_t)command->envc,
                         .flags = (command->tell_start ? KV_SUP_TELL_START : 0) |
                                  (command->plain_files ? KV_SUP_PLAIN_FILES : 0),
                         .body_size = (uint32_t)size};
  int fds[KV_SUP_FDS_MAX];
  size_t fd_count = 0;
  for (int i = 0; i < 3; i++) {
    if (command->stdio[i] < 0) continue;
    head.descriptors |= 1u << i;
    fds[fd_count++] = command->stdio[i];
  }
  if (command->by_file) {
    head.descriptors |= 1u << KV_SUP_PROGRAM;
    fds[fd_count++] = command->program;
  }
  for (size_t i = 0; i < command->file_count; i++) fds[fd_count++] = command->files[i];
  int status = register_child(s, c, e);
  if (status == 0) {
    head.id = c->id;
    status = send_request(s, &head, body, fds, fd_count);
    if (status < 0) {
      kv_fail_errno(e, errno, "cannot ask the supervisor for '%.100s'", command->argv[0]);
      remove_child(c);
    }
  }
  free(body);
  return status;
}

void kv_child_signal(kv_child *c, int number) {
  if (!c->id) return;
  kv_sup_request head = {.type = KV_SUP_SIGNAL, .id = c->id, .value = (uint32_t)number};
  send_packet(c->loop->supervisor->socket, &head, "", NULL, 0);
}

void kv_child_forget(kv_child *c) {
  kv_uncomplete(&c->started);
  kv_uncomplete(&c->done);
  if (!c->id) return;
  kv_child_signal(c, SIGKILL);
  remove_child(c);
}

int kv_supervisor_own_directory(kv_loop *loop, const char *path, kv_error *e) {
  kv_supervisor *s = supervisor_of(loop, e);
  if (!s) return -1;
  kv_sup_request head = {.type = KV_SUP_OWN_DIR, .body_size = (uint32_t)strlen(path) + 1};
  if (send_packet(s->socket, &head, path, NULL, 0) < 0)
    return kv_fail_errno(e, errno, "cannot hand '%s' to the supervisor", path);
  return 0;
}

void kv_supervisor_disown_directory(kv_loop *loop, const char *path) {
  if (!loop->supervisor) return;
  kv_sup_request head = {.type = KV_SUP_DISOWN_DIR, .body_size = (uint32_t)strlen(path) + 1};
  send_packet(loop->supervisor->socket, &head, path, NULL, 0);
}

/* ---- holding ---- */

static int send_hold(kv_supervisor *s, const kv_held *held) {
  kv_sup_request head = {.type = KV_SUP_HOLD, .id = held->number};
  return send_packet(s->socket, &head, "", &held->descriptor, 1);
}

uint32_t kv_supervisor_hold(kv_loop *loop, int descriptor, kv_error *e) {
  kv_supervisor *s = supervisor_of(loop, e);
  if (!s) return 0;
  kv_held *held = malloc(sizeof *held);
  int own = held ? fcntl(descriptor, F_DUPFD_CLOEXEC, KV_SUP_FD) : -1;
  if (own < 0) {
    kv_fail_errno(e, held ? errno : ENOMEM, "cannot hold a descriptor");
    free(held);
    return 0;
  }
  *held = (kv_held){loop->held, loop->held ? loop->held->number + 1 : 1, own};
  loop->held = held;
  if (send_hold(s, held) == 0) return held->number;
  kv_fail_errno(e, errno, "cannot hand a descriptor to the supervisor");
  kv_supervisor_release(loop, held->number);
  return 0;
}

void kv_supervisor_release(kv_loop *loop, uint32_t number) {
  for (kv_held **at = &loop->held; *at; at = &(*at)->next) {
    kv_held *held = *at;
    if (held->number != number) continue;
    *at = held->next;
    close(held->descriptor);
    free(held);
    kv_sup_request head = {.type = KV_SUP_RELEASE, .id = number};
    if (loop->supervisor) (void)send_packet(loop->supervisor->socket, &head, "", NULL, 0);
    return;
  }
}
