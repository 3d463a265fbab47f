/* The platform emulator for Lua: keys, certificates, revocation lists and signatures. */
#include <lauxlib.h>
#include <openssl/rand.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "loop/work.h"
#include "snp/emulate.h"
#include "snp/lua_snp.h"

#define KEY_JOB "kavach.snp.emulated_key"
#define HELD "kavach.snp.emulated"

enum { RANDOM_MAX = 4096, REVOKED_MAX = 64 };

/* ---- reading the table of options, which is at 1 ------------------------------------------------
 */

static kv_emulated_role to_role(lua_State *L, int index) {
  static const char *const NAMES[] = {"ark", "ask", "asvk", "vcek", "vlek", NULL};
  return (kv_emulated_role)luaL_checkoption(L, index, NULL, NAMES);
}

/* The string in a field; NULL if there is none. The table keeps it alive. */
static const char *text_field(lua_State *L, const char *key, size_t *size) {
  int type = lua_getfield(L, 1, key);
  if (type != LUA_TSTRING && type != LUA_TNIL) luaL_error(L, "%s must be a string", key);
  *size = 0;
  const char *text = type == LUA_TSTRING ? lua_tolstring(L, -1, size) : NULL;
  lua_pop(L, 1);
  return text;
}

static const char *needed_field(lua_State *L, const char *key, size_t *size) {
  const char *text = text_field(L, key, size);
  if (!text) luaL_error(L, "%s is missing", key);
  return text;
}

static const char *line_field(lua_State *L, const char *key) {
  size_t size;
  const char *text = text_field(L, key, &size);
  if (text && strlen(text) != size) luaL_error(L, "%s has a NUL in it", key);
  return text;
}

static lua_Integer integer_field(lua_State *L, const char *key) {
  int whole = 0;
  int type = lua_getfield(L, 1, key);
  lua_Integer value = type == LUA_TNUMBER ? lua_tointegerx(L, -1, &whole) : 0;
  if (!whole) luaL_error(L, "%s must be an integer", key);
  lua_pop(L, 1);
  return value;
}

/* ---- what must be freed though Lua may raise
 * ------------------------------------------------------ */

typedef struct kv_held {
  EVP_PKEY *key, *issuer_key;
  kv_emulated_bytes made;
} kv_held;

static int free_held(lua_State *L) {
  kv_held *held = lua_touserdata(L, 1);
  EVP_PKEY_free(held->key);
  EVP_PKEY_free(held->issuer_key);
  free(held->made.bytes);
  *held = (kv_held){0};
  return 0;
}

static kv_held *hold(lua_State *L) {
  kv_held *held = lua_newuserdatauv(L, sizeof *held, 0);
  *held = (kv_held){0};
  if (luaL_newmetatable(L, HELD)) {
    lua_pushcfunction(L, free_held);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return held;
}

static int push_made(lua_State *L, const kv_held *held) {
  lua_pushlstring(L, (const char *)held->made.bytes, held->made.size);
  return 1;
}

static EVP_PKEY *key_field(lua_State *L, const char *name, kv_emulated_role role, kv_error *error) {
  size_t size;
  const char *pem = needed_field(L, name, &size);
  return kv_emulate_key_read(role, pem, size, error);
}

/* ---- keys
 * ---------------------------------------------------------------------------------------- */

typedef struct kv_key_job {
  kv_work work;
  kv_emulated_role role;
  bool begun;
  atomic_bool done;
  int status;
  kv_emulated_bytes pem;
  kv_error error;
} kv_key_job;

static void run_key_job(kv_work *work) {
  kv_key_job *job = (kv_key_job *)work;
  job->status = kv_emulate_key(job->role, &job->pem, &job->error);
  atomic_store(&job->done, true);
}

static int free_key_job(lua_State *L) {
  kv_key_job *job = luaL_checkudata(L, 1, KEY_JOB);
  if (job->begun && !atomic_load(&job->done)) return 0; /* closing while a thread is at it */
  if (job->pem.bytes) OPENSSL_cleanse(job->pem.bytes, job->pem.size);
  free(job->pem.bytes);
  job->pem = (kv_emulated_bytes){0};
  return 0;
}

/* emulate_key(role): a job that makes the private key of a role. */
static int emulate_key(lua_State *L) {
  kv_emulated_role role = to_role(L, 1);
  kv_key_job *job = lua_newuserdatauv(L, sizeof *job, 0);
  memset(job, 0, sizeof *job);
  job->work.run = run_key_job;
  job->role = role;
  luaL_setmetatable(L, KEY_JOB);
  return 1;
}

/* job:work(): the light userdata for core.work, which may be given to it once. */
static int key_job_work(lua_State *L) {
  kv_key_job *job = luaL_checkudata(L, 1, KEY_JOB);
  if (job->begun) return luaL_error(L, "this key has been begun already");
  job->begun = true;
  lua_pushlightuserdata(L, &job->work);
  return 1;
}

/* job:result(), when its work is done, or else running it here: the key in PEM; or nil, a message
 * and a kind. */
static int key_job_result(lua_State *L) {
  kv_key_job *job = luaL_checkudata(L, 1, KEY_JOB);
  if (!job->begun) {
    job->begun = true;
    run_key_job(&job->work);
  }
  if (!atomic_load(&job->done)) return luaL_error(L, "this key is not done");
  if (job->status < 0) return kv_lua_failure(L, &job->error);
  lua_pushlstring(L, (const char *)job->pem.bytes, job->pem.size);
  return 1;
}

/* emulate_key_check(role, key, certificate): true if the key (PEM) is the certificate's (DER). Or
 * nil, a message and a kind. */
static int emulate_key_check(lua_State *L) {
  size_t pem_size, der_size;
  kv_error error;
  kv_emulated_role role = to_role(L, 1);
  const char *pem = luaL_checklstring(L, 2, &pem_size), *der = luaL_checklstring(L, 3, &der_size);
  if (kv_emulate_key_check(role, pem, pem_size, (const uint8_t *)der, der_size, &error) < 0)
    return kv_lua_failure(L, &error);
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- certificates
 * -------------------------------------------------------------------------------- */

static void read_subject(lua_State *L, kv_emulated_subject *subject) {
  size_t size;
  lua_getfield(L, 1, "role");
  subject->role = to_role(L, -1);
  lua_pop(L, 1);
  const char *product = needed_field(L, "product", &size);
  subject->product = kv_product_of_name(product, size);
  subject->not_before = integer_field(L, "not_before");
  subject->not_after = integer_field(L, "not_after");
  subject->product_name = line_field(L, "product_name");
  subject->csp_id = line_field(L, "csp_id");
  if (subject->role <= KV_EMULATED_ASVK) return;
  subject->tcb = (uint64_t)integer_field(L, "tcb");
  if (subject->role == KV_EMULATED_VLEK) return;
  const char *chip_id = needed_field(L, "chip_id", &size);
  if (size != sizeof subject->chip_id) luaL_error(L, "chip_id must be 64 bytes");
  memcpy(subject->chip_id, chip_id, size);
}

/* emulate_certificate{role=, product=, key=, issuer=, issuer_key=, not_before=, not_after=,
 * product_name=, tcb=, chip_id=, csp_id=}: a certificate in DER. Keys are PEM, the issuer DER (none
 * for the ARK, which signs itself), times seconds since 1970; the rest as in kv_emulated_subject.
 * Or nil, a message and a kind. */
static int emulate_certificate(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  kv_emulated_subject subject = {0};
  kv_error error;
  read_subject(L, &subject);
  size_t issuer_size = 0;
  const char *issuer = NULL;
  kv_held *held = hold(L);
  held->key = key_field(L, "key", subject.role, &error);
  if (!held->key) return kv_lua_failure(L, &error);
  EVP_PKEY *issuer_key = held->key;
  if (subject.role != KV_EMULATED_ARK) {
    issuer = needed_field(L, "issuer", &issuer_size);
    issuer_key = held->issuer_key = key_field(L, "issuer_key", KV_EMULATED_ARK, &error);
    if (!issuer_key) return kv_lua_failure(L, &error);
  }
  if (kv_emulate_certificate(&subject, held->key, (const uint8_t *)issuer, issuer_size, issuer_key,
                             &held->made, &error) < 0)
    return kv_lua_failure(L, &error);
  return push_made(L, held);
}

/* ---- revocation lists
 * ----------------------------------------------------------------------------- */

/* The list of certificates in field "revoked", which keeps them alive. */
static size_t read_revoked(lua_State *L, const uint8_t **ders, size_t *sizes) {
  size_t count = 0;
  if (lua_getfield(L, 1, "revoked") != LUA_TNIL) {
    luaL_checktype(L, -1, LUA_TTABLE);
    count = lua_rawlen(L, -1);
    if (count > REVOKED_MAX) luaL_error(L, "revoked may list %d certificates", REVOKED_MAX);
    for (size_t i = 0; i < count; i++) {
      if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TSTRING)
        luaL_error(L, "revoked must be a list of certificates");
      ders[i] = (const uint8_t *)lua_tolstring(L, -1, &sizes[i]);
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
  return count;
}

/* emulate_crl{ark=, key=, this_update=, next_update=, number=, revoked={certificate…}}: a
 * revocation list in DER, by the ARK (DER) with its key (PEM). Or nil, a message and a kind. */
static int emulate_crl(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  const uint8_t *ders[REVOKED_MAX];
  size_t sizes[REVOKED_MAX], ark_size;
  kv_error error;
  kv_emulated_crl list = {.this_update = integer_field(L, "this_update"),
                          .next_update = integer_field(L, "next_update"),
                          .number = (uint64_t)integer_field(L, "number"),
                          .revoked = ders,
                          .revoked_sizes = sizes,
                          .revoked_count = read_revoked(L, ders, sizes)};
  const char *ark = needed_field(L, "ark", &ark_size);
  kv_held *held = hold(L);
  held->key = key_field(L, "key", KV_EMULATED_ARK, &error);
  if (!held->key ||
      kv_emulate_crl(&list, (const uint8_t *)ark, ark_size, held->key, &held->made, &error) < 0)
    return kv_lua_failure(L, &error);
  return push_made(L, held);
}

/* ---- reports, and the rest
 * ------------------------------------------------------------------------ */

/* emulate_sign(report, key): the report's 1184 bytes, signed with a VCEK's or VLEK's key (PEM). Or
 * nil, a message and a kind. */
static int emulate_sign(lua_State *L) {
  size_t size, pem_size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  const char *pem = luaL_checklstring(L, 2, &pem_size);
  luaL_argcheck(L, size == KV_REPORT_SIZE, 1, "a report is 1184 bytes");
  uint8_t report[KV_REPORT_SIZE];
  memcpy(report, bytes, sizeof report);
  kv_error error;
  EVP_PKEY *key = kv_emulate_key_read(KV_EMULATED_VCEK, pem, pem_size, &error);
  int status = key ? kv_emulate_sign(report, key, &error) : -1;
  EVP_PKEY_free(key);
  if (status < 0) return kv_lua_failure(L, &error);
  lua_pushlstring(L, (const char *)report, sizeof report);
  return 1;
}

/* is_simulated(der): whether a certificate says that an emulator made it. */
static int is_simulated(lua_State *L) {
  size_t size;
  const char *der = luaL_checklstring(L, 1, &size);
  lua_pushboolean(L, kv_is_simulated((const uint8_t *)der, size));
  return 1;
}

/* random(size): that many random bytes. */
static int random_bytes(lua_State *L) {
  lua_Integer size = luaL_checkinteger(L, 1);
  luaL_argcheck(L, size >= 0 && size <= RANDOM_MAX, 1, "from 0 to 4096 bytes");
  uint8_t bytes[RANDOM_MAX];
  if (RAND_bytes(bytes, (int)size) != 1) return luaL_error(L, "libcrypto has no random bytes");
  lua_pushlstring(L, (const char *)bytes, (size_t)size);
  return 1;
}

void kv_lua_emulate(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {{"emulate_key", emulate_key},
                                       {"emulate_key_check", emulate_key_check},
                                       {"emulate_certificate", emulate_certificate},
                                       {"emulate_crl", emulate_crl},
                                       {"emulate_sign", emulate_sign},
                                       {"is_simulated", is_simulated},
                                       {"random", random_bytes},
                                       {NULL, NULL}};
  static const luaL_Reg METHODS[] = {
      {"work", key_job_work}, {"result", key_job_result}, {"__gc", free_key_job}, {NULL, NULL}};
  if (luaL_newmetatable(L, KEY_JOB)) {
    luaL_setfuncs(L, METHODS, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
  luaL_setfuncs(L, FUNCTIONS, 0);
}
