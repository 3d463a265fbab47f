/*
 * The agent's state, shared by the files that serve requests: a port, and a table of channels.
 *
 * agent.c    the program: boots, then waits and hands out events
 * serve.c    frames from the host
 * command.c  a channel that runs a command
 * files.c    a channel that puts or gets a file
 * root.c     the root that commands see
 * limits.c   what bounds them
 * identity.c what tells the guest from others
 * save.c     what is done before it is saved
 * network.c  the network interface
 * tool.c     the agent's own programs
 */
#ifndef KV_GUEST_AGENT_H
#define KV_GUEST_AGENT_H

#include "cgroup.h"
#include "measured.h"
#include "outflow.h"
#include "port.h"
#include "sink.h"

#include <sys/resource.h>
#include <sys/types.h>

#define KV_AGENT_VERSION KAVACH_VERSION
#define KV_CHANNELS_MAX 256
/* How long what is in no hurry may wait: STARTED for company, the output of a command without input
 * to be looked at. Most commands are over sooner, and then cost the guest one wake-up, not five. */
#define KV_HOLD_MS 10
#define KV_DRAIN_MS                                                                                \
  1000 /* without progress, what a dead command's pipes still hold is given up                     \
        */

enum kv_channel_kind { KV_CHANNEL_COMMAND = 1, KV_CHANNEL_PUT, KV_CHANNEL_GET };

struct kv_channel {
  uint32_t id;         /* 0: free */
  uint32_t generation; /* tells events of this use of the slot from late ones of the last */
  enum kv_channel_kind kind;
  struct kv_outflow out[2];
  struct kv_sink in;
  uint64_t watch_at; /* milliseconds: from then on its output is looked at as it comes; 0: it is */
  bool in_watched, in_told; /* epoll knows it; the host knows that nobody reads it */

  /* a command */
  pid_t pid;
  bool exited;
  int status; /* as wait4 gives it */
  struct rusage usage;
  struct kv_cgroup *group; /* or NULL */
  int terminal;            /* a pty's master, or -1 */
  bool empty;              /* nothing was left of it when it exited */
  bool abandoned;          /* the host wants no more of its output */
  uint64_t give_up_at;     /* milliseconds, once it has exited */

  /* a file */
  uint32_t mode;
  char *path, *temporary;
};

struct kv_agent {
  struct kv_port port;
  int epoll, signals;
  int null;       /* /dev/null */
  int tool;       /* busybox, or -1: there is none */
  bool is_init;   /* PID 1 of a guest, not a test on a socket */
  bool greeted;   /* HELLO has come */
  bool finished;  /* leave the loop: POWEROFF, a broken wire, or a closed port */
  bool stalled;   /* input waits: for the boot to be complete, or for room for what answers it */
  bool broken;    /* the input broke the wire's rules */
  pid_t userland; /* the process that completes the boot, until it is done; else 0 */
  uint32_t port_events; /* what epoll watches the port for */
  size_t held;          /* bytes at the head of the port's queue that can wait for company, */
  uint64_t held_until;  /* until then, in milliseconds */
  bool shares_loaded;   /* the modules that MOUNT needs */
  int initramfs;        /* its root folder, whatever / has become; -1: not a guest's */
  struct {
    bool rooted, limited; /* ROOT, LIMITS have come */
    bool saved;           /* a host may have saved it: it is nobody until IDENTITY has come */
    bool begun;           /* so has something to be done in their bounds */
    bool failed;
  } set_up;
  char machine_id[KV_WIRE_MACHINE_ID + 1], host_name[KV_WIRE_HOST_NAME_MOST + 1]; /* or empty */
  struct kv_measured measured;
  size_t active_count, turn;
  struct kv_channel *active[KV_CHANNELS_MAX];
  struct kv_channel channels[KV_CHANNELS_MAX];
  struct kv_cgroups cgroups;
};

enum kv_event_part { KV_PART_OUT, KV_PART_ERR, KV_PART_IN, KV_PART_TERMINAL };

/* agent.c */
uint64_t kv_now_ms(void);
struct kv_channel *kv_channel_find(struct kv_agent *agent, uint32_t id);
/* A fresh channel, or NULL if all are in use. */
struct kv_channel *kv_channel_take(struct kv_agent *agent, uint32_t id, enum kv_channel_kind kind);
/* Sends a small frame that nobody is in a hurry for: it goes with the next one, or a moment later.
 * Each trip through the port costs the guest more than most of what commands do. */
void kv_send_lazily(struct kv_agent *agent, uint8_t type, uint32_t channel, const void *payload,
                    size_t length);
/* Closes what it has open and frees the slot. The caller has sent its last frame. */
void kv_channel_drop(struct kv_agent *agent, struct kv_channel *channel);
/* Has epoll report edges of a descriptor. */
bool kv_channel_watch(struct kv_agent *agent, struct kv_channel *channel, int fd,
                      enum kv_event_part part, uint32_t events);
void kv_send_failed(struct kv_agent *agent, uint32_t channel, int error, const char *what);
void kv_send_done(struct kv_agent *agent, uint32_t channel, uint32_t mode, uint64_t bytes);

/* serve.c: handles the frames that have come, as far as there is room for what answers them. */
void kv_serve(struct kv_agent *agent);

/* command.c */
struct kv_exec_request;
void kv_command_start(struct kv_agent *agent, uint32_t id, const struct kv_exec_request *request);
void kv_command_signal(struct kv_channel *channel, uint32_t number);
void kv_command_resize(struct kv_channel *channel, uint32_t rows, uint32_t columns);
void kv_command_kill(struct kv_channel *channel);
void kv_command_exited(struct kv_channel *channel, int status, const struct rusage *usage);
/* Has epoll report its output, from now on. */
void kv_command_watch(struct kv_agent *agent, struct kv_channel *channel);
/* Sends EXIT and frees the channel, if all that it needs has come. */
void kv_command_settle(struct kv_agent *agent, struct kv_channel *channel);
/* Sends what credit is due for standard input. */
void kv_channel_credit(struct kv_agent *agent, struct kv_channel *channel);

/* tool.c: what KV_WIRE_TOOL runs, opened before anything can have replaced it. -1 if the guest has
 * none. */
int kv_tool_open(void);

/* files.c */
struct kv_put_request;
struct kv_get_request;
struct kv_mount_request;
void kv_put_start(struct kv_agent *agent, uint32_t id, const struct kv_put_request *request);
void kv_put_settle(struct kv_agent *agent, struct kv_channel *channel);
void kv_get_start(struct kv_agent *agent, uint32_t id, const struct kv_get_request *request);
void kv_get_settle(struct kv_agent *agent, struct kv_channel *channel);
void kv_file_abort(struct kv_agent *agent, struct kv_channel *channel);
void kv_mount(struct kv_agent *agent, uint32_t id, const struct kv_mount_request *request);

/* network.c */
struct kv_network_request;
void kv_network(struct kv_agent *agent, uint32_t id, const struct kv_network_request *request);
/* root.c, limits.c */
struct kv_root_request;
struct kv_limits_request;
void kv_root(struct kv_agent *agent, uint32_t id, const struct kv_root_request *request);
void kv_limits(struct kv_agent *agent, uint32_t id, const struct kv_limits_request *request);

#endif
