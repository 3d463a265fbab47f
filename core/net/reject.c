#include "net/reject.h"

#include <string.h>

enum {
  IP = 14,        /* where it begins */
  ICMP = IP + 20, /* the same */
  QUOTED = ICMP + 8,
  QUOTED_SIZE = 20 + 8,
  TTL = 64,
  PROTOCOL_ICMP = 1,
  UNREACHABLE = 3, /* type */
  PROHIBITED = 13  /* code */
};

static void put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value);
}

/* The Internet checksum (RFC 1071) of an even number of bytes. */
static uint32_t checksum(const uint8_t *bytes, size_t size) {
  uint32_t sum = 0;
  for (size_t i = 0; i < size; i += 2) sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum;
}

void kv_net_reject(const kv_net_rules *rules, const uint8_t *frame,
                   uint8_t answer[KV_NET_REJECT_SIZE]) {
  memset(answer, 0, KV_NET_REJECT_SIZE);
  memcpy(answer, rules->mac, 6);
  memcpy(answer + 6, frame, 6); /* whom the frame was for */
  memcpy(answer + 12, frame + 12, 2);
  answer[IP] = 0x45;
  put16(answer + IP + 2, KV_NET_REJECT_SIZE - IP);
  answer[IP + 8] = TTL;
  answer[IP + 9] = PROTOCOL_ICMP;
  put32(answer + IP + 12, rules->host);
  put32(answer + IP + 16, rules->guest);
  put16(answer + IP + 10, checksum(answer + IP, ICMP - IP));
  answer[ICMP] = UNREACHABLE;
  answer[ICMP + 1] = PROHIBITED;
  memcpy(answer + QUOTED, frame + IP, QUOTED_SIZE);
  put16(answer + ICMP + 2, checksum(answer + ICMP, KV_NET_REJECT_SIZE - ICMP));
}
