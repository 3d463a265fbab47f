/*
 * The frames that a session sends (protocol.h), taken out of bytes and looked at: what comes out
 * here is of the form that the protocol has for its kind.
 */
#ifndef KV_PROMPT_FRAME_H
#define KV_PROMPT_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum { KV_PROMPT_FRAME_HEADER = 5 };

typedef struct kv_prompt_frame {
  uint8_t kind;
  const uint8_t *payload; /* in the bytes */
  size_t size;
} kv_prompt_frame;

/* Returns how many bytes the first frame takes, or 0 if it is not all there, or -1 if it is none of
 * a session's. A kind that is not known is a frame like others. */
long kv_prompt_frame_next(const uint8_t *bytes, size_t size, kv_prompt_frame *frame);

/* The choices of a CHOICES. */
typedef struct kv_choices {
  uint32_t ticket, before;
  const char *texts; /* each with a NUL behind it */
  size_t size, count;
} kv_choices;

kv_choices kv_prompt_frame_choices(const kv_prompt_frame *frame);

#endif
