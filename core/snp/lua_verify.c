/* Verification for Lua: verifiers, and work for other threads. */
#include <lauxlib.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "loop/work.h"
#include "snp/lua_snp.h"
#include "snp/verify.h"

#define VERIFIER "kavach.snp.verifier"
#define JOB "kavach.snp.verify_job"

enum {
  CERTIFICATES_MAX = 32,
  CRLS_MAX = 32,
  LIST_MAX = 4096, /* with 11 KiB each, of which 5 are used */
};

/* ---- values from tables ---- */

/* The string at the top of the stack, which a table keeps alive; popped. */
static kv_slice pop_bytes(lua_State *L, const char *what) {
  size_t size;
  if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "%s must be a string", what);
  const char *bytes = lua_tolstring(L, -1, &size);
  lua_pop(L, 1);
  return (kv_slice){(const uint8_t *)bytes, size};
}

/* Pushes the field, which must be a list of at most `most` or nil; its length. */
static size_t push_list(lua_State *L, int table, const char *field, size_t most) {
  if (lua_getfield(L, table, field) == LUA_TNIL) return 0;
  if (!lua_istable(L, -1)) luaL_error(L, "%s must be a list", field);
  size_t count = lua_rawlen(L, -1);
  if (count > most) luaL_error(L, "%s: more than %d", field, (int)most);
  return count;
}

static size_t read_slices(lua_State *L, int table, const char *field, kv_slice *slices,
                          size_t most) {
  size_t count = push_list(L, table, field, most);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    slices[i] = pop_bytes(L, field);
  }
  lua_pop(L, 1);
  return count;
}

static kv_part_role role_of(const char *name) {
  for (int role = KV_PART_VCEK; role <= KV_PART_ARK; role++)
    if (strcmp(name, kv_part_role_name((kv_part_role)role)) == 0) return (kv_part_role)role;
  return KV_PART_UNKNOWN;
}

static size_t read_certificates(lua_State *L, int table, kv_verify_certificate *certificates) {
  size_t count = push_list(L, table, "certificates", CERTIFICATES_MAX);
  for (size_t i = 0; i < count; i++) {
    if (lua_rawgeti(L, -1, (lua_Integer)i + 1) != LUA_TTABLE)
      luaL_error(L, "certificates must be tables { role =, der = }");
    lua_getfield(L, -1, "role");
    certificates[i].role = role_of(luaL_optstring(L, -1, "unknown"));
    lua_getfield(L, -2, "der");
    certificates[i].der = pop_bytes(L, "der of a certificate");
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
  return count;
}

/* ---- the verifier ---- */

typedef struct lua_verifier {
  kv_verifier *verifier;
  bool has_now;
  int64_t now;
  kv_product product;
} lua_verifier;

/* The product of a table's field, or `otherwise`. */
static kv_product read_product(lua_State *L, int table, kv_product otherwise) {
  size_t size;
  kv_product product = otherwise;
  if (lua_getfield(L, table, "product") != LUA_TNIL) {
    const char *name = luaL_checklstring(L, -1, &size);
    product = kv_product_of_name(name, size);
    if (product == KV_PRODUCT_UNKNOWN)
      luaL_error(L, "unknown product '%s' (use Milan, Genoa or Turin)", name);
  }
  lua_pop(L, 1);
  return product;
}

static void read_now(lua_State *L, int table, bool *has_now, int64_t *now) {
  if (lua_getfield(L, table, "now") != LUA_TNIL) {
    int whole;
    *now = lua_tointegerx(L, -1, &whole);
    if (!whole) luaL_error(L, "now must be an integer: seconds since 1970");
    *has_now = true;
  }
  lua_pop(L, 1);
}

static int free_verifier(lua_State *L) {
  lua_verifier *self = luaL_checkudata(L, 1, VERIFIER);
  kv_verifier_free(self->verifier);
  self->verifier = NULL;
  return 0;
}

/* verifier{ roots = { der … }, certificates = { der … }, crls = { der … }, now = seconds,
 * product = name }: all optional. The verifier, or nil, message, kind. */
static int new_verifier(lua_State *L) {
  kv_slice roots[CERTIFICATES_MAX], certificates[CERTIFICATES_MAX], crls[CRLS_MAX];
  kv_verifier_options options = {.roots = roots, .certificates = certificates, .crls = crls};
  kv_error error;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_verifier *self = lua_newuserdatauv(L, sizeof *self, 0);
  memset(self, 0, sizeof *self);
  luaL_setmetatable(L, VERIFIER);
  options.root_count = read_slices(L, 1, "roots", roots, CERTIFICATES_MAX);
  options.certificate_count = read_slices(L, 1, "certificates", certificates, CERTIFICATES_MAX);
  options.crl_count = read_slices(L, 1, "crls", crls, CRLS_MAX);
  read_now(L, 1, &self->has_now, &self->now);
  self->product = read_product(L, 1, KV_PRODUCT_UNKNOWN);
  self->verifier = kv_verifier_new(&options, &error);
  return self->verifier ? 1 : kv_lua_failure(L, &error);
}

/* ---- evidence ---- */

/* What kv_verify takes; slices point into strings of the table that it was read from. */
typedef struct evidence {
  kv_verify_input input;
  kv_verify_certificate certificates[CERTIFICATES_MAX];
  kv_slice crls[CRLS_MAX];
} evidence;

static void read_evidence(lua_State *L, const lua_verifier *self, int table, evidence *to) {
  bool has_now = self->has_now;
  luaL_checktype(L, table, LUA_TTABLE);
  to->input =
      (kv_verify_input){.certificates = to->certificates, .crls = to->crls, .now = self->now};
  lua_getfield(L, table, "report");
  to->input.report = pop_bytes(L, "report");
  to->input.certificate_count = read_certificates(L, table, to->certificates);
  to->input.crl_count = read_slices(L, table, "crls", to->crls, CRLS_MAX);
  to->input.product = read_product(L, table, self->product);
  read_now(L, table, &has_now, &to->input.now);
  if (!has_now) luaL_error(L, "now is missing: seconds since 1970");
}

/* ---- results ---- */

static void set_text(lua_State *L, const char *field, const char *text) {
  if (!text || !*text) return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, field);
}

static void set_flag(lua_State *L, const char *field, bool flag) {
  lua_pushboolean(L, flag);
  lua_setfield(L, -2, field);
}

static void push_check(lua_State *L, const kv_check_kind *kind, const kv_check *check) {
  lua_createtable(L, 0, 9);
  set_text(L, "id", kind->id);
  set_text(L, "stage", kind->stage);
  set_text(L, "name", kind->name);
  set_text(L, "field", kind->field);
  set_text(L, "status", kv_status_name(check->status));
  set_text(L, "expected", check->expected);
  set_text(L, "found", check->found);
  set_text(L, "reason", check->reason);
  if (check->status == KV_NOT_CHECKED) set_flag(L, "optional", check->optional);
}

static void push_result(lua_State *L, const kv_verify_result *result) {
  lua_createtable(L, 0, 8);
  set_flag(L, "genuine", result->genuine);
  set_text(L, "product", kv_product_name(result->product));
  set_text(L, "signed_by", result->signed_by);
  set_text(L, "root", result->root);
  set_text(L, "missing", result->missing);
  set_text(L, "csp_id", result->csp_id);
  lua_pushinteger(L, result->report_version);
  lua_setfield(L, -2, "report_version");
  lua_createtable(L, KV_CHECKS, 0);
  for (int i = 0; i < KV_CHECKS; i++) {
    push_check(L, &KV_CHECK_KINDS[i], &result->checks[i]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "checks");
}

/* verifier:verify{ report = bytes, certificates = { { role =, der = } … }, crls = { der … }, now =,
 * product = }: the result; or nil, message, kind if the report has not the right size. */
static int verify(lua_State *L) {
  lua_verifier *self = luaL_checkudata(L, 1, VERIFIER);
  kv_verify_result result;
  evidence given;
  kv_error error;
  read_evidence(L, self, 2, &given);
  if (kv_verify(self->verifier, &given.input, &result, &error) < 0)
    return kv_lua_failure(L, &error);
  push_result(L, &result);
  return 1;
}

/* ---- work for other threads ---- */

typedef struct answer {
  int status;
  kv_error error;
  kv_verify_result result;
} answer;

/* A userdata whose user values are the verifier and the list, which keep alive what it points to.
 */
typedef struct verify_job {
  kv_work work;
  lua_verifier *verifier;
  size_t count;
  evidence *evidence;
  answer *answers;
  bool begun;
  atomic_bool stop, done;
} verify_job;

static void run_job(kv_work *work) {
  verify_job *self = (verify_job *)work;
  for (size_t i = 0; i < self->count && !atomic_load(&self->stop); i++) {
    answer *to = &self->answers[i];
    to->status =
        kv_verify(self->verifier->verifier, &self->evidence[i].input, &to->result, &to->error);
  }
  atomic_store(&self->done, true);
}

static void stop_job(kv_work *work) { atomic_store(&((verify_job *)work)->stop, true); }

static int free_job(lua_State *L) {
  verify_job *self = luaL_checkudata(L, 1, JOB);
  free(self->evidence);
  free(self->answers);
  self->evidence = NULL;
  self->answers = NULL;
  return 0;
}

/* A list of the strings and tables of `list`, so that whoever changes it does no harm. */
static void keep_strings(lua_State *L, int table, int kept) {
  lua_pushnil(L);
  while (lua_next(L, table)) {
    if (lua_istable(L, -1)) {
      luaL_checkstack(L, 8, "evidence too deep");
      keep_strings(L, lua_gettop(L), kept);
    }
    if (lua_type(L, -1) == LUA_TSTRING)
      lua_rawseti(L, kept, (lua_Integer)lua_rawlen(L, kept) + 1);
    else
      lua_pop(L, 1);
  }
}

/* verifier:work(list of evidence as for verify): a job. */
static int new_job(lua_State *L) {
  lua_verifier *verifier = luaL_checkudata(L, 1, VERIFIER);
  luaL_checktype(L, 2, LUA_TTABLE);
  size_t count = lua_rawlen(L, 2);
  luaL_argcheck(L, count <= LIST_MAX, 2, "too long a list");
  lua_settop(L, 2);
  verify_job *self = lua_newuserdatauv(L, sizeof *self, 2);
  memset(self, 0, sizeof *self);
  self->work = (kv_work){.run = run_job, .stop = stop_job};
  self->verifier = verifier;
  luaL_setmetatable(L, JOB);
  self->evidence = calloc(count + 1, sizeof *self->evidence);
  self->answers = calloc(count + 1, sizeof *self->answers);
  if (!self->evidence || !self->answers) return luaL_error(L, "out of memory");
  self->count = count;
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 2, (lua_Integer)i + 1);
    read_evidence(L, verifier, 4, &self->evidence[i]);
    lua_pop(L, 1);
  }
  lua_newtable(L);
  keep_strings(L, 2, 4);
  lua_setiuservalue(L, 3, 2);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 3, 1);
  return 1;
}

static verify_job *begin(lua_State *L) {
  verify_job *self = luaL_checkudata(L, 1, JOB);
  if (self->begun) luaL_error(L, "this verification has begun already");
  self->begun = true;
  return self;
}

/* job:work(): a light userdata for core.work(job:work(), job, callback), which may be given to it
 * once. */
static int job_work(lua_State *L) {
  verify_job *self = begin(L);
  lua_pushlightuserdata(L, &self->work);
  return 1;
}

/* job:run(): does it on this thread. */
static int job_run(lua_State *L) {
  run_job(&begin(L)->work);
  return 0;
}

/* job:results(): a list in the order of the evidence: results as of verify, or { error = message,
 * kind = } for what verify would return nil. Nil while it is not done. */
static int job_results(lua_State *L) {
  verify_job *self = luaL_checkudata(L, 1, JOB);
  if (!atomic_load(&self->done)) return 0;
  lua_createtable(L, (int)self->count, 0);
  for (size_t i = 0; i < self->count; i++) {
    const answer *from = &self->answers[i];
    if (from->status == 0) {
      push_result(L, &from->result);
    } else {
      lua_createtable(L, 0, 2);
      set_text(L, "error", from->error.message);
      set_text(L, "kind", from->error.kind);
    }
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* ---- the functions ---- */

static void make_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction gc) {
  luaL_newmetatable(L, name);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

void kv_lua_verify(lua_State *L) {
  static const luaL_Reg verifier[] = {{"verify", verify}, {"work", new_job}, {NULL, NULL}};
  static const luaL_Reg job[] = {
      {"work", job_work}, {"run", job_run}, {"results", job_results}, {NULL, NULL}};
  make_class(L, VERIFIER, verifier, free_verifier);
  make_class(L, JOB, job, free_job);
  lua_pushcfunction(L, new_verifier);
  lua_setfield(L, -2, "verifier");
}
