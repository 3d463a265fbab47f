/*
 * Frames of the wire (wire.h) as bytes: pure functions, no I/O and no allocation but where stated.
 *
 * The decoders take bytes that nobody has checked. They read nothing beyond what they are given,
 * and either give back a value that keeps wire.h's rules or say that the bytes break them.
 */
#ifndef KV_GUEST_FRAME_H
#define KV_GUEST_FRAME_H

#include "wire.h"

#include <stdbool.h>

/* One frame. payload points into the bytes that it was decoded from. */
struct kv_frame {
  uint32_t length;
  uint32_t channel;
  uint8_t type;
  const uint8_t *payload;
};

/*
 * Decodes the frame of the host that starts at bytes[0], of which `have` bytes are there.
 * Returns the bytes of the whole frame (header and payload); 0 if more are needed; or -1 if no
 * bytes that follow could make it right: a type that the host does not send, a payload longer or
 * shorter than its type allows, a channel that does not fit the type, a reserved byte that is set.
 * A frame is refused as soon as its header is there.
 */
long kv_frame_decode(const uint8_t *bytes, size_t have, struct kv_frame *frame);

/* Writes the header of a frame to out[0..KV_WIRE_HEADER). */
void kv_frame_header(uint8_t *out, uint8_t type, uint32_t channel, uint32_t length);

void kv_put_u32(uint8_t *out, uint32_t value);
void kv_put_u64(uint8_t *out, uint64_t value);
uint32_t kv_get_u32(const uint8_t *bytes);
uint64_t kv_get_u64(const uint8_t *bytes);

/* A payload that is read field by field. Once a field is not there, `bad` stays set and every
 * further field is 0 or "". */
struct kv_fields {
  const uint8_t *at;
  const uint8_t *end;
  bool bad;
};

struct kv_fields kv_fields_of(const struct kv_frame *frame);
/* So many bytes; NULL if there are not as many. */
const uint8_t *kv_take_bytes(struct kv_fields *fields, size_t size);
uint32_t kv_take_u16(struct kv_fields *fields);
uint32_t kv_take_u32(struct kv_fields *fields);
/* A string with its NUL, in place. */
const char *kv_take_string(struct kv_fields *fields);
/* Nothing was missing and nothing is left over. */
bool kv_fields_end(const struct kv_fields *fields);

#endif
