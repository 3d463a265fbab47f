/*
 * The agent: PID 1 of a guest. Serves commands to the host over the port (wire.h).
 *
 *   agent               as PID 1: boots the guest, serves, powers the machine off
 *   agent --socket FD [CGROUP2 [COMMAND]]
 *                       for tests, as any process: serves on a socket that it inherited, with
 *                       control groups below the folder CGROUP2 if given and not empty, and the
 *                       measured command of the file COMMAND. It mounts, loads and
 *                       powers off nothing, and exits: 0 after POWEROFF or the socket's end,
 *                       1 if the input broke the wire's rules, 2 if it could not start.
 *   agent --version     prints its version
 *
 * The kernel never chooses PID 1 when it runs out of memory (oom_unkillable_task() in its
 * mm/oom_kill.c), so there is no score to adjust, here or in the children.
 */
#define _GNU_SOURCE
#include "agent.h"
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EVENT_PORT UINT64_MAX
#define EVENT_SIGNAL (UINT64_MAX - 1)
#define TICK_MS 20      /* how often an end that no event may announce is looked for */
#define READS_A_TURN 16 /* of the port, before commands have theirs */
#define EARLY_FLUSH (16u * 1024u)

uint64_t kv_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

struct kv_channel *kv_channel_find(struct kv_agent *agent, uint32_t id) {
  for (size_t i = 0; i < agent->active_count; i++)
    if (agent->active[i]->id == id) return agent->active[i];
  return NULL;
}

struct kv_channel *kv_channel_take(struct kv_agent *agent, uint32_t id, enum kv_channel_kind kind) {
  for (size_t i = 0; i < KV_CHANNELS_MAX; i++) {
    struct kv_channel *channel = &agent->channels[i];
    if (channel->id != 0) continue;
    uint32_t generation = channel->generation + 1;
    *channel =
        (struct kv_channel){.id = id, .generation = generation, .kind = kind, .terminal = -1};
    channel->out[0].fd = channel->out[1].fd = channel->in.fd = -1;
    agent->active[agent->active_count++] = channel;
    return channel;
  }
  return NULL;
}

void kv_channel_drop(struct kv_agent *agent, struct kv_channel *channel) {
  kv_outflow_close(&channel->out[0]);
  kv_outflow_close(&channel->out[1]);
  kv_sink_close(&channel->in);
  if (channel->terminal >= 0) close(channel->terminal);
  if (channel->temporary != NULL) unlink(channel->temporary);
  free(channel->temporary);
  free(channel->path);
  channel->id = 0;
  for (size_t i = 0; i < agent->active_count; i++)
    if (agent->active[i] == channel) {
      agent->active[i] = agent->active[--agent->active_count];
      break;
    }
}

static struct epoll_event event_of(struct kv_agent *agent, struct kv_channel *channel,
                                   enum kv_event_part part, uint32_t events) {
  uint64_t index = (uint64_t)(channel - agent->channels);
  return (struct epoll_event){.events = events | EPOLLET,
                              .data.u64 = (uint64_t)channel->generation << 32 | index << 2 | part};
}

bool kv_channel_watch(struct kv_agent *agent, struct kv_channel *channel, int fd,
                      enum kv_event_part part, uint32_t events) {
  struct epoll_event event = event_of(agent, channel, part, events);
  return epoll_ctl(agent->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

void kv_send_failed(struct kv_agent *agent, uint32_t channel, int error, const char *what) {
  uint8_t payload[4 + 4096];
  size_t length = strnlen(what, sizeof payload - 5);
  kv_put_u32(payload, (uint32_t)error);
  memcpy(payload + 4, what, length);
  payload[4 + length] = '\0';
  kv_port_send(&agent->port, KV_WIRE_FAILED, channel, payload, 4 + length + 1);
}

void kv_send_done(struct kv_agent *agent, uint32_t channel, uint32_t mode, uint64_t bytes) {
  uint8_t payload[12];
  kv_put_u32(payload, mode);
  kv_put_u64(payload + 4, bytes);
  kv_port_send(&agent->port, KV_WIRE_DONE, channel, payload, sizeof payload);
}

void kv_send_lazily(struct kv_agent *agent, uint8_t type, uint32_t channel, const void *payload,
                    size_t length) {
  bool alone = kv_port_queued(&agent->port) == agent->held && !agent->port.hole.open;
  kv_port_send(&agent->port, type, channel, payload, length);
  if (!alone) return;
  if (agent->held == 0) agent->held_until = kv_now_ms() + KV_HOLD_MS;
  agent->held = kv_port_queued(&agent->port);
}

/* For how many milliseconds may all that is queued wait? 0: there is something in a hurry. */
static int hold_time(const struct kv_agent *agent) {
  if (agent->held == 0 || kv_port_queued(&agent->port) != agent->held || agent->port.hole.open)
    return 0;
  uint64_t now = kv_now_ms();
  return now < agent->held_until ? (int)(agent->held_until - now) : 0;
}

static void flush(struct kv_agent *agent) {
  agent->held = 0;
  kv_port_flush(&agent->port);
}

static void reap(struct kv_agent *agent) {
  struct signalfd_siginfo seen[8];
  while (read(agent->signals, seen, sizeof seen) == (ssize_t)sizeof seen) continue;
  int status;
  struct rusage usage;
  for (pid_t pid; (pid = wait4(-1, &status, WNOHANG, &usage)) > 0;) {
    if (pid == agent->userland) {
      agent->userland = 0;
      kv_cgroups_open(&agent->cgroups, KV_BOOT_CGROUPS);
    }
    for (size_t i = 0; i < agent->active_count; i++) {
      struct kv_channel *channel = agent->active[i];
      if (channel->kind == KV_CHANNEL_COMMAND && channel->pid == pid && !channel->exited)
        kv_command_exited(channel, status, &usage);
    }
  }
}

static void channel_event(struct kv_agent *agent, const struct epoll_event *event) {
  struct kv_channel *channel = &agent->channels[(uint32_t)event->data.u64 >> 2];
  if (channel->id == 0 || channel->generation != (uint32_t)(event->data.u64 >> 32)) return;
  enum kv_event_part part = (enum kv_event_part)(event->data.u64 & 3);
  bool hung_up = (event->events & (EPOLLHUP | EPOLLERR)) != 0;
  if (part != KV_PART_IN && ((event->events & EPOLLIN) != 0 || hung_up)) {
    struct kv_outflow *stream = &channel->out[part == KV_PART_ERR];
    stream->ready = stream->fd >= 0;
    stream->hung_up |= hung_up;
  }
  if ((part == KV_PART_IN && hung_up) || (event->events & EPOLLOUT) != 0)
    kv_sink_flush(&channel->in);
}

/* Gives each stream that can do something one frame, beginning with the one that came too short
 * the last time. Gives back whether any could go on as soon as the port takes more. */
static bool pump(struct kv_agent *agent) {
  bool more = false;
  size_t count = agent->active_count;
  for (size_t i = 0; i < count && !agent->port.blocked && !agent->port.closed; i++) {
    struct kv_channel *channel = agent->active[(agent->turn + i) % count];
    for (int s = 0; s < 2; s++) {
      struct kv_outflow *stream = &channel->out[s];
      if (!kv_outflow_runnable(stream)) continue;
      if (kv_outflow_pump(stream, &agent->port, channel->id) > 0 && channel->exited)
        channel->give_up_at = kv_now_ms() + KV_DRAIN_MS;
      if (agent->port.hole.open || kv_port_queued(&agent->port) >= EARLY_FLUSH) flush(agent);
      more |= kv_outflow_runnable(stream);
    }
    if (agent->port.blocked) agent->turn = (agent->turn + i + 1) % count;
  }
  return more || agent->port.blocked;
}

/* Switches the events of streams that turned hot or cold, and if the clock has struck, looks at
 * the hot ones. Gives back whether there are any. */
static bool look_at_hot(struct kv_agent *agent, bool struck) {
  bool any = false;
  for (size_t i = 0; i < agent->active_count; i++) {
    struct kv_channel *channel = agent->active[i];
    for (int s = 0; s < 2; s++) {
      struct kv_outflow *stream = &channel->out[s];
      if (stream->hot && struck) kv_outflow_tick(stream);
      any |= stream->hot;
      if (stream->fd < 0 || stream->hot == stream->silent) continue;
      stream->silent = stream->hot;
      struct epoll_event event =
          event_of(agent, channel, s == 0 ? KV_PART_OUT : KV_PART_ERR, stream->hot ? 0 : EPOLLIN);
      epoll_ctl(agent->epoll, EPOLL_CTL_MOD, stream->fd, &event);
    }
  }
  return any;
}

/* Ends what is at its end, tells credit. Gives back whether a command's end is still to come. */
static bool settle(struct kv_agent *agent) {
  bool ending = false;
  for (size_t i = agent->active_count; i-- > 0;) {
    struct kv_channel *channel = agent->active[i];
    if (channel->in.waiting && !channel->in_watched && channel->kind == KV_CHANNEL_COMMAND &&
        channel->terminal < 0)
      channel->in_watched = kv_channel_watch(agent, channel, channel->in.fd, KV_PART_IN, EPOLLOUT);
    kv_channel_credit(agent, channel);
    ending |= channel->exited;
    if (channel->kind == KV_CHANNEL_COMMAND)
      kv_command_settle(agent, channel);
    else if (channel->kind == KV_CHANNEL_PUT)
      kv_put_settle(agent, channel);
    else
      kv_get_settle(agent, channel);
  }
  return ending;
}

static void watch_port(struct kv_agent *agent) {
  uint32_t wanted = (agent->port.blocked ? EPOLLOUT : 0u) | (agent->stalled ? 0u : EPOLLIN);
  if (wanted == agent->port_events) return;
  struct epoll_event event = {.events = wanted, .data.u64 = EVENT_PORT};
  epoll_ctl(agent->epoll, EPOLL_CTL_MOD, agent->port.fd, &event);
  agent->port_events = wanted;
}

static void receive(struct kv_agent *agent) {
  for (int i = 0; i < READS_A_TURN && !agent->stalled && !agent->finished; i++) {
    if (!kv_port_receive(&agent->port)) return;
    kv_serve(agent);
  }
}

static void port_event(struct kv_agent *agent, uint32_t events) {
  if ((events & EPOLLOUT) != 0) flush(agent);
  if ((events & EPOLLIN) != 0)
    receive(agent);
  else if ((events & (EPOLLHUP | EPOLLERR)) != 0)
    agent->port.closed = true;
}

static void handle_events(struct kv_agent *agent, int timeout) {
  struct epoll_event events[64];
  int count = epoll_wait(agent->epoll, events, 64, timeout);
  agent->port.awaited = false; /* all are asked again: here, and before the next wait */
  for (int i = 0; i < count; i++) {
    if (events[i].data.u64 == EVENT_SIGNAL)
      reap(agent);
    else if (events[i].data.u64 == EVENT_PORT)
      port_event(agent, events[i].events);
    else
      channel_event(agent, &events[i]);
  }
}

/* Has commands that are not over so soon watched. Gives back how many milliseconds the next has
 * left; 0: there is none. */
static int watch_late(struct kv_agent *agent) {
  uint64_t now = 0, next = 0;
  for (size_t i = 0; i < agent->active_count; i++) {
    struct kv_channel *channel = agent->active[i];
    if (channel->watch_at == 0) continue;
    if (now == 0) now = kv_now_ms();
    if (channel->exited || channel->watch_at <= now)
      kv_command_watch(agent, channel);
    else if (next == 0 || channel->watch_at < next)
      next = channel->watch_at;
  }
  return next == 0 ? 0 : (int)(next - now);
}

/* How long to wait for events, in milliseconds. */
static int patience(struct kv_agent *agent, bool more, bool hot, bool ending) {
  int hold = hold_time(agent), late = watch_late(agent);
  /* A port that was blocked or full for those who had something for it may have taken all since:
   * then no event will tell them. */
  if ((more || agent->port.awaited) && !agent->port.blocked) return 0;
  if (hot) return KV_OUTFLOW_HOT_MS;
  if (hold > 0 && (late == 0 || hold < late)) return hold;
  if (late > 0) return late;
  return ending ? TICK_MS : -1;
}

static void run(struct kv_agent *agent) {
  bool more = false, hot = false;
  uint64_t looked = 0;
  while (!agent->finished && !agent->port.closed) {
    bool ending = settle(agent);
    if (hold_time(agent) == 0) flush(agent);
    watch_port(agent);
    handle_events(agent, patience(agent, more, hot, ending));
    kv_serve(agent);
    uint64_t now = hot ? kv_now_ms() : 0;
    hot = look_at_hot(agent, now >= looked + KV_OUTFLOW_HOT_MS);
    looked = now >= looked + KV_OUTFLOW_HOT_MS ? now : looked;
    more = pump(agent);
  }
}

/* Everything that runs is killed, and what the host must still hear gets a second to reach it. */
static void end(struct kv_agent *agent) {
  for (size_t i = 0; i < agent->active_count; i++)
    if (agent->active[i]->kind == KV_CHANNEL_COMMAND) kv_command_kill(agent->active[i]);
  uint64_t late = kv_now_ms() + KV_DRAIN_MS;
  kv_port_flush(&agent->port);
  while (agent->port.blocked && !agent->port.closed && kv_now_ms() < late) {
    struct pollfd port = {.fd = agent->port.fd, .events = POLLOUT};
    poll(&port, 1, TICK_MS);
    kv_port_flush(&agent->port);
  }
  while (agent->active_count > 0) kv_channel_drop(agent, agent->active[0]);
  kv_cgroups_close(&agent->cgroups);
}

static int listen_to(struct kv_agent *agent, int fd) {
  sigset_t ours;
  sigemptyset(&ours);
  sigaddset(&ours, SIGCHLD);
  sigaddset(&ours, SIGPIPE); /* blocked, so that writing to a closed pipe is only an error */
  sigprocmask(SIG_BLOCK, &ours, NULL);
  sigdelset(&ours, SIGPIPE);
  agent->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
  agent->epoll = epoll_create1(EPOLL_CLOEXEC);
  agent->null = openat(AT_FDCWD, "/dev/null", O_RDONLY | O_CLOEXEC);
  agent->tool = kv_tool_open();
  int failed = agent->signals < 0 || agent->epoll < 0 || agent->null < 0
                   ? -errno
                   : kv_port_open(&agent->port, fd);
  if (failed != 0) return failed;
  struct epoll_event port = {.events = EPOLLIN, .data.u64 = EVENT_PORT};
  struct epoll_event signals = {.events = EPOLLIN, .data.u64 = EVENT_SIGNAL};
  agent->port_events = EPOLLIN;
  if (epoll_ctl(agent->epoll, EPOLL_CTL_ADD, fd, &port) != 0 ||
      epoll_ctl(agent->epoll, EPOLL_CTL_ADD, agent->signals, &signals) != 0)
    return -errno;
  return 0;
}

static _Noreturn void serve_guest(struct kv_agent *agent) {
  kv_boot_first();
  agent->is_init = true;
  agent->initramfs = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  kv_measured_read(&agent->measured, KV_MEASURED_FILE);
  pid_t userland = kv_boot_userland();
  kv_boot_modules(agent->initramfs, "base");
  int fd = kv_boot_port(KV_WIRE_PORT);
  int failed = fd < 0 ? 0 : listen_to(agent, fd);
  if (failed != 0) dprintf(2, "kavach agent: the port: %s\n", strerror(-failed));
  /* If it ended before SIGCHLD was ours to see, it is reaped here. */
  bool done = userland < 0 || waitpid(userland, NULL, WNOHANG) != 0;
  agent->userland = done ? 0 : userland;
  if (done) kv_cgroups_open(&agent->cgroups, KV_BOOT_CGROUPS);
  if (fd >= 0 && failed == 0) {
    run(agent);
    end(agent);
  }
  kv_boot_power_off();
}

static int serve_socket(struct kv_agent *agent, int fd, const char *cgroups) {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  if (cgroups != NULL && cgroups[0] != '\0' && kv_cgroups_prepare(cgroups, false) == 0)
    kv_cgroups_open(&agent->cgroups, cgroups);
  int failed = listen_to(agent, fd);
  if (failed != 0) {
    dprintf(2, "agent: descriptor %d: %s\n", fd, strerror(-failed));
    return 2;
  }
  run(agent);
  end(agent);
  return agent->broken ? 1 : 0;
}

int main(int argc, char **argv) {
  /* Megabytes of buffers: zero in the file, and only what is used is ever touched. */
  static struct kv_agent agent;
  agent.cgroups.root = agent.initramfs = -1;
  if (argc >= 3 && argc <= 5 && strcmp(argv[1], "--socket") == 0) {
    if (argc == 5) kv_measured_read(&agent.measured, argv[4]);
    return serve_socket(&agent, atoi(argv[2]), argv[3]);
  }
  if (argc == 2 && strcmp(argv[1], "--version") == 0) return puts(KV_AGENT_VERSION) < 0;
  if (getpid() == 1) serve_guest(&agent);
  dprintf(2, "usage: agent --socket FD [CGROUP2 [COMMAND]] | --version (or run as a guest's first "
             "process)\n");
  return 2;
}
