/*
 * The packet filter between a guest's network device and QEMU's user-mode network: which of the
 * frames that the guest sends may go on. Pure: bytes in, bytes out. No Lua, no loop, no allocation.
 *
 * The frames come and go as a stream, as QEMU's filter-redirector has it (net/filter-mirror.c
 * there): each is its length, 32 bits in network byte order, and its bytes.
 *
 * What is not understood does not pass. A frame is passed on unchanged, and only if it is
 *   ARP (RFC 826) for IPv4 over Ethernet with the guest's own addresses as the sender's, or
 *   IPv4 (RFC 791) from the guest's own addresses, whole (no fragment, no options), of exactly the
 *   length that it says, carrying
 *     TCP (RFC 9293) or UDP (RFC 768) to an address and a port that the rules allow, or
 *     an ICMP echo request (RFC 792) to an address that they allow, if they name no ports.
 */
#ifndef KV_NET_FILTER_H
#define KV_NET_FILTER_H

#include "net/reject.h"
#include "net/rules.h"

enum {
  KV_NET_FRAME_MAX = 1514,   /* Ethernet: a header of 14 bytes and 1500 of payload */
  KV_NET_STREAM_MAX = 69632, /* a frame of QEMU's: NET_BUFSIZE in its include/net/net.h */
  KV_NET_STREAM_HEADER = 4,  /* the length before each frame */
  KV_NET_REFUSED_MAX = 16,   /* how many refused destinations are remembered */
  KV_NET_ANSWERS_MAX = 16,   /* how many answers are held */
  KV_NET_ICMP = 1,           /* protocols of IPv4, as IANA numbers them */
  KV_NET_TCP = 6,
  KV_NET_UDP = 17
};

/* Where a packet wants to go. */
typedef struct kv_net_flow {
  uint32_t address;
  uint16_t port; /* 0 for ICMP */
  uint8_t protocol;
} kv_net_flow;

typedef enum kv_net_verdict {
  KV_NET_PASS,
  KV_NET_REFUSED, /* sound, but the rules do not allow where it wants to go: *flow says where */
  KV_NET_ODD      /* nothing that a guest's network stack has to send here */
} kv_net_verdict;

/* The verdict on one Ethernet frame. */
kv_net_verdict kv_net_judge(const kv_net_rules *rules, const uint8_t *frame, size_t length,
                            kv_net_flow *flow);

typedef struct kv_net_filter {
  kv_net_rules rules; /* what it points to is the caller's */
  uint64_t passed, dropped;
  kv_net_flow refused[KV_NET_REFUSED_MAX]; /* the first that were different */
  size_t refused_count;
  bool broken; /* the stream was: nothing passes any more */

  /* Answers to what was refused, as a stream of frames for the guest. The caller takes them and
   * sets the length to 0; what has no room until then is not answered. */
  uint8_t answers[KV_NET_ANSWERS_MAX * (KV_NET_STREAM_HEADER + KV_NET_REJECT_SIZE)];
  size_t answers_length;

  /* of the stream */
  uint8_t partial[KV_NET_STREAM_HEADER + KV_NET_FRAME_MAX]; /* a frame that is not whole yet */
  size_t have;                                              /* bytes of it */
  size_t skip; /* bytes still to come of a frame that is too long to pass */
} kv_net_filter;

/* The most that kv_net_filter_feed() writes for `length` bytes. */
#define KV_NET_ROOM(length) ((length) + KV_NET_STREAM_HEADER + KV_NET_FRAME_MAX)

/* Takes the next bytes of the stream and writes those of the frames that may go on to `out`, which
 * has KV_NET_ROOM(length). Gives back how many, or -1 if the stream is none. */
long kv_net_filter_feed(kv_net_filter *filter, const uint8_t *bytes, size_t length, uint8_t *out);

#endif
