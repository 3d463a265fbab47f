/* Evidence for Lua: what bytes are, and bytes as text. */
#include <lauxlib.h>

#include "base/encode.h"
#include "snp/evidence.h"
#include "snp/lua_snp.h"

#define EVIDENCE "kavach.snp.evidence"

static int free_evidence(lua_State *L) {
  kv_evidence_free(lua_touserdata(L, 1));
  return 0;
}

/* Evidence that Lua frees, should pushing its parts run out of memory. */
static kv_evidence *new_evidence(lua_State *L) {
  kv_evidence *evidence = lua_newuserdatauv(L, sizeof *evidence, 0);
  *evidence = (kv_evidence){0};
  if (luaL_newmetatable(L, EVIDENCE)) {
    lua_pushcfunction(L, free_evidence);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return evidence;
}

static void push_guid(lua_State *L, const uint8_t guid[KV_GUID_SIZE]) {
  char digits[2 * KV_GUID_SIZE + 1];
  kv_hex_encode(guid, KV_GUID_SIZE, digits);
  lua_pushlstring(L, digits, 8);
  static const int GROUPS[][2] = {{8, 4}, {12, 4}, {16, 4}, {20, 12}};
  for (size_t i = 0; i < sizeof GROUPS / sizeof *GROUPS; i++) {
    lua_pushliteral(L, "-");
    lua_pushlstring(L, digits + GROUPS[i][0], (size_t)GROUPS[i][1]);
    lua_concat(L, 3);
  }
}

static void push_parts(lua_State *L, const kv_evidence *evidence) {
  lua_createtable(L, (int)evidence->part_count, 0);
  for (size_t i = 0; i < evidence->part_count; i++) {
    const kv_part *part = &evidence->parts[i];
    lua_createtable(L, 0, 3);
    lua_pushstring(L, kv_part_role_name(part->role)), lua_setfield(L, -2, "role");
    lua_pushlstring(L, (const char *)part->bytes, part->size), lua_setfield(L, -2, "der");
    if (part->has_guid) push_guid(L, part->guid), lua_setfield(L, -2, "guid");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

/* Splits the list at the top by role: revocation lists to a list of their own, pushed after it. */
static void push_lists(lua_State *L, const kv_evidence *evidence) {
  push_parts(L, evidence);
  lua_newtable(L);
  lua_newtable(L); /* certificates, crls */
  lua_Integer certificates = 0, crls = 0;
  for (size_t i = 0; i < evidence->part_count; i++) {
    lua_rawgeti(L, -3, (lua_Integer)i + 1);
    if (evidence->parts[i].role == KV_PART_CRL)
      lua_rawseti(L, -2, ++crls);
    else
      lua_rawseti(L, -3, ++certificates);
  }
  lua_remove(L, -3);
}

static void push_evidence(lua_State *L, const kv_evidence *evidence) {
  lua_createtable(L, 0, 8);
  int table = lua_gettop(L);
  lua_pushstring(L, kv_evidence_kind_name(evidence->kind)), lua_setfield(L, table, "kind");
  lua_pushstring(L, kv_evidence_encoding_name(evidence->encoding));
  lua_setfield(L, table, "encoding");
  if (evidence->report) {
    lua_pushlstring(L, (const char *)evidence->report, KV_REPORT_SIZE);
    lua_setfield(L, table, "report");
  }
  push_lists(L, evidence);
  lua_setfield(L, table, "crls");
  lua_setfield(L, table, "certificates");
  if (evidence->runtime_data) {
    static const char *const HASHES[] = {"", "sha256", "sha384", "sha512"};
    lua_pushlstring(L, (const char *)evidence->runtime_data, evidence->runtime_size);
    lua_setfield(L, table, "runtime_data");
    lua_pushstring(L, HASHES[evidence->runtime_hash]), lua_setfield(L, table, "runtime_hash");
  }
  if (evidence->has_cpuid) {
    kv_product product = kv_product_of_cpuid_eax(evidence->cpuid_eax);
    lua_pushinteger(L, evidence->cpuid_eax), lua_setfield(L, table, "cpuid_eax");
    if (product != KV_PRODUCT_UNKNOWN)
      lua_pushstring(L, kv_product_name(product)), lua_setfield(L, table, "product");
  }
}

/* recognise(bytes): { kind=, encoding= ("none", "hex" or "base64"), report= (1184 bytes, if there
 * is one), certificates={ {role=, der=, guid= (text, from a table)}… }, crls={ {role="crl", der=}…
 * }, runtime_data=, runtime_hash= (Azure), cpuid_eax=, product= (Google) }. Or nil, a message and a
 * kind. */
static int recognise(lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  kv_evidence *evidence = new_evidence(L);
  kv_error error;
  if (kv_evidence_recognise((const uint8_t *)bytes, size, evidence, &error) < 0)
    return kv_evidence_free(evidence), kv_lua_failure(L, &error);
  push_evidence(L, evidence);
  kv_evidence_free(evidence);
  return 1;
}

/* certificate_role(der): "vcek", "vlek", "ask", "asvk", "ark", "crl" or "unknown": what it claims.
 */
static int certificate_role(lua_State *L) {
  size_t size;
  const char *der = luaL_checklstring(L, 1, &size);
  lua_pushstring(L, kv_part_role_name(kv_part_role_of((const uint8_t *)der, size)));
  return 1;
}

/* ---- bytes as text ---- */

static int to_text(lua_State *L, size_t length, void (*encode)(const uint8_t *, size_t, char *)) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  luaL_Buffer buffer;
  char *text = luaL_buffinitsize(L, &buffer, length + 1);
  encode((const uint8_t *)bytes, size, text);
  luaL_pushresultsize(&buffer, length);
  return 1;
}

/* hex(bytes): lower case. */
static int hex(lua_State *L) {
  size_t size;
  luaL_checklstring(L, 1, &size);
  return to_text(L, 2 * size, kv_hex_encode);
}

/* base64(bytes): padded, in one line. */
static int base64(lua_State *L) {
  size_t size;
  luaL_checklstring(L, 1, &size);
  return to_text(L, kv_base64_length(size), kv_base64_encode);
}

typedef int decoder(const char *text, size_t size, kv_spaces spaces, uint8_t *bytes,
                    size_t *written, kv_error *error);

static int from_text(lua_State *L, decoder *decode) {
  size_t size, written;
  const char *text = luaL_checklstring(L, 1, &size);
  kv_spaces spaces = lua_toboolean(L, 2) ? KV_SPACES_SKIPPED : KV_SPACES_REFUSED;
  luaL_Buffer buffer;
  char *bytes = luaL_buffinitsize(L, &buffer, size + 4);
  kv_error error;
  if (decode(text, size, spaces, (uint8_t *)bytes, &written, &error) < 0)
    return kv_lua_failure(L, &error);
  luaL_pushresultsize(&buffer, written);
  return 1;
}

/* unhex(text[, spaces]), unbase64(text[, spaces]): the bytes, or nil, a message and a kind. With
 * `spaces`, blanks and line ends are skipped. */
static int unhex(lua_State *L) { return from_text(L, kv_hex_decode); }

static int unbase64(lua_State *L) { return from_text(L, kv_base64_decode); }

void kv_lua_evidence(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {{"recognise", recognise},
                                       {"certificate_role", certificate_role},
                                       {"hex", hex},
                                       {"unhex", unhex},
                                       {"base64", base64},
                                       {"unbase64", unbase64},
                                       {NULL, NULL}};
  luaL_setfuncs(L, FUNCTIONS, 0);
}
