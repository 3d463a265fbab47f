/*
 * Fuzzes how the agent's port puts frames together again: the same bytes must give the same
 * frames, and the same verdict, however they are cut. The input's first byte seeds the cuts.
 */
#define _GNU_SOURCE
#include "guest/port.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
  if (!holds) abort();
}

/* The next frame according to the bytes as a whole: what kv_port_next must say at this point. */
static void compare(const uint8_t *data, size_t size, size_t *at, const struct kv_frame *frame) {
  struct kv_frame expected;
  long whole = kv_frame_decode(data + *at, size - *at, &expected);
  check(whole > 0 && expected.type == frame->type && expected.channel == frame->channel);
  check(expected.length == frame->length);
  check(memcmp(expected.payload, frame->payload, frame->length) == 0);
  *at += (size_t)whole;
}

static int drain(struct kv_port *port, const uint8_t *data, size_t size, size_t *at) {
  struct kv_frame frame;
  int got;
  while ((got = kv_port_next(port, &frame)) > 0) {
    compare(data, size, at, &frame);
    kv_port_unget(port, &frame);
    check(kv_port_next(port, &frame) == 1);
  }
  return got;
}

static void feed(struct kv_port *port, int host, unsigned seed, const uint8_t *data, size_t size) {
  size_t sent = 0, at = 0;
  int verdict = 0;
  while (sent < size && verdict == 0) {
    seed = seed * 1103515245u + 12345u;
    size_t cut = 1 + (seed >> 16) % ((seed & 1) != 0 ? 5 : 5000);
    if (cut > size - sent) cut = size - sent;
    check(write(host, data + sent, cut) == (ssize_t)cut);
    sent += cut;
    kv_port_receive(port);
    check(!port->closed);
    verdict = drain(port, data, size, &at);
  }
  struct kv_frame frame;
  if (verdict < 0)
    check(kv_frame_decode(data + at, size - at, &frame) < 0);
  else
    check(kv_frame_decode(data + at, size - at, &frame) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct kv_port port;
  int pair[2];
  if (size < 1 || size > KV_WIRE_MAX || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 0;
  port.in_begin = port.in_end = port.out_begin = port.out_end = 0;
  port.closed = port.blocked = false;
  check(kv_port_open(&port, pair[0]) == 0);
  feed(&port, pair[1], data[0], data + 1, size - 1);
  close(pair[0]);
  close(pair[1]);
  return 0;
}
