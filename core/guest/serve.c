/* Frames from the host. */
#define _GNU_SOURCE
#include "agent.h"
#include "identity.h"
#include "limits.h"
#include "network.h"
#include "request.h"
#include "root.h"
#include "save.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

/* The most that one frame makes the agent answer at once: FAILED with a path, and what other
 * channels may have to say meanwhile. */
#define ROOM (64u * 1024u)

static bool hello(struct kv_agent *agent, const struct kv_frame *frame) {
  if (agent->greeted) return false;
  struct utsname names;
  uint8_t payload[8 + sizeof names.release + sizeof KV_AGENT_VERSION];
  uname(&names);
  size_t release = strlen(names.release) + 1;
  kv_put_u32(payload, KV_WIRE_VERSION);
  kv_put_u32(payload + 4, 0);
  memcpy(payload + 8, names.release, release);
  memcpy(payload + 8 + release, KV_AGENT_VERSION, sizeof KV_AGENT_VERSION);
  kv_port_send(&agent->port, KV_WIRE_WELCOME, 0, payload, 8 + release + sizeof KV_AGENT_VERSION);
  /* Not with what the first command has to say: the host's answer carries the time. */
  kv_port_flush(&agent->port);
  agent->greeted = true;
  /* A host of another version has learnt ours; there is no more to say to it. */
  return kv_get_u32(frame->payload) == KV_WIRE_VERSION;
}

/* After a set-up that failed nothing is started; before the first start it must be over. What was
 * saved is set up as nobody. */
static bool may_start(struct kv_agent *agent, const struct kv_frame *frame) {
  if (agent->set_up.saved && frame->type != KV_WIRE_IDENTITY) {
    kv_send_failed(agent, frame->channel, ECANCELED, "the guest was saved and has no identity yet");
    return false;
  }
  if (frame->type != KV_WIRE_EXEC && frame->type != KV_WIRE_PUT && frame->type != KV_WIRE_GET)
    return true;
  agent->set_up.begun = true;
  if (!agent->set_up.failed) return true;
  kv_send_failed(agent, frame->channel, ECANCELED, "the guest could not be set up");
  return false;
}

static bool start(struct kv_agent *agent, const struct kv_frame *frame) {
  if (kv_channel_find(agent, frame->channel) != NULL) return false;
  if (!kv_measured_allows(&agent->measured, frame)) {
    kv_send_failed(agent, frame->channel, EPERM, "this guest runs only its measured command");
    return true;
  }
  if (!may_start(agent, frame)) return true;
  struct kv_exec_request exec;
  struct kv_identity_request identity;
  struct kv_put_request put;
  struct kv_get_request get;
  struct kv_mount_request mount;
  struct kv_network_request network;
  struct kv_root_request root;
  struct kv_limits_request limits;
  if (frame->type == KV_WIRE_EXEC && kv_exec_parse(frame, &exec))
    kv_command_start(agent, frame->channel, &exec);
  else if (frame->type == KV_WIRE_PUT && kv_put_parse(frame, &put))
    kv_put_start(agent, frame->channel, &put);
  else if (frame->type == KV_WIRE_GET && kv_get_parse(frame, &get))
    kv_get_start(agent, frame->channel, &get);
  else if (frame->type == KV_WIRE_MOUNT && kv_mount_parse(frame, &mount))
    kv_mount(agent, frame->channel, &mount);
  else if (frame->type == KV_WIRE_NETWORK && kv_network_parse(frame, &network))
    kv_network(agent, frame->channel, &network);
  else if (frame->type == KV_WIRE_ROOT && kv_root_parse(frame, &root))
    kv_root(agent, frame->channel, &root);
  else if (frame->type == KV_WIRE_IDENTITY && kv_identity_parse(frame, &identity))
    kv_identity(agent, frame->channel, &identity);
  else if (frame->type == KV_WIRE_LIMITS && kv_limits_parse(frame, &limits))
    kv_limits(agent, frame->channel, &limits);
  else
    return false;
  return true;
}

static bool credit(struct kv_channel *channel, const struct kv_frame *frame) {
  uint32_t stream = kv_get_u32(frame->payload);
  if (stream != 1 && stream != 2) return false;
  channel->out[stream - 1].credit += kv_get_u32(frame->payload + 4);
  return true;
}

/* Frames of a channel that runs. One that has ended drops what crossed with its end. */
static bool go_on(struct kv_agent *agent, const struct kv_frame *frame) {
  struct kv_channel *channel = kv_channel_find(agent, frame->channel);
  if (channel == NULL) return true;
  bool command = channel->kind == KV_CHANNEL_COMMAND;
  struct kv_fields fields = kv_fields_of(frame);
  switch (frame->type) {
  case KV_WIRE_CREDIT:
    return credit(channel, frame);
  case KV_WIRE_STDIN:
    return channel->kind != KV_CHANNEL_GET &&
           kv_sink_take(&channel->in, frame->payload, frame->length);
  case KV_WIRE_KILL:
    if (command)
      kv_command_kill(channel);
    else
      kv_file_abort(agent, channel);
    return true;
  case KV_WIRE_SIGNAL:
    if (command) kv_command_signal(channel, kv_get_u32(frame->payload));
    return command;
  default: {
    uint32_t rows = kv_take_u16(&fields);
    if (command) kv_command_resize(channel, rows, kv_take_u16(&fields));
    return command;
  }
  }
}

static bool handle(struct kv_agent *agent, const struct kv_frame *frame) {
  if (!agent->greeted && frame->type != KV_WIRE_HELLO && frame->type != KV_WIRE_SAVE) return false;
  switch (frame->type) {
  case KV_WIRE_HELLO:
    return hello(agent, frame);
  case KV_WIRE_PING:
    return kv_port_send(&agent->port, KV_WIRE_PONG, 0, frame->payload, frame->length);
  case KV_WIRE_POWEROFF:
    agent->finished = true;
    return true;
  case KV_WIRE_CLOCK:
    kv_clock_set(agent, kv_get_u64(frame->payload), false);
    return true;
  case KV_WIRE_SAVE:
    return kv_save(agent, frame->channel);
  case KV_WIRE_EXEC:
  case KV_WIRE_PUT:
  case KV_WIRE_GET:
  case KV_WIRE_MOUNT:
  case KV_WIRE_NETWORK:
  case KV_WIRE_ROOT:
  case KV_WIRE_LIMITS:
  case KV_WIRE_IDENTITY:
    return start(agent, frame);
  default:
    return go_on(agent, frame);
  }
}

/* Until the rest of the boot is done, only what needs nothing of it is served. */
static bool too_early(const struct kv_agent *agent, const struct kv_frame *frame) {
  return agent->userland != 0 && frame->type != KV_WIRE_HELLO && frame->type != KV_WIRE_CLOCK &&
         frame->type != KV_WIRE_PING;
}

void kv_serve(struct kv_agent *agent) {
  struct kv_frame frame;
  agent->stalled = false;
  while (!agent->finished) {
    agent->stalled = !kv_port_takes(&agent->port, ROOM);
    int got = agent->stalled ? 0 : kv_port_next(&agent->port, &frame);
    if (got == 0) return;
    if (got > 0 && too_early(agent, &frame)) {
      kv_port_unget(&agent->port, &frame);
      agent->stalled = true;
      return;
    }
    if (got < 0 || !handle(agent, &frame)) {
      agent->broken = agent->finished = true;
      kv_send_failed(agent, 0, EPROTO, "a frame breaks the rules of the wire");
    }
  }
}
