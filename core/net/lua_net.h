/*
 * The parts of `require "kavach.net"`. Each sets its functions in the table at the top of the
 * stack.
 */
#ifndef KV_NET_LUA_NET_H
#define KV_NET_LUA_NET_H

#include <lua.h>

/* Packet filters: lua_filter.c. */
void kv_lua_net_filter(lua_State *L);

/* Addresses of names and of this machine: lua_address.c. */
void kv_lua_net_address(lua_State *L);

#endif
