/* Launch digests and firmware images for Lua. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "snp/lua_measure_job.h"
#include "snp/lua_snp.h"

#define JOB "kavach.snp.measure"

/* ---- reading the table of options, which is at 1 ---- */

static const char *text_field(lua_State *L, const char *key, size_t *size) {
  const char *text = NULL;
  int type = lua_getfield(L, 1, key);
  if (type == LUA_TSTRING) {
    text = lua_tolstring(L, -1, size);
  } else if (type != LUA_TNIL) {
    luaL_error(L, "snp.measure: %s must be a string", key);
  }
  lua_pop(L, 1); /* the table keeps it alive */
  return text;
}

/* A copy, or NULL if the key is not there. */
static char *copied_field(lua_State *L, const char *key) {
  size_t size = 0;
  const char *text = text_field(L, key, &size);
  if (!text) return NULL;
  if (strlen(text) != size) luaL_error(L, "snp.measure: %s has a NUL in it", key);
  char *copy = strdup(text);
  if (!copy) luaL_error(L, "snp.measure: out of memory");
  return copy;
}

static bool integer_field(lua_State *L, const char *key, lua_Integer most, uint64_t *value) {
  int whole = 0;
  int type = lua_getfield(L, 1, key);
  lua_Integer number = type == LUA_TNUMBER ? lua_tointegerx(L, -1, &whole) : 0;
  lua_pop(L, 1);
  if (type == LUA_TNIL) return false;
  if (!whole || (most >= 0 && (number < 0 || number > most)))
    luaL_error(L, "snp.measure: %s must be an integer from 0 to %I", key, most);
  *value = (uint64_t)number;
  return true;
}

static void read_numbers(lua_State *L, kv_measure *measure) {
  uint64_t number;
  if (integer_field(L, "vcpus", UINT32_MAX, &number)) measure->vcpus = (uint32_t)number;
  if (integer_field(L, "vcpu_sig", UINT32_MAX, &number)) {
    measure->has_vcpu_signature = true;
    measure->vcpu_signature = (uint32_t)number;
  }
  if (integer_field(L, "vars_size", LUA_MAXINTEGER, &number)) measure->vars_size = number;
  measure->guest_features = 1; /* SNPActive */
  if (integer_field(L, "guest_features", -1, &number)) measure->guest_features = number;
}

static void read_files(lua_State *L, kv_measure_job *job) {
  job->ovmf_path = copied_field(L, "ovmf");
  if (!job->ovmf_path) luaL_error(L, "snp.measure: ovmf is missing");
  job->svsm_path = copied_field(L, "svsm");
  job->kernel_path = copied_field(L, "kernel");
  job->initrd_path = copied_field(L, "initrd");
  job->append = copied_field(L, "append");
  job->measure.has_kernel = job->kernel_path != NULL;
  if (!job->kernel_path && (job->initrd_path || (job->append && *job->append)))
    luaL_error(L, "snp.measure: %s needs kernel", job->initrd_path ? "initrd" : "append");
}

static int read_names(lua_State *L, kv_measure *measure, kv_error *error) {
  size_t size;
  const char *mode = text_field(L, "mode", &size), *vmm = text_field(L, "vmm", &size);
  if (kv_measure_mode_parse(mode ? mode : "snp", &measure->mode, error) < 0) return -1;
  return kv_vmm_parse(vmm ? vmm : "QEMU", &measure->vmm, error);
}

static void read_hash(lua_State *L, kv_measure_job *job) {
  size_t size;
  const char *hash = text_field(L, "ovmf_hash", &size);
  if (!hash) return;
  if (size != sizeof job->ovmf_hash)
    luaL_error(L, "snp.measure: ovmf_hash must be %d bytes", (int)sizeof job->ovmf_hash);
  memcpy(job->ovmf_hash, hash, size);
  job->measure.ovmf_hash = job->ovmf_hash;
}

/* ---- the job ---- */

static int free_job(lua_State *L) {
  kv_measure_job_free(luaL_checkudata(L, 1, JOB));
  return 0;
}

/* measure{mode=, vmm=, vcpus=, vcpu_sig=, guest_features=, ovmf=, ovmf_hash=, kernel=, initrd=,
 * append=, svsm=, vars_size=, trace=}: files are paths, ovmf_hash 48 bytes, the rest as in
 * kv_measure. Returns a job that has not begun, or nil, a message and a kind. */
static int measure(lua_State *L) {
  kv_error error;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  kv_measure_job *job = lua_newuserdatauv(L, sizeof *job, 0);
  memset(job, 0, sizeof *job);
  luaL_setmetatable(L, JOB);
  if (read_names(L, &job->measure, &error) < 0) return kv_lua_failure(L, &error);
  read_numbers(L, &job->measure);
  read_hash(L, job);
  read_files(L, job);
  lua_getfield(L, 1, "trace");
  job->wants_trace = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return 1;
}

static int begin(lua_State *L, kv_measure_job *job) {
  if (job->begun) return luaL_error(L, "this measurement has begun already");
  return kv_measure_job_begin(job);
}

/* job:work(): one or two light userdata, each of which is to be given to core.work once. */
static int job_work(lua_State *L) {
  kv_measure_job *job = luaL_checkudata(L, 1, JOB);
  int parts = begin(L, job);
  lua_pushlightuserdata(L, &job->images.work);
  if (parts == 2) lua_pushlightuserdata(L, &job->initrd.work);
  return parts;
}

/* Here and now. */
static void run_job(lua_State *L, kv_measure_job *job) {
  int parts = begin(L, job);
  job->images.work.run(&job->images.work);
  if (parts == 2) job->initrd.work.run(&job->initrd.work);
}

static void push_bytes(lua_State *L, const char *key, const void *bytes, size_t size) {
  lua_pushlstring(L, bytes, size);
  lua_setfield(L, -2, key);
}

static void push_trace(lua_State *L, const kv_measure_job *job) {
  lua_createtable(L, (int)job->trace_count, 0);
  for (size_t i = 0; i < job->trace_count; i++) {
    const kv_traced_page *page = &job->trace[i];
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, page->type);
    lua_setfield(L, -2, "page_type");
    lua_pushinteger(L, (lua_Integer)page->gpa);
    lua_setfield(L, -2, "gpa");
    lua_pushstring(L, kv_page_type_name(page->type));
    lua_setfield(L, -2, "name");
    push_bytes(L, "contents", page->contents, sizeof page->contents);
    push_bytes(L, "digest", page->digest, sizeof page->digest);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

/* job:result(), running it here unless it has run: { digest=, vmsa_bsp=, vmsa_ap=, trace= }, the
 * pages where CPUs are measured; or nil, a message and a kind. */
static int job_result(lua_State *L) {
  kv_measure_job *job = luaL_checkudata(L, 1, JOB);
  if (job->begun && !atomic_load(&job->done)) return luaL_error(L, "this measurement still runs");
  if (!job->begun) run_job(L, job);
  if (job->failed) return kv_lua_failure(L, &job->error);
  lua_createtable(L, 0, 4);
  push_bytes(L, "digest", job->digest, job->digest_size);
  if (job->has_vmsa) {
    push_bytes(L, "vmsa_bsp", job->vmsa[0], KV_PAGE_SIZE);
    push_bytes(L, "vmsa_ap", job->vmsa[1], KV_PAGE_SIZE);
  }
  if (job->wants_trace) {
    push_trace(L, job);
    lua_setfield(L, -2, "trace");
  }
  return 1;
}

/* ---- firmware images ---- */

static void push_number(lua_State *L, const char *key, bool given, uint64_t value) {
  if (!given) return;
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

static void push_sections(lua_State *L, const kv_ovmf *ovmf) {
  lua_createtable(L, (int)ovmf->section_count, 0);
  for (uint32_t i = 0; i < ovmf->section_count; i++) {
    kv_ovmf_section it = kv_ovmf_section_at(ovmf, i);
    lua_createtable(L, 0, 4);
    push_number(L, "gpa", true, it.gpa);
    push_number(L, "size", true, it.size);
    push_number(L, "type", true, it.type);
    lua_pushstring(L, kv_ovmf_section_name(it.type));
    lua_setfield(L, -2, "name");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "sections");
}

/* ovmf_parse(bytes): { size=, gpa=, reset_eip=, hashes_gpa=, hashes_size=, svsm_entry=,
 * sections={{gpa=, size=, type=, name=}…} }; what the image does not have is nil. Or nil, a message
 * and a kind. */
static int ovmf_parse(lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  kv_ovmf ovmf;
  kv_error error;
  if (kv_ovmf_parse((const uint8_t *)bytes, size, &ovmf, &error) < 0)
    return kv_lua_failure(L, &error);
  lua_createtable(L, 0, 7);
  push_number(L, "size", true, ovmf.size);
  push_number(L, "gpa", true, ovmf.gpa);
  push_number(L, "reset_eip", ovmf.has_reset_eip, ovmf.reset_eip);
  push_number(L, "hashes_gpa", ovmf.has_hashes, ovmf.hashes_gpa);
  push_number(L, "hashes_size", ovmf.has_hashes, ovmf.hashes_size);
  push_number(L, "svsm_entry", ovmf.has_svsm, ovmf.svsm_entry);
  if (ovmf.has_metadata) push_sections(L, &ovmf);
  return 1;
}

/* cpu_signature(family, model, stepping): Fn0000_0001_EAX; or nil, a message and a kind. */
static int cpu_signature(lua_State *L) {
  unsigned part[3];
  for (int i = 0; i < 3; i++) {
    lua_Integer value = luaL_checkinteger(L, i + 1);
    luaL_argcheck(L, value >= 0 && value <= UINT16_MAX, i + 1, "out of range");
    part[i] = (unsigned)value;
  }
  kv_error error;
  uint32_t signature;
  if (kv_cpu_signature(part[0], part[1], part[2], &signature, &error) < 0)
    return kv_lua_failure(L, &error);
  lua_pushinteger(L, signature);
  return 1;
}

void kv_lua_measure(lua_State *L) {
  static const luaL_Reg METHODS[] = {
      {"work", job_work}, {"result", job_result}, {"__gc", free_job}, {NULL, NULL}};
  static const luaL_Reg FUNCTIONS[] = {{"measure", measure},
                                       {"ovmf_parse", ovmf_parse},
                                       {"cpu_signature", cpu_signature},
                                       {NULL, NULL}};
  if (luaL_newmetatable(L, JOB)) {
    luaL_setfuncs(L, METHODS, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
  luaL_setfuncs(L, FUNCTIONS, 0);
}
