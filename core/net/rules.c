#include "net/rules.h"

enum { DNS_PORT = 53 };

static const kv_net_block LINK_LOCAL = {0xa9fe0000u, 0xffff0000u}; /* 169.254.0.0/16, RFC 3927 */

static bool inside(kv_net_block block, uint32_t address) {
  return (address & block.mask) == block.address;
}

uint32_t kv_net_mask(unsigned bits) { return bits == 0 ? 0 : 0xffffffffu << (32 - bits); }

/* 0/8, 127/8, and from 224.0.0.0 on. */
static bool never(uint32_t address) {
  uint32_t first = address >> 24;
  return first == 0 || first == 127 || first >= 224;
}

static bool is_own(const kv_net_rules *rules, uint32_t address) {
  for (size_t i = 0; i < rules->own_count; i++)
    if (rules->own[i] == address) return true;
  return false;
}

/* In a listed block that lies within `bounds`. */
static bool listed(const kv_net_rules *rules, uint32_t address, kv_net_block bounds) {
  if (rules->any_host) return false;
  for (size_t i = 0; i < rules->host_count; i++) {
    kv_net_block block = rules->hosts[i];
    bool within = (block.mask & bounds.mask) == bounds.mask && inside(bounds, block.address);
    if (within && inside(block, address)) return true;
  }
  return false;
}

bool kv_net_host_allowed(const kv_net_rules *rules, uint32_t address) {
  const kv_net_block itself = {address, 0xffffffffu}, everything = {0, 0};
  if (never(address)) return false;
  if (inside(rules->network, address)) {
    if (address == rules->dns && rules->any_host) return true;
    bool named = address == rules->dns || address == rules->host;
    return named && listed(rules, address, itself);
  }
  if (is_own(rules, address)) return listed(rules, address, itself);
  if (inside(LINK_LOCAL, address)) return listed(rules, address, LINK_LOCAL);
  return rules->any_host || listed(rules, address, everything);
}

bool kv_net_port_allowed(const kv_net_rules *rules, uint32_t address, uint16_t port) {
  if (address == rules->dns && port != DNS_PORT) return false;
  if (rules->any_port) return true;
  for (size_t i = 0; i < rules->port_count; i++)
    if (port >= rules->ports[i].from && port <= rules->ports[i].to) return true;
  return false;
}
