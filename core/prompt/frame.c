#include "prompt/frame.h"

#include <stdbool.h>

#include "base/little.h"
#include "prompt/protocol.h"

enum { LENGTH = 4, CHOICES_HEAD = 8 };

static bool is_sound(const kv_prompt_frame *frame) {
  switch (frame->kind) {
  case KV_PROMPT_WELCOME:
    return frame->size == 8;
  case KV_PROMPT_READY:
    return frame->size >= KV_PROMPT_READY_HEAD;
  case KV_PROMPT_BUSY:
  case KV_PROMPT_MORE:
    return frame->size == 0;
  case KV_PROMPT_CHOICES:
    return frame->size == CHOICES_HEAD ||
           (frame->size > CHOICES_HEAD && frame->payload[frame->size - 1] == 0);
  case KV_PROMPT_RAW:
  case KV_PROMPT_BYE:
    return frame->size == 1;
  default:
    return frame->kind < KV_PROMPT_HELLO;
  }
}

long kv_prompt_frame_next(const uint8_t *bytes, size_t size, kv_prompt_frame *frame) {
  if (size < LENGTH) return 0;
  uint32_t length = kv_le32(bytes);
  if (length < 1 || length > KV_PROMPT_FRAME_MAX) return -1;
  if (size - LENGTH < length) return 0;
  frame->kind = bytes[LENGTH];
  frame->payload = bytes + KV_PROMPT_FRAME_HEADER;
  frame->size = length - 1;
  return is_sound(frame) ? (long)(LENGTH + length) : -1;
}

kv_choices kv_prompt_frame_choices(const kv_prompt_frame *frame) {
  kv_choices choices = {
      .ticket = kv_le32(frame->payload),
      .before = kv_le32(frame->payload + LENGTH),
      .texts = (const char *)frame->payload + CHOICES_HEAD,
      .size = frame->size - CHOICES_HEAD,
  };
  for (size_t i = 0; i < choices.size; i++) choices.count += choices.texts[i] == 0;
  return choices;
}
