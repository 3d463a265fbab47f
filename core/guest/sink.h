/*
 * Where the bytes of STDIN frames go: a pipe or a terminal that may not take them yet, or a file.
 * What is not taken is held, never more than the window that the host was given.
 */
#ifndef KV_GUEST_SINK_H
#define KV_GUEST_SINK_H

#include "wire.h"

#include <stdbool.h>

struct kv_sink {
  int fd; /* -1: there is none (any more); what comes is dropped */
  bool terminal;
  bool ending;       /* the host has sent its end of file */
  bool waiting;      /* a write found no room */
  int error;         /* errno of a write that failed: the reader is gone, the disk is full */
  uint32_t window;   /* bytes that the host may send ahead of what was consumed */
  uint32_t allowed;  /* bytes that the host may still send */
  uint32_t consumed; /* bytes taken for which it was given no new credit yet */
  uint8_t *held;     /* NULL, or a window of bytes */
  size_t begin, length;
};

void kv_sink_open(struct kv_sink *sink, int fd, bool terminal, uint32_t window);

/* Takes what a STDIN frame brought; no bytes: the end of file. False if the host overran its
 * credit or sent something behind the end. */
bool kv_sink_take(struct kv_sink *sink, const uint8_t *bytes, size_t count);

/* Goes on writing what is held. At its end the descriptor is closed, or the terminal told. */
void kv_sink_flush(struct kv_sink *sink);

/* Credit that is due to the host, in bytes; it then counts as given. Small sums are left to grow,
 * unless the sink could starve for it. */
uint32_t kv_sink_credit(struct kv_sink *sink);

void kv_sink_close(struct kv_sink *sink);

#endif
