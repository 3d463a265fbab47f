/* `require "kavach.rules"`: sessions in this process, and the module. */
#include <lauxlib.h>
#include <locale.h>

#include "rules/lua_rules.h"
#include "rules/session.h"

#define SESSION "kavach.rules.session"

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
  kv_blob *reply = kv_lua_push_buffer(L);
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

int luaopen_kavach_rules(lua_State *L);

__attribute__((visibility("default"))) int luaopen_kavach_rules(lua_State *L) {
  static const luaL_Reg functions[] = {{"session", rules_session}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"request", session_request},
                                     {"close", session_close},
                                     {"__close", session_close},
                                     {"__gc", session_close},
                                     {NULL, NULL}};
  luaL_newmetatable(L, SESSION);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_newtable(L);
  luaL_setfuncs(L, functions, 0);
  kv_lua_values(L);
  kv_lua_plan(L);
  return 1;
}
