/*
 * The answer to a packet that may not go on, so that who sent it knows at once and does not wait:
 * ICMP "destination unreachable, communication administratively prohibited" (RFC 1812, section
 * 5.2.7.1), as from the gateway. Pure.
 */
#ifndef KV_NET_REJECT_H
#define KV_NET_REJECT_H

#include "net/rules.h"

/* Ethernet, IPv4, ICMP, and of the packet its header and the first 8 bytes behind (RFC 792). */
enum { KV_NET_REJECT_SIZE = 14 + 20 + 8 + 20 + 8 };

/* Writes the frame that answers `frame`, which kv_net_judge() has refused: so it is IPv4 without
 * options, and holds 8 bytes behind its header. */
void kv_net_reject(const kv_net_rules *rules, const uint8_t *frame,
                   uint8_t answer[KV_NET_REJECT_SIZE]);

#endif
