/* Whatever bytes a session sends: frames within them, and choices that end where they do. */
#include "prompt/frame.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "prompt/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
  if (!holds) abort();
}

static void use(const kv_prompt_frame *frame) {
  check(frame->kind < KV_PROMPT_HELLO);
  if (frame->kind == KV_PROMPT_READY) check(frame->size >= KV_PROMPT_READY_HEAD);
  if (frame->kind == KV_PROMPT_BYE) check(frame->size == 1);
  if (frame->kind != KV_PROMPT_CHOICES) return;
  kv_choices choices = kv_prompt_frame_choices(frame);
  const char *at = choices.texts, *end = choices.texts + choices.size;
  for (size_t i = 0; i < choices.count; i++) {
    check(at < end);
    at += strlen(at) + 1;
  }
  check(at == end && (const uint8_t *)end == frame->payload + frame->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  while (size > 0) {
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) return 0;
    memcpy(bytes, data, size);
    kv_prompt_frame frame;
    long whole = kv_prompt_frame_next(bytes, size, &frame);
    check(whole <= (long)size);
    if (whole > 0) {
      check(frame.payload + frame.size == bytes + whole);
      use(&frame);
    }
    free(bytes);
    if (whole <= 0) return 0;
    data += whole;
    size -= (size_t)whole;
  }
  return 0;
}
