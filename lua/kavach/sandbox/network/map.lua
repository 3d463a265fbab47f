-- What a guest with a network sees of it. All guests see the same: each has a network of its own.

local address = require "kavach.sandbox.network.address"

local map = {
  MAC = "52:54:00:6b:76:01", -- the second bit of its first byte: not given out by any maker
  GUEST = assert(address.parse "10.0.2.15"),
  HOST = assert(address.parse "10.0.2.2"), -- the host's loopback, and the gateway
  DNS = assert(address.parse "10.0.2.3"),
  BLOCK = assert(address.block "10.0.2.0/24"),
}

-- Where no packet of a guest goes, whatever is allowed; core/net/rules.h says why.
map.NEVER = {
  { block = assert(address.block "0.0.0.0/8"), what = "not an address to send to" },
  { block = assert(address.block "127.0.0.0/8"),
    what = "loopback: for the host's own, use \"host\"" },
  { block = assert(address.block "224.0.0.0/3"), what = "multicast, broadcast or reserved" },
}

map.LINK_LOCAL = assert(address.block "169.254.0.0/16")

return map
