#include "net/filter.h"

#include <string.h>

enum {
  ETHERNET_HEADER = 14,
  ETHERNET_LEAST = 60, /* shorter frames may be filled up to this (IEEE 802.3, without its FCS) */
  IP_HEADER = 20,
  ARP_SIZE = 28,
  TCP_HEADER = 20,
  UDP_HEADER = 8,
  ICMP_HEADER = 8,
  ICMP_ECHO = 8,
  ETHERTYPE_IPV4 = 0x0800, /* IANA, IEEE 802 Numbers */
  ETHERTYPE_ARP = 0x0806,
  FRAGMENT_BITS = 0x3fff, /* "more fragments", and the offset */
  RESERVED_BIT = 0x8000
};

static unsigned get16(const uint8_t *at) { return (unsigned)at[0] << 8 | at[1]; }

static uint32_t get32(const uint8_t *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }

/* Whether `size` bytes are all that the frame holds behind its header, but for filling. */
static bool is_whole(size_t frame_length, size_t size) {
  size_t whole = ETHERNET_HEADER + size;
  return whole == frame_length || (whole < frame_length && frame_length <= ETHERNET_LEAST);
}

static bool is_group(const uint8_t *mac) { return (mac[0] & 1) != 0; }

/* ---- ARP --------------------------------------------------------------------------------------
 */

static kv_net_verdict judge_arp(const kv_net_rules *rules, const uint8_t *frame, size_t length) {
  /* Ethernet, IPv4, and the sizes of their addresses. */
  static const uint8_t KIND[] = {0, 1, 8, 0, 6, 4};
  const uint8_t *arp = frame + ETHERNET_HEADER;
  if (length < ETHERNET_HEADER + ARP_SIZE || !is_whole(length, ARP_SIZE)) return KV_NET_ODD;
  unsigned operation = get16(arp + 6);
  bool sound = memcmp(arp, KIND, sizeof KIND) == 0 && (operation == 1 || operation == 2) &&
               memcmp(arp + 8, rules->mac, 6) == 0 && get32(arp + 14) == rules->guest;
  return sound ? KV_NET_PASS : KV_NET_ODD;
}

/* ---- what IPv4 carries -------------------------------------------------------------------------
 */

static bool is_sound(uint8_t protocol, const uint8_t *data, size_t length) {
  switch (protocol) {
  case KV_NET_TCP:
    return length >= TCP_HEADER && (size_t)(data[12] >> 4) * 4 >= TCP_HEADER &&
           (size_t)(data[12] >> 4) * 4 <= length;
  case KV_NET_UDP:
    return length >= UDP_HEADER && get16(data + 4) == length;
  case KV_NET_ICMP:
    return length >= ICMP_HEADER && data[0] == ICMP_ECHO && data[1] == 0;
  default:
    return false;
  }
}

static bool may_go(const kv_net_rules *rules, const kv_net_flow *flow) {
  if (!kv_net_host_allowed(rules, flow->address)) return false;
  if (flow->protocol == KV_NET_ICMP) return rules->any_port;
  return kv_net_port_allowed(rules, flow->address, flow->port);
}

static kv_net_verdict judge_ipv4(const kv_net_rules *rules, const uint8_t *frame, size_t length,
                                 kv_net_flow *flow) {
  const uint8_t *ip = frame + ETHERNET_HEADER;
  if (length < ETHERNET_HEADER + IP_HEADER || is_group(frame)) return KV_NET_ODD;
  size_t total = get16(ip + 2);
  unsigned fragment = get16(ip + 6);
  /* Version 4, a header of five words: no options. */
  if (ip[0] != 0x45 || total < IP_HEADER || !is_whole(length, total)) return KV_NET_ODD;
  if ((fragment & (FRAGMENT_BITS | RESERVED_BIT)) != 0) return KV_NET_ODD;
  if (get32(ip + 12) != rules->guest) return KV_NET_ODD;
  const uint8_t *data = ip + IP_HEADER;
  if (!is_sound(ip[9], data, total - IP_HEADER)) return KV_NET_ODD;
  *flow = (kv_net_flow){.address = get32(ip + 16), .protocol = ip[9]};
  if (flow->protocol != KV_NET_ICMP) flow->port = (uint16_t)get16(data + 2);
  return may_go(rules, flow) ? KV_NET_PASS : KV_NET_REFUSED;
}

kv_net_verdict kv_net_judge(const kv_net_rules *rules, const uint8_t *frame, size_t length,
                            kv_net_flow *flow) {
  if (length < ETHERNET_HEADER || length > KV_NET_FRAME_MAX) return KV_NET_ODD;
  if (memcmp(frame + 6, rules->mac, 6) != 0) return KV_NET_ODD;
  switch (get16(frame + 12)) {
  case ETHERTYPE_IPV4:
    return judge_ipv4(rules, frame, length, flow);
  case ETHERTYPE_ARP:
    return judge_arp(rules, frame, length);
  default:
    return KV_NET_ODD;
  }
}

/* ---- the stream --------------------------------------------------------------------------------
 */

static void remember(kv_net_filter *filter, const kv_net_flow *flow) {
  for (size_t i = 0; i < filter->refused_count; i++) {
    const kv_net_flow *known = &filter->refused[i];
    if (known->address == flow->address && known->port == flow->port &&
        known->protocol == flow->protocol)
      return;
  }
  if (filter->refused_count < KV_NET_REFUSED_MAX) filter->refused[filter->refused_count++] = *flow;
}

static void answer(kv_net_filter *filter, const uint8_t *frame) {
  uint8_t *at = filter->answers + filter->answers_length;
  const size_t size = KV_NET_STREAM_HEADER + KV_NET_REJECT_SIZE;
  if (sizeof filter->answers - filter->answers_length < size) return;
  memset(at, 0, KV_NET_STREAM_HEADER - 1);
  at[KV_NET_STREAM_HEADER - 1] = KV_NET_REJECT_SIZE;
  kv_net_reject(&filter->rules, frame, at + KV_NET_STREAM_HEADER);
  filter->answers_length += size;
}

/* Judges a frame with its length before it; writes it to `out` if it passes. */
static size_t take_frame(kv_net_filter *filter, const uint8_t *at, size_t size, uint8_t *out) {
  kv_net_flow flow;
  kv_net_verdict verdict =
      kv_net_judge(&filter->rules, at + KV_NET_STREAM_HEADER, size - KV_NET_STREAM_HEADER, &flow);
  if (verdict == KV_NET_PASS) {
    filter->passed++;
    memcpy(out, at, size);
    return size;
  }
  filter->dropped++;
  if (verdict == KV_NET_REFUSED) {
    remember(filter, &flow);
    answer(filter, at + KV_NET_STREAM_HEADER);
  }
  return 0;
}

/* Adds to the partial frame up to `size` bytes of it; gives back how many of `length` that took. */
static size_t fill(kv_net_filter *filter, size_t size, const uint8_t *bytes, size_t length) {
  size_t wanted = size - filter->have;
  size_t taken = wanted < length ? wanted : length;
  memcpy(filter->partial + filter->have, bytes, taken);
  filter->have += taken;
  return taken;
}

/* One step: bytes of a frame that is passed over, of a header, or of a frame. */
static size_t step(kv_net_filter *filter, const uint8_t *bytes, size_t length, uint8_t **out) {
  if (filter->skip > 0) {
    size_t passed_over = filter->skip < length ? filter->skip : length;
    filter->skip -= passed_over;
    return passed_over;
  }
  if (filter->have < KV_NET_STREAM_HEADER) return fill(filter, KV_NET_STREAM_HEADER, bytes, length);
  size_t size = KV_NET_STREAM_HEADER + (size_t)get32(filter->partial);
  size_t taken = fill(filter, size, bytes, length);
  if (filter->have == size) {
    *out += take_frame(filter, filter->partial, size, *out);
    filter->have = 0;
  }
  return taken;
}

/* A header is there: what is too long, or empty, is not even gathered. */
static void look_at_header(kv_net_filter *filter) {
  if (filter->have != KV_NET_STREAM_HEADER || filter->skip > 0) return;
  uint32_t length = get32(filter->partial);
  if (length > 0 && length <= KV_NET_FRAME_MAX) return;
  filter->broken = length > KV_NET_STREAM_MAX;
  filter->skip = length;
  filter->have = 0;
  filter->dropped++;
}

long kv_net_filter_feed(kv_net_filter *filter, const uint8_t *bytes, size_t length, uint8_t *out) {
  uint8_t *end = out;
  while (length > 0 && !filter->broken) {
    size_t taken = step(filter, bytes, length, &end);
    bytes += taken;
    length -= taken;
    look_at_header(filter);
  }
  return filter->broken ? -1 : end - out;
}
