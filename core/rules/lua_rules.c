/* `require "kavach.rules"`: sessions in this process, and the values of requests and replies. */
#include <lauxlib.h>
#include <locale.h>
#include <string.h>

#include "base/encode.h"
#include "rules/session.h"

#define SESSION "kavach.rules.session"

enum { STACK = 8 };

/* ---- a buffer that Lua frees, whatever is raised ---- */

#define BUFFER "kavach.rules.buffer"

static int free_buffer(lua_State *L) {
  kv_blob_free(lua_touserdata(L, 1));
  return 0;
}

static kv_blob *push_buffer(lua_State *L) {
  kv_blob *b = lua_newuserdatauv(L, sizeof *b, 0);
  *b = (kv_blob){0};
  luaL_setmetatable(L, BUFFER);
  return b;
}

/* ---- values to bytes ---- */

/* What encodes: the names whose text is bytes are in the table at `hexed`, if that is not 0. */
typedef struct encoder {
  lua_State *L;
  kv_blob *out;
  int hexed;
} encoder;

static void encode(encoder *e, int index, bool bytes, int depth);

static bool is_hexed(encoder *e, int key) {
  if (!e->hexed) return false;
  lua_pushvalue(e->L, key);
  lua_rawget(e->L, e->hexed);
  bool is = lua_toboolean(e->L, -1);
  lua_pop(e->L, 1);
  return is;
}

static void encode_list(encoder *e, int table, lua_Integer count, int depth) {
  kv_blob_open in = kv_blob_begin(e->out, 'a');
  for (lua_Integer i = 1; i <= count; i++) {
    kv_blob_next(e->out, &in);
    lua_rawgeti(e->L, table, i);
    encode(e, lua_gettop(e->L), false, depth);
    lua_pop(e->L, 1);
  }
  kv_blob_end(e->out, &in);
}

static void encode_object(encoder *e, int table, int depth) {
  kv_blob_open in = kv_blob_begin(e->out, 'o');
  lua_pushnil(e->L);
  while (lua_next(e->L, table)) {
    size_t size;
    int value = lua_gettop(e->L);
    if (lua_type(e->L, value - 1) != LUA_TSTRING)
      luaL_error(e->L, "rules.encode: a table is a list or has names as keys");
    const char *key = lua_tolstring(e->L, value - 1, &size);
    kv_blob_key(e->out, &in, key, size);
    bool bytes = lua_type(e->L, value) == LUA_TSTRING && is_hexed(e, value - 1);
    encode(e, value, bytes, depth);
    lua_pop(e->L, 1);
  }
  kv_blob_end(e->out, &in);
}

static void encode(encoder *e, int index, bool bytes, int depth) {
  lua_State *L = e->L;
  size_t size;
  if (depth == 0) luaL_error(L, "rules.encode: nested too deep");
  luaL_checkstack(L, STACK, NULL);
  switch (lua_type(L, index)) {
  case LUA_TBOOLEAN:
    kv_blob_put_boolean(e->out, lua_toboolean(L, index));
    break;
  case LUA_TNUMBER:
    if (lua_isinteger(L, index))
      kv_blob_put_integer(e->out, lua_tointeger(L, index));
    else
      kv_blob_put_float(e->out, lua_tonumber(L, index));
    break;
  case LUA_TSTRING: {
    const char *text = lua_tolstring(L, index, &size);
    kv_blob_put_bytes(e->out, bytes ? 'x' : 's', text, size);
    break;
  }
  case LUA_TTABLE: {
    lua_Integer count = (lua_Integer)lua_rawlen(L, index);
    bool list = count > 0 || luaL_getmetafield(L, index, "__name") == LUA_TSTRING;
    if (list && count == 0) lua_pop(L, 1); /* an empty list of kavach.json has a mark */
    if (list)
      encode_list(e, index, count, depth - 1);
    else
      encode_object(e, index, depth - 1);
    break;
  }
  case LUA_TLIGHTUSERDATA:
    kv_blob_put_tag(e->out, 'n');
    break; /* kavach.json's null */
  default:
    luaL_error(L, "rules.encode: a %s has no form", luaL_typename(L, index));
  }
}

/* encode(value[, hexed]): its bytes, as sessions take them. Texts whose name is a key of `hexed`
 * are bytes, which policies see in hex. An empty list is what kavach.json marks as one. */
static int rules_encode(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 2);
  bool hexed = !lua_isnil(L, 2);
  if (hexed) luaL_checktype(L, 2, LUA_TTABLE);
  encoder e = {L, push_buffer(L), hexed ? 2 : 0};
  encode(&e, 1, false, KV_BLOB_DEPTH_MAX);
  if (e.out->failed) return luaL_error(L, "rules.encode: too large, or no memory");
  lua_pushlstring(L, (const char *)e.out->bytes, e.out->size);
  kv_blob_free(e.out);
  return 1;
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
  luaL_checkstack(L, STACK, NULL);
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

/* ---- sessions ---- */

/* session(): a policy VM in this process. */
static int rules_session(lua_State *L) {
  kv_session *session = lua_newuserdatauv(L, sizeof *session, 0);
  *session = (kv_session){0};
  luaL_setmetatable(L, SESSION);
  return 1;
}

/* A policy has the C locale, whichever the process is in. */
static void handle(kv_session *session, const uint8_t *request, size_t size, kv_blob *reply) {
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  locale_t before = plain ? uselocale(plain) : (locale_t)0;
  kv_session_handle(session, request, size, reply);
  if (!plain) return;
  uselocale(before);
  freelocale(plain);
}

/* session:request(bytes): the reply's bytes. */
static int session_request(lua_State *L) {
  size_t size;
  kv_session *session = luaL_checkudata(L, 1, SESSION);
  const char *request = luaL_checklstring(L, 2, &size);
  kv_blob *reply = push_buffer(L);
  handle(session, (const uint8_t *)request, size, reply);
  if (reply->failed) return luaL_error(L, "a policy's answer is too large");
  lua_pushlstring(L, (const char *)reply->bytes, reply->size);
  kv_blob_free(reply);
  return 1;
}

static int session_close(lua_State *L) {
  kv_session_close(luaL_checkudata(L, 1, SESSION));
  return 0;
}

/* ---- the module ---- */

int luaopen_kavach_rules(lua_State *L);

__attribute__((visibility("default"))) int luaopen_kavach_rules(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"encode", rules_encode}, {"decode", rules_decode}, {"session", rules_session}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"request", session_request},
                                     {"close", session_close},
                                     {"__close", session_close},
                                     {"__gc", session_close},
                                     {NULL, NULL}};
  luaL_newmetatable(L, BUFFER);
  lua_pushcfunction(L, free_buffer);
  lua_setfield(L, -2, "__gc");
  luaL_newmetatable(L, SESSION);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_newtable(L);
  luaL_setfuncs(L, functions, 0);
  return 1;
}
