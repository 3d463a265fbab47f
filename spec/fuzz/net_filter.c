/*
 * Fuzzes the packet filter: the input is what QEMU sends, whole. It is fed twice, at once and in
 * pieces, with the same outcome; and what comes out holds only whole frames that are to go on.
 */
#include "net/filter.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
  if (!holds) abort();
}

/* 203.0.113.0/24 and 10.0.2.2; ports 80 and 8000 to 8010. */
static const kv_net_block HOSTS[] = {{0xcb007100u, 0xffffff00u}, {0x0a000202u, 0xffffffffu}};
static const kv_net_range PORTS[] = {{80, 80}, {8000, 8010}};
static const uint32_t OWN[] = {0xcb007107u};

static const kv_net_rules RULES = {.mac = {0x52, 0x54, 0x00, 0x6b, 0x76, 0x01},
                                   .guest = 0x0a00020fu,
                                   .network = {0x0a000200u, 0xffffff00u},
                                   .host = 0x0a000202u,
                                   .dns = 0x0a000203u,
                                   .hosts = HOSTS,
                                   .host_count = 2,
                                   .ports = PORTS,
                                   .port_count = 2,
                                   .own = OWN,
                                   .own_count = 1};

/* As the filter reads it, but for a second opinion: no more than what must hold of any packet. */
static void check_frame(const uint8_t *frame, size_t length) {
  check(length >= 42 && length <= KV_NET_FRAME_MAX);
  check(memcmp(frame + 6, RULES.mac, 6) == 0 && frame[12] == 8);
  if (frame[13] == 6) return;
  check(frame[13] == 0 && frame[14] == 0x45 && (frame[20] & 0xbf) == 0 && frame[21] == 0);
  const uint8_t *from = frame + 26, *to = frame + 30;
  check(from[0] == 10 && from[1] == 0 && from[2] == 2 && from[3] == 15);
  bool block = to[0] == 203 && to[1] == 0 && to[2] == 113 && to[3] != 7;
  bool host = to[0] == 10 && to[1] == 0 && to[2] == 2 && to[3] == 2;
  unsigned port = (unsigned)frame[36] << 8 | frame[37];
  check(block || host);
  check(frame[23] == KV_NET_TCP || frame[23] == KV_NET_UDP);
  check(port == 80 || (port >= 8000 && port <= 8010));
}

static void check_stream(const uint8_t *at, size_t size) {
  while (size > 0) {
    check(size > KV_NET_STREAM_HEADER && at[0] == 0 && at[1] == 0);
    size_t length = (size_t)at[2] << 8 | at[3];
    check(length <= size - KV_NET_STREAM_HEADER);
    check_frame(at + KV_NET_STREAM_HEADER, length);
    at += KV_NET_STREAM_HEADER + length;
    size -= KV_NET_STREAM_HEADER + length;
  }
}

/* Feeds pieces of `piece` bytes, each from memory of just its size. */
static size_t feed(kv_net_filter *filter, const uint8_t *data, size_t size, size_t piece,
                   uint8_t *out) {
  size_t used = 0;
  for (size_t at = 0; at < size; at += piece) {
    size_t length = size - at < piece ? size - at : piece;
    uint8_t *bytes = malloc(length), *room = malloc(KV_NET_ROOM(length));
    if (bytes == NULL || room == NULL) abort();
    memcpy(bytes, data + at, length);
    long written = kv_net_filter_feed(filter, bytes, length, room);
    check(written < 0 ? filter->broken : (size_t)written <= KV_NET_ROOM(length));
    if (written > 0) memcpy(out + used, room, (size_t)written);
    if (written > 0) used += (size_t)written;
    free(bytes);
    free(room);
  }
  return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  kv_net_filter whole = {.rules = RULES}, pieces = {.rules = RULES};
  uint8_t *first = malloc(2 * size), *second = malloc(2 * size);
  if (first == NULL || second == NULL) abort();
  size_t length = feed(&whole, data, size, size, first);
  size_t same = feed(&pieces, data, size, 1 + data[size - 1] % 64u, second);
  check_stream(second, same);
  check(whole.broken == pieces.broken && whole.passed == pieces.passed &&
        whole.dropped == pieces.dropped && whole.refused_count == pieces.refused_count);
  /* What came before a break is lost if it came in the same piece. */
  check(whole.answers_length == pieces.answers_length &&
        memcmp(whole.answers, pieces.answers, whole.answers_length) == 0);
  if (!whole.broken) check(length == same && memcmp(first, second, length) == 0);
  free(first);
  free(second);
  return 0;
}
