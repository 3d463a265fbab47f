/* Values to the bytes of requests, and replies to values. */
#include <lauxlib.h>

#include "base/encode.h"
#include "rules/lua_rules.h"

/* ---- a buffer that Lua frees, whatever is raised ---- */

#define BUFFER "kavach.rules.buffer"

static int free_buffer(lua_State *L) {
  kv_blob_free(lua_touserdata(L, 1));
  return 0;
}

kv_blob *kv_lua_push_buffer(lua_State *L) {
  kv_blob *b = lua_newuserdatauv(L, sizeof *b, 0);
  *b = (kv_blob){0};
  luaL_setmetatable(L, BUFFER);
  return b;
}

/* ---- values to bytes ---- */

static void encode_list(lua_State *L, kv_blob *out, int table, lua_Integer count, int depth) {
  kv_blob_open in = kv_blob_begin(out, 'a');
  for (lua_Integer i = 1; i <= count; i++) {
    kv_blob_next(out, &in);
    lua_rawgeti(L, table, i);
    kv_lua_encode(L, out, lua_gettop(L), depth);
    lua_pop(L, 1);
  }
  kv_blob_end(out, &in);
}

static void encode_object(lua_State *L, kv_blob *out, int table, int depth) {
  kv_blob_open in = kv_blob_begin(out, 'o');
  lua_pushnil(L);
  while (lua_next(L, table)) {
    size_t size;
    int value = lua_gettop(L);
    if (lua_type(L, value - 1) != LUA_TSTRING)
      luaL_error(L, "rules.encode: a table is a list or has names as keys");
    const char *key = lua_tolstring(L, value - 1, &size);
    kv_blob_key(out, &in, key, size);
    kv_lua_encode(L, out, value, depth);
    lua_pop(L, 1);
  }
  kv_blob_end(out, &in);
}

static void encode_table(lua_State *L, kv_blob *out, int index, int depth) {
  lua_Integer count = (lua_Integer)lua_rawlen(L, index);
  bool marked = count == 0 && luaL_getmetafield(L, index, "__name") == LUA_TSTRING;
  if (marked) lua_pop(L, 1); /* an empty list of kavach.json */
  if (depth == 0) luaL_error(L, "rules.encode: nested too deep");
  if (count > 0 || marked)
    encode_list(L, out, index, count, depth - 1);
  else
    encode_object(L, out, index, depth - 1);
}

void kv_lua_encode(lua_State *L, kv_blob *out, int index, int depth) {
  size_t size;
  luaL_checkstack(L, KV_LUA_STEP, NULL);
  switch (lua_type(L, index)) {
  case LUA_TNIL:
  case LUA_TLIGHTUSERDATA:
    kv_blob_put_tag(out, 'n');
    break; /* or null, of kavach.json */
  case LUA_TBOOLEAN:
    kv_blob_put_boolean(out, lua_toboolean(L, index));
    break;
  case LUA_TNUMBER:
    if (lua_isinteger(L, index))
      kv_blob_put_integer(out, lua_tointeger(L, index));
    else
      kv_blob_put_float(out, lua_tonumber(L, index));
    break;
  case LUA_TSTRING: {
    const char *text = lua_tolstring(L, index, &size);
    kv_blob_put_bytes(out, 's', text, size);
    break;
  }
  case LUA_TTABLE:
    encode_table(L, out, index, depth);
    break;
  default:
    luaL_error(L, "rules.encode: a %s has no form", luaL_typename(L, index));
  }
}

int kv_lua_push_bytes(lua_State *L, kv_blob *b) {
  if (b->failed) return luaL_error(L, "rules.encode: too large, or no memory");
  lua_pushlstring(L, (const char *)b->bytes, b->size);
  kv_blob_free(b);
  return 1;
}

/* encode(value): its bytes, as sessions take them. */
static int rules_encode(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  kv_blob *out = kv_lua_push_buffer(L);
  kv_lua_encode(L, out, 1, KV_BLOB_DEPTH_MAX);
  return kv_lua_push_bytes(L, out);
}

/* ---- bytes to values ---- */

static void decode(lua_State *L, const uint8_t *node);

static void decode_object(lua_State *L, const uint8_t *node) {
  uint32_t count = kv_blob_count(node);
  lua_createtable(L, 0, (int)count);
  for (uint32_t i = 0; i < count; i++) {
    const uint8_t *key;
    size_t size;
    const uint8_t *value = kv_blob_entry(node, i, &key, &size);
    lua_pushlstring(L, (const char *)key, size);
    decode(L, value);
    lua_rawset(L, -3);
  }
}

static void decode_list(lua_State *L, const uint8_t *node) {
  uint32_t count = kv_blob_count(node);
  lua_createtable(L, (int)count, 0);
  for (uint32_t i = 0; i < count; i++) {
    decode(L, kv_blob_item(node, i));
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

static void decode_bytes(lua_State *L, const uint8_t *node) {
  size_t size;
  const uint8_t *bytes = kv_blob_bytes(node, &size);
  luaL_Buffer b;
  char *digits = luaL_buffinitsize(L, &b, 2 * size + 1);
  kv_hex_encode(bytes, size, digits);
  luaL_pushresultsize(&b, 2 * size);
}

static void decode(lua_State *L, const uint8_t *node) {
  size_t size;
  luaL_checkstack(L, KV_LUA_STEP, NULL);
  switch (*node) {
  case 't':
  case 'f':
    lua_pushboolean(L, *node == 't');
    break;
  case 'i':
    lua_pushinteger(L, kv_blob_integer(node));
    break;
  case 'd':
    lua_pushnumber(L, kv_blob_float(node));
    break;
  case 's': {
    const uint8_t *bytes = kv_blob_bytes(node, &size);
    lua_pushlstring(L, (const char *)bytes, size);
    break;
  }
  case 'x':
    decode_bytes(L, node);
    break;
  case 'a':
    decode_list(L, node);
    break;
  case 'o':
    decode_object(L, node);
    break;
  default:
    lua_pushnil(L);
  }
}

/* decode(bytes): the value, bytes as hex; or nil and a message. */
static int rules_decode(lua_State *L) {
  size_t size;
  kv_error error;
  const char *bytes = luaL_checklstring(L, 1, &size);
  if (kv_blob_check((const uint8_t *)bytes, size, &error) < 0) {
    lua_pushnil(L);
    lua_pushstring(L, error.message);
    return 2;
  }
  decode(L, (const uint8_t *)bytes);
  return 1;
}

void kv_lua_values(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"encode", rules_encode}, {"decode", rules_decode}, {NULL, NULL}};
  luaL_newmetatable(L, BUFFER);
  lua_pushcfunction(L, free_buffer);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
