/*
 * Whom a guest may reach: addresses and ports, for a network behind QEMU's user-mode one. Pure.
 *
 * IPv4 addresses are numbers in the host's byte order: 10.0.2.15 is 0x0a00020f.
 *
 * Some destinations mean more than they seem to, so that a block or "everything" never covers them:
 *
 *   the guest's own network  QEMU takes each address in it for the host's loopback, so nothing
 *                            there can be reached but `host`, if it is listed itself, and the name
 *                            server
 *   the name server          only port 53: QEMU passes each port on to the host's own resolver
 *   169.254.0.0/16           where clouds keep their credentials: only by a block within it
 *   the host's addresses     only if they are listed themselves
 *   0/8, 127/8, 224/3        never: this host, loopback, multicast, reserved, broadcast (RFC 6890)
 */
#ifndef KV_NET_RULES_H
#define KV_NET_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kv_net_block {
  uint32_t address, mask; /* no bit of the address is outside the mask */
} kv_net_block;

typedef struct kv_net_range {
  uint16_t from, to; /* both belong to it */
} kv_net_range;

typedef struct kv_net_rules {
  uint8_t mac[6];       /* the guest's */
  uint32_t guest;       /* its address */
  kv_net_block network; /* that it is in */
  uint32_t host, dns;   /* the host's loopback and the name server, as the guest sees them */
  bool any_host, any_port;
  const kv_net_block *hosts; /* if not any_host */
  size_t host_count;
  const kv_net_range *ports; /* if not any_port */
  size_t port_count;
  const uint32_t *own; /* addresses of the host */
  size_t own_count;
} kv_net_rules;

/* The number of bits that a mask has, as a mask: 24 is 0xffffff00. */
uint32_t kv_net_mask(unsigned bits);

/* Whether anything at this address may be reached. */
bool kv_net_host_allowed(const kv_net_rules *rules, uint32_t address);

/* Whether TCP or UDP may reach this port at an address that may be reached. */
bool kv_net_port_allowed(const kv_net_rules *rules, uint32_t address, uint16_t port);

#endif
