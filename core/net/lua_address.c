/* IPv4 addresses of names and of this machine, for Lua, as integers: 10.0.2.15 is 0x0a00020f. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <lauxlib.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "loop/work.h"
#include "net/lua_net.h"

#define LOOKUP "kavach.net.lookup"

enum { NAME_MAX_LENGTH = 253 /* RFC 1035, as text */, ADDRESSES_MAX = 64 };

/* A name that is looked up on another thread. */
typedef struct lookup {
  kv_work work; /* first */
  char name[NAME_MAX_LENGTH + 1];
  bool begun;
  atomic_bool done; /* set last, by the thread */
  int status;       /* as getaddrinfo gives it */
  uint32_t addresses[ADDRESSES_MAX];
  size_t count;
} lookup;

static void add(lookup *self, uint32_t address) {
  for (size_t i = 0; i < self->count; i++)
    if (self->addresses[i] == address) return;
  if (self->count < ADDRESSES_MAX) self->addresses[self->count++] = address;
}

static uint32_t address_of(const struct sockaddr *from) {
  struct sockaddr_in address;
  memcpy(&address, from, sizeof address);
  return ntohl(address.sin_addr.s_addr);
}

static void run(kv_work *work) {
  lookup *self = (lookup *)work;
  const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  self->status = getaddrinfo(self->name, NULL, &hints, &found);
  for (const struct addrinfo *at = self->status == 0 ? found : NULL; at; at = at->ai_next)
    add(self, address_of(at->ai_addr));
  if (self->status == 0) freeaddrinfo(found);
  atomic_store(&self->done, true);
}

/* lookup(name) -> an object, to be run: core.work(it:work(), it, callback) */
static int lookup_new(lua_State *L) {
  size_t length;
  const char *name = luaL_checklstring(L, 1, &length);
  luaL_argcheck(L, length <= NAME_MAX_LENGTH && strlen(name) == length, 1, "no host's name");
  lookup *self = lua_newuserdatauv(L, sizeof *self, 0);
  memset(self, 0, sizeof *self);
  memcpy(self->name, name, length);
  self->work.run = run;
  atomic_init(&self->done, false);
  luaL_setmetatable(L, LOOKUP);
  return 1;
}

static int lookup_work(lua_State *L) {
  lookup *self = luaL_checkudata(L, 1, LOOKUP);
  if (self->begun) return luaL_error(L, "the name is looked up already");
  self->begun = true;
  lua_pushlightuserdata(L, self);
  return 1;
}

/* addresses() -> a list | nil, message. Once it has run. */
static int lookup_addresses(lua_State *L) {
  lookup *self = luaL_checkudata(L, 1, LOOKUP);
  if (!atomic_load(&self->done)) return luaL_error(L, "the name is not looked up yet");
  if (self->status != 0) {
    lua_pushnil(L);
    lua_pushstring(L, gai_strerror(self->status));
    return 2;
  }
  lua_createtable(L, (int)self->count, 0);
  for (size_t i = 0; i < self->count; i++) {
    lua_pushinteger(L, self->addresses[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* own_addresses() -> the addresses of this machine's interfaces, a list | nil, message */
static int own_addresses(lua_State *L) {
  struct ifaddrs *first;
  if (getifaddrs(&first) < 0) {
    lua_pushnil(L);
    lua_pushfstring(L, "this machine's addresses: %s", strerror(errno));
    return 2;
  }
  lua_newtable(L);
  lua_Integer count = 0;
  for (const struct ifaddrs *at = first; at; at = at->ifa_next) {
    if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET) continue;
    lua_pushinteger(L, address_of(at->ifa_addr));
    lua_rawseti(L, -2, ++count);
  }
  freeifaddrs(first);
  return 1;
}

void kv_lua_net_address(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"work", lookup_work}, {"addresses", lookup_addresses}, {NULL, NULL}};
  static const luaL_Reg functions[] = {
      {"lookup", lookup_new}, {"own_addresses", own_addresses}, {NULL, NULL}};
  luaL_newmetatable(L, LOOKUP);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
