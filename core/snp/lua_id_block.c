/* ID blocks for Lua. Keys are PEM text; everything else is bytes. */
#include <lauxlib.h>
#include <string.h>

#include "snp/id_block.h"
#include "snp/lua_snp.h"

static const uint8_t *bytes_argument(lua_State *L, int index, size_t wanted, const char *what) {
  size_t size;
  const char *bytes = luaL_checklstring(L, index, &size);
  if (size != wanted) luaL_error(L, "%s must be %d bytes", what, (int)wanted);
  return (const uint8_t *)bytes;
}

/* id_block(digest, family_id, image_id, guest_svn, policy): the 96 bytes. */
static int id_block(lua_State *L) {
  kv_id_block block = {0};
  uint8_t bytes[KV_ID_BLOCK_SIZE];
  lua_Integer svn = luaL_checkinteger(L, 4);
  luaL_argcheck(L, svn >= 0 && svn <= UINT32_MAX, 4, "must be an unsigned 32-bit number");
  memcpy(block.launch_digest, bytes_argument(L, 1, 48, "a launch digest"), 48);
  memcpy(block.family_id, bytes_argument(L, 2, 16, "a family id"), 16);
  memcpy(block.image_id, bytes_argument(L, 3, 16, "an image id"), 16);
  block.guest_svn = (uint32_t)svn;
  block.policy = (uint64_t)luaL_checkinteger(L, 5);
  kv_id_block_write(&block, bytes);
  lua_pushlstring(L, (const char *)bytes, sizeof bytes);
  return 1;
}

static EVP_PKEY *read_key(lua_State *L, int index, kv_error *error) {
  size_t size;
  const char *pem = lua_tolstring(L, index, &size);
  return kv_sev_key_read(pem, size, error);
}

/* id_auth(block, id_key[, author_key]): the 4096 bytes; or nil, a message, a kind. */
static int id_auth(lua_State *L) {
  const uint8_t *block = bytes_argument(L, 1, KV_ID_BLOCK_SIZE, "an ID block");
  uint8_t auth[KV_ID_AUTH_SIZE];
  kv_error error;
  luaL_checkstring(L, 2);
  bool authored = luaL_optstring(L, 3, NULL) != NULL;
  EVP_PKEY *id_key = read_key(L, 2, &error);
  EVP_PKEY *author_key = id_key && authored ? read_key(L, 3, &error) : NULL;
  int status = -1;
  if (id_key && (author_key || !authored))
    status = kv_id_auth_write(block, id_key, author_key, auth, &error);
  EVP_PKEY_free(id_key);
  EVP_PKEY_free(author_key);
  if (status < 0) return kv_lua_failure(L, &error);
  lua_pushlstring(L, (const char *)auth, sizeof auth);
  return 1;
}

/* id_auth_check(block, auth): { block_signed=, key_signed= (nil without an author), id_key_digest=,
 * author_key_digest= }. */
static int id_auth_check(lua_State *L) {
  const uint8_t *block = bytes_argument(L, 1, KV_ID_BLOCK_SIZE, "an ID block");
  const uint8_t *auth = bytes_argument(L, 2, KV_ID_AUTH_SIZE, "ID authentication");
  kv_id_auth_result result;
  kv_error error;
  if (kv_id_auth_check(block, auth, &result, &error) < 0) return kv_lua_failure(L, &error);
  lua_createtable(L, 0, 4);
  lua_pushboolean(L, result.block_signed);
  lua_setfield(L, -2, "block_signed");
  lua_pushlstring(L, (const char *)result.id_key_digest, KV_KEY_DIGEST_SIZE);
  lua_setfield(L, -2, "id_key_digest");
  if (!result.has_author) return 1;
  lua_pushboolean(L, result.key_signed);
  lua_setfield(L, -2, "key_signed");
  lua_pushlstring(L, (const char *)result.author_key_digest, KV_KEY_DIGEST_SIZE);
  lua_setfield(L, -2, "author_key_digest");
  return 1;
}

/* key_digest(pem): SHA-384 of the public key as firmware has it; or nil, a message, a kind. */
static int key_digest(lua_State *L) {
  uint8_t bytes[KV_SEV_KEY_SIZE], digest[KV_KEY_DIGEST_SIZE];
  kv_error error;
  luaL_checkstring(L, 1);
  EVP_PKEY *key = read_key(L, 1, &error);
  int status = key ? kv_sev_key_write(key, bytes, &error) : -1;
  EVP_PKEY_free(key);
  if (status < 0 || kv_sev_key_digest(bytes, digest, &error) < 0) return kv_lua_failure(L, &error);
  lua_pushlstring(L, (const char *)digest, sizeof digest);
  return 1;
}

void kv_lua_id_block(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {{"id_block", id_block},
                                       {"id_auth", id_auth},
                                       {"id_auth_check", id_auth_check},
                                       {"key_digest", key_digest},
                                       {NULL, NULL}};
  luaL_setfuncs(L, FUNCTIONS, 0);
}
