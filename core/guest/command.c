/* A channel that runs a command: its descriptors, its start, and its end. */
#define _GNU_SOURCE
#include "agent.h"
#include "environment.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the child gets (0, 1, 2) and what stays here; -1: not open. */
struct ends {
  int child[3];
  int input, output, error, terminal;
};

static void close_ends(const struct kv_agent *agent, struct ends *ends, bool ours) {
  for (int i = 0; i < 3; i++)
    if (ends->child[i] >= 0 && ends->child[i] != agent->null &&
        (i == 0 || ends->child[i] != ends->child[0]))
      close(ends->child[i]);
  const int here[] = {ends->input, ends->output, ends->error, ends->terminal};
  for (size_t i = 0; ours && i < sizeof here / sizeof *here; i++)
    if (here[i] >= 0) close(here[i]);
}

static bool open_pipe(int *read_end, int *write_end, int *ours) {
  int pair[2];
  if (pipe2(pair, O_CLOEXEC) != 0) return false;
  *read_end = pair[0];
  *write_end = pair[1];
  return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

static int open_pipes(const struct kv_agent *agent, struct ends *ends, bool want_stdin) {
  if (!want_stdin) ends->child[0] = agent->null;
  if (want_stdin && !open_pipe(&ends->child[0], &ends->input, &ends->input)) return errno;
  if (!open_pipe(&ends->output, &ends->child[1], &ends->output) ||
      !open_pipe(&ends->error, &ends->child[2], &ends->error))
    return errno;
  return 0;
}

static void set_size(int terminal, uint32_t rows, uint32_t columns) {
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  if (rows != 0 && columns != 0) ioctl(terminal, TIOCSWINSZ, &size);
}

static int open_terminal(struct ends *ends, const struct kv_exec_request *request, uid_t owner) {
  ends->terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  char path[64];
  if (ends->terminal < 0 || unlockpt(ends->terminal) != 0 ||
      ptsname_r(ends->terminal, path, sizeof path) != 0)
    return errno;
  set_size(ends->terminal, request->rows, request->columns);
  int slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) return errno;
  ends->child[0] = ends->child[1] = ends->child[2] = slave;
  if (owner != 0 && fchown(slave, owner, (gid_t)-1) != 0) return errno;
  return 0;
}

static void watch_ends(struct kv_agent *agent, struct kv_channel *channel,
                       const struct kv_exec_request *request, const struct ends *ends) {
  channel->terminal = ends->terminal;
  channel->out[0].fd = channel->out[1].fd = channel->in.fd = -1;
  if (ends->terminal >= 0) {
    kv_outflow_open(&channel->out[0], ends->terminal, KV_SOURCE_TERMINAL, KV_WIRE_STDOUT,
                    request->credit[0]);
    kv_sink_open(&channel->in, ends->terminal, true, KV_WIRE_STDIN_WINDOW);
    kv_channel_watch(agent, channel, ends->terminal, KV_PART_TERMINAL, EPOLLIN | EPOLLOUT);
    return;
  }
  kv_outflow_open(&channel->out[0], ends->output, KV_SOURCE_PIPE, KV_WIRE_STDOUT,
                  request->credit[0]);
  kv_outflow_open(&channel->out[1], ends->error, KV_SOURCE_PIPE, KV_WIRE_STDERR,
                  request->credit[1]);
  kv_sink_open(&channel->in, ends->input, false, KV_WIRE_STDIN_WINDOW);
  if (ends->input < 0)
    channel->watch_at = kv_now_ms() + KV_HOLD_MS;
  else
    kv_command_watch(agent, channel);
}

void kv_command_watch(struct kv_agent *agent, struct kv_channel *channel) {
  channel->watch_at = 0;
  for (int i = 0; i < 2; i++)
    if (channel->out[i].fd >= 0)
      kv_channel_watch(agent, channel, channel->out[i].fd, i == 0 ? KV_PART_OUT : KV_PART_ERR,
                       EPOLLIN);
}

/* What went wrong, in words: execve's own failures carry the program's name and nothing else. */
static void report(struct kv_agent *agent, uint32_t id, const struct kv_spawn *spawn) {
  char what[4096];
  if (spawn->stage == KV_SPAWN_PROGRAM)
    snprintf(what, sizeof what, "%s", spawn->program);
  else if (spawn->stage == KV_SPAWN_DIRECTORY)
    snprintf(what, sizeof what, "working directory %s", spawn->directory);
  else
    snprintf(what, sizeof what, "starting a process");
  kv_send_failed(agent, id, spawn->error, what);
}

static pid_t start(struct kv_agent *agent, uint32_t id, const struct kv_exec_request *request,
                   const struct kv_user *user, const struct ends *ends, struct kv_cgroup *group) {
  struct kv_words words;
  if (kv_words_of(&words, request, user) != 0) {
    kv_send_failed(agent, id, ENOMEM, "starting a process");
    return -1;
  }
  struct kv_spawn spawn = {.argv = (char *const *)(uintptr_t)words.argv,
                           .envp = (char *const *)(uintptr_t)words.envp,
                           .program = words.program,
                           .search = words.search,
                           .tool = (request->flags & KV_WIRE_TOOL) != 0 ? agent->tool : -1,
                           .directory = request->directory[0] == '\0' ? "/" : request->directory,
                           .user = user,
                           .fds = {ends->child[0], ends->child[1], ends->child[2]},
                           .terminal = ends->terminal >= 0,
                           .cgroup = group == NULL ? -1 : group->dir};
  pid_t pid = kv_spawn(&spawn);
  if (pid < 0) report(agent, id, &spawn);
  kv_words_free(&words);
  return pid;
}

void kv_command_start(struct kv_agent *agent, uint32_t id, const struct kv_exec_request *request) {
  char why[320];
  struct kv_user user;
  struct ends ends = {{-1, -1, -1}, -1, -1, -1, -1};
  int failed = kv_user_find(request->user, &user, why, sizeof why);
  if (failed != 0) {
    kv_send_failed(agent, id, failed, why);
    return;
  }
  if ((request->flags & KV_WIRE_TOOL) != 0 && agent->tool < 0) {
    kv_send_failed(agent, id, ENOENT, "the guest image's /bin/busybox");
    return;
  }
  struct kv_channel *channel = kv_channel_take(agent, id, KV_CHANNEL_COMMAND);
  if (channel == NULL) {
    kv_send_failed(agent, id, EAGAIN, "too many commands at once");
    return;
  }
  if ((request->flags & KV_WIRE_PTY) != 0)
    failed = open_terminal(&ends, request, user.uid);
  else
    failed = open_pipes(agent, &ends, (request->flags & KV_WIRE_WANT_STDIN) != 0);
  if (failed != 0) kv_send_failed(agent, id, failed, "opening a command's pipes");
  struct kv_cgroup *group = failed == 0 ? kv_cgroup_acquire(&agent->cgroups) : NULL;
  pid_t pid = failed == 0 ? start(agent, id, request, &user, &ends, group) : -1;
  close_ends(agent, &ends, pid < 0);
  if (pid < 0) {
    if (group != NULL) kv_cgroup_release(&agent->cgroups, group);
    kv_channel_drop(agent, channel);
    return;
  }
  channel->pid = pid;
  channel->group = group;
  watch_ends(agent, channel, request, &ends);
  uint8_t payload[4];
  kv_put_u32(payload, (uint32_t)pid);
  /* Whoever has input for it waits for this. */
  if ((request->flags & KV_WIRE_WANT_STDIN) != 0)
    kv_port_send(&agent->port, KV_WIRE_STARTED, id, payload, sizeof payload);
  else
    kv_send_lazily(agent, KV_WIRE_STARTED, id, payload, sizeof payload);
}

/* A main process that is gone has no group that we could be sure of. */
void kv_command_signal(struct kv_channel *channel, uint32_t number) {
  if (!channel->exited && number > 0 && number <= 64) kill(-channel->pid, (int)number);
}

void kv_command_resize(struct kv_channel *channel, uint32_t rows, uint32_t columns) {
  if (channel->terminal >= 0) set_size(channel->terminal, rows, columns);
}

void kv_command_kill(struct kv_channel *channel) {
  /* Asked for behind the end, it means that the host wants no more of the output either. */
  channel->abandoned = channel->exited;
  if ((channel->group == NULL || kv_cgroup_kill(channel->group) != 0) && !channel->exited)
    kill(-channel->pid, SIGKILL);
}

void kv_command_exited(struct kv_channel *channel, int status, const struct rusage *usage) {
  /* The number of the group cannot have been given away yet: the kernel hands them out in turn. */
  channel->empty = channel->group != NULL && !kv_cgroup_populated(channel->group);
  if (!channel->empty) kv_command_kill(channel);
  channel->exited = true;
  channel->status = status;
  channel->usage = *usage;
  channel->give_up_at = kv_now_ms() + KV_DRAIN_MS;
  for (int i = 0; i < 2; i++)
    channel->out[i].ready = channel->out[i].hung_up = channel->out[i].fd >= 0;
}

static void send_exit(struct kv_agent *agent, struct kv_channel *channel) {
  uint8_t payload[32] = {0};
  const struct rusage *usage = &channel->usage;
  uint64_t cpu = (uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000u +
                 (uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
  uint32_t flags = 0;
  if (channel->group != NULL) {
    uint64_t all = kv_cgroup_cpu(channel->group);
    cpu = all > cpu ? all : cpu;
    flags = kv_cgroup_oom_kills(channel->group) > 0 ? KV_WIRE_OOM_KILLED : 0;
  }
  kv_put_u32(payload, WIFEXITED(channel->status) ? (uint32_t)WEXITSTATUS(channel->status) : 0);
  kv_put_u32(payload + 4, WIFSIGNALED(channel->status) ? (uint32_t)WTERMSIG(channel->status) : 0);
  kv_put_u32(payload + 8, flags);
  kv_put_u64(payload + 16, cpu);
  kv_put_u64(payload + 24, (uint64_t)usage->ru_maxrss);
  kv_port_send(&agent->port, KV_WIRE_EXIT, channel->id, payload, sizeof payload);
}

void kv_command_settle(struct kv_agent *agent, struct kv_channel *channel) {
  if (!channel->exited) return;
  bool late = channel->abandoned || kv_now_ms() >= channel->give_up_at;
  for (int i = 0; i < 2; i++) {
    struct kv_outflow *stream = &channel->out[i];
    if (stream->fd >= 0 && stream->credit == 0) kv_outflow_look(stream);
    if (stream->fd < 0) continue;
    /* What waits for the host is not late, and bytes that are promised to the port must come. */
    bool waits = stream->credit == 0 && stream->ready && !channel->abandoned;
    if (!late || waits || kv_port_uses(&agent->port, stream->fd)) return;
    kv_outflow_close(stream);
  }
  bool empty = channel->empty || channel->group == NULL || !kv_cgroup_populated(channel->group);
  if ((!empty && !late) || !kv_port_takes(&agent->port, 64)) return;
  send_exit(agent, channel);
  if (channel->group != NULL) kv_cgroup_release(&agent->cgroups, channel->group);
  kv_channel_drop(agent, channel);
}

void kv_channel_credit(struct kv_agent *agent, struct kv_channel *channel) {
  if (!kv_port_takes(&agent->port, 64)) return; /* before what is due counts as told */
  uint32_t due = kv_sink_credit(&channel->in);
  bool gone = channel->kind == KV_CHANNEL_COMMAND && channel->in.error != 0 && !channel->in_told;
  if (due == 0 && !gone) return;
  channel->in_told |= gone;
  uint8_t payload[8];
  kv_put_u32(payload, 0);
  kv_put_u32(payload + 4, due);
  kv_port_send(&agent->port, KV_WIRE_CREDIT, channel->id, payload, sizeof payload);
}
