/*
 * The front end's end of the stream to a session: frames both ways, without ever waiting.
 */
#ifndef KV_PROMPT_LINK_H
#define KV_PROMPT_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prompt/frame.h"
#include "prompt/text.h"

typedef struct kv_link {
  int fd;
  kv_bytes in, out;
  size_t taken; /* of `in`: the frame that was given last */
  bool ended;   /* nothing more comes */
  bool broken;  /* what came is no frame */
} kv_link;

/* Reads what is there, up to a megabyte. */
void kv_link_read(kv_link *link);

/* The next frame, which stays where it is until the next call; false if none is whole. */
bool kv_link_next(kv_link *link, kv_prompt_frame *frame);

/* Sends as much as goes. */
void kv_link_flush(kv_link *link);

/* A frame of a head and a text. */
void kv_link_send(kv_link *link, uint8_t kind, const void *head, size_t head_size, const void *text,
                  size_t size);

void kv_link_free(kv_link *link);

#endif
