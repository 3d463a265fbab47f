/* What certificates and revocation lists say, for Lua. Nothing here says that they are genuine. */
#include <lauxlib.h>

#include "snp/certificate.h"
#include "snp/crl.h"
#include "snp/hash.h"
#include "snp/lua_snp.h"
#include "snp/product.h"
#include "snp/rsa_pss.h"
#include "snp/tcb.h"

static kv_slice check_slice(lua_State *L, int index) {
  size_t size;
  const char *bytes = luaL_checklstring(L, index, &size);
  return (kv_slice){(const uint8_t *)bytes, size};
}

static void set_slice(lua_State *L, const char *key, kv_slice slice) {
  if (slice.size == 0) return;
  lua_pushlstring(L, (const char *)slice.bytes, slice.size);
  lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, int64_t value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, key);
}

/* The security versions that are there, by the names of a TCB's components. */
static void set_tcb(lua_State *L, const kv_certificate *certificate) {
  static const kv_amd_id IDS[KV_TCB_PARTS] = {[KV_TCB_FMC] = KV_AMD_FMC_SPL,
                                              [KV_TCB_BOOT_LOADER] = KV_AMD_BL_SPL,
                                              [KV_TCB_TEE] = KV_AMD_TEE_SPL,
                                              [KV_TCB_SNP] = KV_AMD_SNP_SPL,
                                              [KV_TCB_MICROCODE] = KV_AMD_UCODE_SPL};
  lua_createtable(L, 0, KV_TCB_PARTS);
  for (int part = 0; part < KV_TCB_PARTS; part++) {
    const kv_amd_extension *extension = &certificate->amd[IDS[part]];
    if (extension->state != KV_AMD_PRESENT) continue;
    set_integer(L, kv_tcb_part_name((kv_tcb_part)part), extension->number);
  }
  lua_setfield(L, -2, "tcb");
}

static void set_amd(lua_State *L, const kv_certificate *certificate) {
  const kv_amd_extension *amd = certificate->amd;
  if (amd[KV_AMD_PRODUCT_NAME].state == KV_AMD_PRESENT) {
    kv_slice name = amd[KV_AMD_PRODUCT_NAME].value;
    kv_product product = kv_product_of_name((const char *)name.bytes, name.size);
    set_slice(L, "product_name", name);
    if (product != KV_PRODUCT_UNKNOWN) {
      lua_pushstring(L, kv_product_name(product));
      lua_setfield(L, -2, "product");
    }
  }
  if (amd[KV_AMD_HWID].state == KV_AMD_PRESENT) set_slice(L, "hwid", amd[KV_AMD_HWID].value);
  if (amd[KV_AMD_CSP_ID].state == KV_AMD_PRESENT) set_slice(L, "csp_id", amd[KV_AMD_CSP_ID].value);
}

/* certificate_parse(der): { subject_cn=, issuer_cn=, subject=, issuer= (DER), serial=, not_before=,
 * not_after=, key= ("EC P-384" …), pss_sha384=, spki=, product=, product_name=, hwid=, csp_id=,
 * tcb={…}, problem= }; what is not there is nil. Or nil, a message and a kind. */
static int certificate_parse(lua_State *L) {
  kv_certificate certificate;
  kv_error error;
  if (kv_certificate_parse(check_slice(L, 1), &certificate, &error) < 0)
    return kv_lua_failure(L, &error);
  lua_createtable(L, 0, 16);
  set_slice(L, "subject_cn", certificate.subject_cn);
  set_slice(L, "issuer_cn", certificate.issuer_cn);
  set_slice(L, "subject", certificate.subject);
  set_slice(L, "issuer", certificate.issuer);
  set_slice(L, "serial", certificate.serial);
  set_slice(L, "spki", certificate.spki);
  set_integer(L, "not_before", certificate.not_before);
  set_integer(L, "not_after", certificate.not_after);
  lua_pushstring(L, certificate.key_text), lua_setfield(L, -2, "key");
  lua_pushboolean(L, certificate.pss_sha384), lua_setfield(L, -2, "pss_sha384");
  if (certificate.problem[0]) {
    lua_pushstring(L, certificate.problem);
    lua_setfield(L, -2, "problem");
  }
  set_amd(L, &certificate);
  set_tcb(L, &certificate);
  return 1;
}

/* crl_parse(der): { issuer_cn=, issuer= (DER), this_update=, next_update=, pss_sha384=, problem= }.
 * Or nil, a message and a kind. */
static int crl_parse(lua_State *L) {
  kv_crl crl;
  kv_error error;
  if (kv_crl_parse(check_slice(L, 1), &crl, &error) < 0) return kv_lua_failure(L, &error);
  lua_createtable(L, 0, 6);
  set_slice(L, "issuer_cn", crl.issuer_cn);
  set_slice(L, "issuer", crl.issuer);
  set_integer(L, "this_update", crl.this_update);
  set_integer(L, "next_update", crl.next_update);
  lua_pushboolean(L, crl.pss_sha384), lua_setfield(L, -2, "pss_sha384");
  if (crl.problem[0]) {
    lua_pushstring(L, crl.problem);
    lua_setfield(L, -2, "problem");
  }
  return 1;
}

/* crl_lists(crl, der): whether the list names the certificate's serial number. Or nil, a message
 * and a kind. */
static int crl_lists(lua_State *L) {
  kv_crl crl;
  kv_certificate certificate;
  kv_error error;
  if (kv_crl_parse(check_slice(L, 1), &crl, &error) < 0 ||
      kv_certificate_parse(check_slice(L, 2), &certificate, &error) < 0)
    return kv_lua_failure(L, &error);
  lua_pushboolean(L, kv_crl_lists(&crl, certificate.serial));
  return 1;
}

static bool is_signed_by(kv_slice tbs, kv_slice signature, const kv_certificate *issuer) {
  kv_digests digests;
  bool fetched = kv_digests_fetch(&digests);
  EVP_PKEY *key = issuer->key == KV_KEY_RSA_4096 ? kv_rsa_key(issuer->key_bytes) : NULL;
  bool good = fetched && key && kv_rsa_pss_verify(&digests, key, tbs, signature);
  EVP_PKEY_free(key);
  kv_digests_free(&digests);
  return good;
}

/* signed_by(der, issuer): whether the issuer's RSA key signed the certificate or revocation list,
 * as AMD signs. Names and dates are not looked at. Or nil, a message and a kind. */
static int signed_by(lua_State *L) {
  kv_slice der = check_slice(L, 1);
  kv_certificate certificate, issuer;
  kv_crl crl;
  kv_error error;
  if (kv_certificate_parse(check_slice(L, 2), &issuer, &error) < 0)
    return kv_lua_failure(L, &error);
  if (kv_crl_parse(der, &crl, NULL) == 0) {
    lua_pushboolean(L, crl.pss_sha384 && is_signed_by(crl.tbs, crl.signature, &issuer));
  } else {
    if (kv_certificate_parse(der, &certificate, &error) < 0) return kv_lua_failure(L, &error);
    lua_pushboolean(L, certificate.pss_sha384 &&
                           is_signed_by(certificate.tbs, certificate.signature, &issuer));
  }
  return 1;
}

/* sha256(bytes): 32 bytes. */
static int sha256(lua_State *L) {
  kv_slice bytes = check_slice(L, 1);
  uint8_t digest[KV_SHA256_SIZE];
  kv_error error;
  kv_hash *hash = kv_hash_open(KV_HASH_SHA256, &error);
  int status = hash ? kv_hash_once(hash, bytes.bytes, bytes.size, digest, &error) : -1;
  kv_hash_free(hash);
  if (status < 0) return luaL_error(L, "%s", error.message);
  lua_pushlstring(L, (const char *)digest, sizeof digest);
  return 1;
}

/* tcb_parse(product, value): the components of a TCB_VERSION by name; tcb_write(product, {…}): the
 * integer. The product is "Milan", "Genoa" or "Turin". */
static kv_tcb_layout check_layout(lua_State *L) {
  size_t size;
  const char *name = luaL_checklstring(L, 1, &size);
  kv_tcb_layout layout = kv_tcb_layout_of(kv_product_of_name(name, size));
  luaL_argcheck(L, layout != KV_TCB_UNKNOWN, 1, "a product is Milan, Genoa or Turin");
  return layout;
}

static int tcb_parse(lua_State *L) {
  kv_tcb_layout layout = check_layout(L);
  kv_tcb tcb = kv_tcb_parse(layout, (uint64_t)luaL_checkinteger(L, 2));
  lua_createtable(L, 0, KV_TCB_PARTS);
  for (int part = 0; part < KV_TCB_PARTS; part++)
    if (kv_tcb_has(layout, (kv_tcb_part)part))
      set_integer(L, kv_tcb_part_name((kv_tcb_part)part), tcb.part[part]);
  return 1;
}

static int tcb_write(lua_State *L) {
  kv_tcb tcb = {.layout = check_layout(L)};
  luaL_checktype(L, 2, LUA_TTABLE);
  for (int part = 0; part < KV_TCB_PARTS; part++) {
    const char *name = kv_tcb_part_name((kv_tcb_part)part);
    bool has = kv_tcb_has(tcb.layout, (kv_tcb_part)part);
    int whole = 0, type = lua_getfield(L, 2, name);
    lua_Integer value = type == LUA_TNUMBER ? lua_tointegerx(L, -1, &whole) : 0;
    lua_pop(L, 1);
    if (!has && type == LUA_TNIL) continue;
    if (!has) return luaL_error(L, "%s has no %s", lua_tostring(L, 1), name);
    if (!whole || value < 0 || value > UINT8_MAX)
      return luaL_error(L, "%s must be an integer from 0 to 255", name);
    tcb.part[part] = (uint8_t)value;
  }
  lua_pushinteger(L, (lua_Integer)kv_tcb_write(&tcb));
  return 1;
}

void kv_lua_certificate(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {{"certificate_parse", certificate_parse},
                                       {"crl_parse", crl_parse},
                                       {"crl_lists", crl_lists},
                                       {"signed_by", signed_by},
                                       {"sha256", sha256},
                                       {"tcb_parse", tcb_parse},
                                       {"tcb_write", tcb_write},
                                       {NULL, NULL}};
  luaL_setfuncs(L, FUNCTIONS, 0);
}
