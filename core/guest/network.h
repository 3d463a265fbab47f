/*
 * NETWORK: the guest's one network interface, its addresses and its names.
 */
#ifndef KV_GUEST_NETWORK_H
#define KV_GUEST_NETWORK_H

#include "frame.h"

struct kv_network_request {
  uint32_t address; /* as a number: 10.0.2.15 is 0x0a00020f; so are the others */
  uint32_t bits;    /* of the network's part of it: 1 to 31 */
  uint32_t gateway, dns;
  const char *hosts;
};

/* False if the payload breaks wire.h's rules. */
bool kv_network_parse(const struct kv_frame *frame, struct kv_network_request *request);

#endif
