/* Digests of bytes for Lua. */
#include <lauxlib.h>
#include <openssl/evp.h>

#include "snp/lua_snp.h"

/* digest(name, bytes): the bytes of their "sha256", "sha384" or "sha512". */
static int digest(lua_State *L) {
  static const char *const NAMES[] = {"sha256", "sha384", "sha512", NULL};
  const char *name = NAMES[luaL_checkoption(L, 1, NULL, NAMES)];
  size_t size, written;
  const char *bytes = luaL_checklstring(L, 2, &size);
  unsigned char value[EVP_MAX_MD_SIZE];
  if (!EVP_Q_digest(NULL, name, NULL, bytes, size, value, &written))
    return luaL_error(L, "libcrypto cannot compute %s", name);
  lua_pushlstring(L, (const char *)value, written);
  return 1;
}

void kv_lua_digest(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {{"digest", digest}, {NULL, NULL}};
  luaL_setfuncs(L, FUNCTIONS, 0);
}
