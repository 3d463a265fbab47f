#include "frame.h"

#include <string.h>

/* What the host may send: the bounds of the payload, and whether it belongs to a channel. */
struct rule {
  uint8_t type;
  bool on_channel;
  uint32_t least, most;
};

/* With a host name of one letter. */
#define IDENTITY_LEAST (8 + KV_WIRE_ENTROPY + KV_WIRE_MACHINE_ID + 1 + 2)

static const struct rule rules[] = {
    {KV_WIRE_HELLO, false, 4, 4},
    {KV_WIRE_EXEC, true, 27, KV_WIRE_MAX},
    {KV_WIRE_STDIN, true, 0, KV_WIRE_DATA_MAX},
    {KV_WIRE_CREDIT, true, 8, 8},
    {KV_WIRE_SIGNAL, true, 4, 4},
    {KV_WIRE_RESIZE, true, 4, 4},
    {KV_WIRE_KILL, true, 0, 0},
    {KV_WIRE_PUT, true, 5, 8192},
    {KV_WIRE_GET, true, 5, 8192},
    {KV_WIRE_MOUNT, true, 6, 8192},
    {KV_WIRE_PING, false, 0, 64},
    {KV_WIRE_POWEROFF, false, 0, 0},
    {KV_WIRE_CLOCK, false, 8, 8},
    {KV_WIRE_LIMITS, true, 12, 12},
    {KV_WIRE_ROOT, true, 6, 256},
    {KV_WIRE_NETWORK, true, 17, KV_WIRE_MAX},
    {KV_WIRE_SAVE, true, 0, 0},
    {KV_WIRE_IDENTITY, true, IDENTITY_LEAST, IDENTITY_LEAST + KV_WIRE_HOST_NAME_MOST - 1},
};

static const struct rule *rule_of(uint8_t type) {
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    if (rules[i].type == type) return &rules[i];
  return NULL;
}

uint32_t kv_get_u32(const uint8_t *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
         (uint32_t)bytes[3] << 24;
}

uint64_t kv_get_u64(const uint8_t *bytes) {
  return (uint64_t)kv_get_u32(bytes) | (uint64_t)kv_get_u32(bytes + 4) << 32;
}

void kv_put_u32(uint8_t *out, uint32_t value) {
  for (int i = 0; i < 4; i++) out[i] = (uint8_t)(value >> (8 * i));
}

void kv_put_u64(uint8_t *out, uint64_t value) {
  kv_put_u32(out, (uint32_t)value);
  kv_put_u32(out + 4, (uint32_t)(value >> 32));
}

long kv_frame_decode(const uint8_t *bytes, size_t have, struct kv_frame *frame) {
  if (have < KV_WIRE_HEADER) return 0;
  frame->length = kv_get_u32(bytes);
  frame->channel = kv_get_u32(bytes + 4);
  frame->type = bytes[8];
  frame->payload = bytes + KV_WIRE_HEADER;
  const struct rule *rule = rule_of(frame->type);
  if (rule == NULL || bytes[9] != 0 || bytes[10] != 0 || bytes[11] != 0) return -1;
  if (frame->length < rule->least || frame->length > rule->most) return -1;
  if (rule->on_channel != (frame->channel != 0)) return -1;
  size_t whole = (size_t)KV_WIRE_HEADER + frame->length;
  return have < whole ? 0 : (long)whole;
}

void kv_frame_header(uint8_t *out, uint8_t type, uint32_t channel, uint32_t length) {
  kv_put_u32(out, length);
  kv_put_u32(out + 4, channel);
  kv_put_u32(out + 8, type);
}

struct kv_fields kv_fields_of(const struct kv_frame *frame) {
  return (struct kv_fields){.at = frame->payload, .end = frame->payload + frame->length};
}

const uint8_t *kv_take_bytes(struct kv_fields *fields, size_t size) {
  if (fields->bad || (size_t)(fields->end - fields->at) < size) {
    fields->bad = true;
    return NULL;
  }
  const uint8_t *at = fields->at;
  fields->at += size;
  return at;
}

uint32_t kv_take_u16(struct kv_fields *fields) {
  const uint8_t *at = kv_take_bytes(fields, 2);
  return at == NULL ? 0 : (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

uint32_t kv_take_u32(struct kv_fields *fields) {
  const uint8_t *at = kv_take_bytes(fields, 4);
  return at == NULL ? 0 : kv_get_u32(at);
}

const char *kv_take_string(struct kv_fields *fields) {
  size_t left = (size_t)(fields->end - fields->at);
  const uint8_t *nul = fields->bad || left == 0 ? NULL : memchr(fields->at, 0, left);
  if (nul == NULL) {
    fields->bad = true;
    return "";
  }
  return (const char *)kv_take_bytes(fields, (size_t)(nul - fields->at) + 1);
}

bool kv_fields_end(const struct kv_fields *fields) {
  return !fields->bad && fields->at == fields->end;
}
