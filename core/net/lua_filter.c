/* Packet filters for Lua. Addresses are integers: 10.0.2.15 is 0x0a00020f. */
#include <lauxlib.h>
#include <string.h>

#include "net/filter.h"
#include "net/lua_net.h"

#define FILTER "kavach.net.filter"

/* User values of a filter: what its rules point to. */
enum { HOSTS = 1, PORTS, OWN, USER_VALUES = OWN };

static lua_Integer number_field(lua_State *L, int index, const char *key, lua_Integer most) {
  int whole = 0;
  lua_getfield(L, index, key);
  lua_Integer value = lua_tointegerx(L, -1, &whole);
  if (!whole || value < 0 || value > most)
    luaL_error(L, "filter: %s must be an integer from 0 to %I", key, (LUAI_UACINT)most);
  lua_pop(L, 1);
  return value;
}

static uint32_t address_field(lua_State *L, int index, const char *key) {
  return (uint32_t)number_field(L, index, key, 0xffffffff);
}

/* {address=, prefix=} of the table at `index`. */
static kv_net_block read_block(lua_State *L, int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  kv_net_block block = {.address = address_field(L, index, "address"),
                        .mask = kv_net_mask((unsigned)number_field(L, index, "prefix", 32))};
  if ((block.address & ~block.mask) != 0)
    luaL_error(L, "filter: an address has bits outside its prefix");
  return block;
}

/* Pushes the list at `key` of the table at index 1. Returns whether there is one. */
static bool push_list(lua_State *L, const char *key) {
  int type = lua_getfield(L, 1, key);
  if (type != LUA_TTABLE && type != LUA_TNIL) luaL_error(L, "filter: %s must be a list", key);
  return type == LUA_TTABLE;
}

/* Memory for `count` items of a list, which the filter at index 2 keeps. */
static void *keep_items(lua_State *L, int user_value, size_t count, size_t size) {
  void *items = lua_newuserdatauv(L, (count ? count : 1) * size, 0);
  lua_setiuservalue(L, 2, user_value);
  return items;
}

static void read_hosts(lua_State *L, kv_net_rules *rules) {
  rules->any_host = !push_list(L, "hosts");
  if (!rules->any_host) {
    size_t count = lua_rawlen(L, -1);
    kv_net_block *hosts = keep_items(L, HOSTS, count, sizeof *hosts);
    for (size_t i = 0; i < count; i++) {
      lua_rawgeti(L, -1, (lua_Integer)i + 1);
      hosts[i] = read_block(L, lua_gettop(L));
      lua_pop(L, 1);
    }
    rules->hosts = hosts;
    rules->host_count = count;
  }
  lua_pop(L, 1);
}

static void read_ports(lua_State *L, kv_net_rules *rules) {
  rules->any_port = !push_list(L, "ports");
  if (!rules->any_port) {
    size_t count = lua_rawlen(L, -1);
    kv_net_range *ports = keep_items(L, PORTS, count, sizeof *ports);
    for (size_t i = 0; i < count; i++) {
      lua_rawgeti(L, -1, (lua_Integer)i + 1);
      int range = lua_gettop(L);
      luaL_checktype(L, range, LUA_TTABLE);
      ports[i].from = (uint16_t)number_field(L, range, "from", 65535);
      ports[i].to = (uint16_t)number_field(L, range, "to", 65535);
      lua_pop(L, 1);
    }
    rules->ports = ports;
    rules->port_count = count;
  }
  lua_pop(L, 1);
}

static void read_own(lua_State *L, kv_net_rules *rules) {
  if (push_list(L, "own")) {
    size_t count = lua_rawlen(L, -1);
    uint32_t *own = keep_items(L, OWN, count, sizeof *own);
    for (size_t i = 0; i < count; i++) {
      lua_rawgeti(L, -1, (lua_Integer)i + 1);
      own[i] = (uint32_t)luaL_checkinteger(L, -1);
      lua_pop(L, 1);
    }
    rules->own = own;
    rules->own_count = count;
  }
  lua_pop(L, 1);
}

/* filter{mac=, guest=, network={address=, prefix=}, host=, dns=, hosts={{address=, prefix=}…},
 * ports={{from=, to=}…}, own={address…}}: fields as in kv_net_rules; `mac` is six bytes. Without
 * `hosts` or `ports` there is no limit to them. */
static int filter_new(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  kv_net_filter *filter = lua_newuserdatauv(L, sizeof *filter, USER_VALUES);
  memset(filter, 0, sizeof *filter);
  luaL_setmetatable(L, FILTER);
  kv_net_rules *rules = &filter->rules;
  size_t length = 0;
  lua_getfield(L, 1, "mac");
  const char *mac = lua_tolstring(L, -1, &length);
  if (!mac || length != sizeof rules->mac) return luaL_error(L, "filter: mac must be six bytes");
  memcpy(rules->mac, mac, sizeof rules->mac);
  lua_pop(L, 1);
  rules->guest = address_field(L, 1, "guest");
  rules->host = address_field(L, 1, "host");
  rules->dns = address_field(L, 1, "dns");
  lua_getfield(L, 1, "network");
  rules->network = read_block(L, lua_gettop(L));
  lua_pop(L, 1);
  read_hosts(L, rules);
  read_ports(L, rules);
  read_own(L, rules);
  return 1;
}

/* feed(bytes) -> the bytes of the frames that may go on, perhaps "" | nil, message: the stream is
 * none, and nothing passes any more */
static int filter_feed(lua_State *L) {
  kv_net_filter *filter = luaL_checkudata(L, 1, FILTER);
  size_t length;
  const char *bytes = luaL_checklstring(L, 2, &length);
  luaL_Buffer buffer;
  char *out = luaL_buffinitsize(L, &buffer, KV_NET_ROOM(length));
  long written = kv_net_filter_feed(filter, (const uint8_t *)bytes, length, (uint8_t *)out);
  if (written < 0) {
    lua_pushnil(L);
    lua_pushliteral(L, "what came is no stream of frames");
    return 2;
  }
  luaL_pushresultsize(&buffer, (size_t)written);
  return 1;
}

/* answers() -> frames for the guest, as a stream, that answer what was refused since the last call;
 * perhaps "" */
static int filter_answers(lua_State *L) {
  kv_net_filter *filter = luaL_checkudata(L, 1, FILTER);
  lua_pushlstring(L, (const char *)filter->answers, filter->answers_length);
  filter->answers_length = 0;
  return 1;
}

/* allows(address, port) -> whether TCP and UDP may go there */
static int filter_allows(lua_State *L) {
  const kv_net_filter *filter = luaL_checkudata(L, 1, FILTER);
  uint32_t address = (uint32_t)luaL_checkinteger(L, 2);
  uint16_t port = (uint16_t)luaL_checkinteger(L, 3);
  lua_pushboolean(L, kv_net_host_allowed(&filter->rules, address) &&
                         kv_net_port_allowed(&filter->rules, address, port));
  return 1;
}

/* counts() -> frames passed, frames dropped */
static int filter_counts(lua_State *L) {
  const kv_net_filter *filter = luaL_checkudata(L, 1, FILTER);
  lua_pushinteger(L, (lua_Integer)filter->passed);
  lua_pushinteger(L, (lua_Integer)filter->dropped);
  return 2;
}

static void set_integer(lua_State *L, const char *key, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, key);
}

/* refused() -> the first few destinations that were refused, {{address=, port=, protocol=}…} */
static int filter_refused(lua_State *L) {
  const kv_net_filter *filter = luaL_checkudata(L, 1, FILTER);
  lua_createtable(L, (int)filter->refused_count, 0);
  for (size_t i = 0; i < filter->refused_count; i++) {
    const kv_net_flow *flow = &filter->refused[i];
    lua_createtable(L, 0, 3);
    set_integer(L, "address", flow->address);
    set_integer(L, "port", flow->port);
    set_integer(L, "protocol", flow->protocol);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

void kv_lua_net_filter(lua_State *L) {
  static const luaL_Reg methods[] = {{"feed", filter_feed},       {"answers", filter_answers},
                                     {"allows", filter_allows},   {"counts", filter_counts},
                                     {"refused", filter_refused}, {NULL, NULL}};
  luaL_newmetatable(L, FILTER);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_pushcfunction(L, filter_new);
  lua_setfield(L, -2, "filter");
}
