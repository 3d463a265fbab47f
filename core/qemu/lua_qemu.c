#include "qemu/lua_qemu.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "qemu/cpu.h"
#include "qemu/find.h"
#include "qemu/launch.h"

static int push_failure(lua_State *L, const kv_error *error) {
  lua_pushnil(L);
  lua_pushstring(L, error->message);
  lua_pushstring(L, error->kind);
  return 3;
}

/* ---- reading the configuration. Strings stay owned by its table, which stays on the stack. -----
 */

/* A key that is not known is a mistake, never ignored. The table is at `index`. */
static void check_keys(lua_State *L, int index, const char *const known[]) {
  lua_pushnil(L);
  while (lua_next(L, index)) {
    lua_pop(L, 1);
    const char *key = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "[not a name]";
    size_t i = 0;
    while (known[i] && (known[i][0] != key[0] || strcmp(known[i], key) != 0)) i++;
    if (!known[i]) luaL_error(L, "qemu_argv: unknown key '%s'", key);
  }
}

/* The string at `key`, or NULL if there is none. One with a NUL would be cut without a word. */
static const char *string_field(lua_State *L, int index, const char *key) {
  const char *value = NULL;
  int type = lua_getfield(L, index, key);
  if (type == LUA_TSTRING) {
    size_t length;
    value = lua_tolstring(L, -1, &length);
    if (strlen(value) != length) luaL_error(L, "qemu_argv: %s has a NUL in it", key);
  } else if (type != LUA_TNIL) {
    luaL_error(L, "qemu_argv: %s must be a string", key);
  }
  lua_pop(L, 1);
  return value;
}

static const char *required_field(lua_State *L, int index, const char *key) {
  const char *value = string_field(L, index, key);
  if (!value) luaL_error(L, "qemu_argv: %s is missing", key);
  return value;
}

static bool boolean_field(lua_State *L, int index, const char *key) {
  int type = lua_getfield(L, index, key);
  if (type != LUA_TBOOLEAN && type != LUA_TNIL)
    luaL_error(L, "qemu_argv: %s must be a boolean", key);
  bool value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

static double number_field(lua_State *L, int index, const char *key) {
  if (lua_getfield(L, index, key) != LUA_TNUMBER)
    luaL_error(L, "qemu_argv: %s must be a number", key);
  double value = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return value;
}

static uint64_t size_field(lua_State *L, int index, const char *key) {
  int whole = 0;
  lua_getfield(L, index, key);
  lua_Integer value = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &whole) : 0;
  if (!whole || value < 0) luaL_error(L, "qemu_argv: %s must be an integer, 0 or more", key);
  lua_pop(L, 1);
  return (uint64_t)value;
}

/* Without the key, what this machine has. */
static uint64_t tsc_field(lua_State *L, int index) {
  bool given = lua_getfield(L, index, "tsc_khz") != LUA_TNIL;
  lua_pop(L, 1);
  return given ? size_field(L, index, "tsc_khz") : kv_cpu_tsc_khz();
}

static kv_share read_share(lua_State *L, int index) {
  static const char *const KEYS[] = {"tag", "path", "readonly", "remap", NULL};
  luaL_checktype(L, index, LUA_TTABLE);
  check_keys(L, index, KEYS);
  return (kv_share){.tag = required_field(L, index, "tag"),
                    .path = required_field(L, index, "path"),
                    .readonly = boolean_field(L, index, "readonly"),
                    .remap = boolean_field(L, index, "remap")};
}

/* Leaves a value on the stack that owns the shares. */
static void read_shares(lua_State *L, int index, kv_launch *launch) {
  int type = lua_getfield(L, index, "shares");
  if (type == LUA_TNIL) return;
  if (type != LUA_TTABLE) luaL_error(L, "qemu_argv: shares must be a list");
  int list = lua_gettop(L);
  size_t count = lua_rawlen(L, list);
  kv_share *shares = lua_newuserdatauv(L, (count ? count : 1) * sizeof *shares, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, list, (lua_Integer)i + 1);
    shares[i] = read_share(L, lua_gettop(L));
    lua_pop(L, 1);
  }
  launch->shares = shares;
  launch->share_count = count;
}

/* Leaves a value on the stack that owns it. */
static void read_network(lua_State *L, int index, kv_launch *launch) {
  static const char *const KEYS[] = {"mac",     "block",  "host", "dns",
                                     "outward", "inward", "back", NULL};
  if (lua_getfield(L, index, "network") == LUA_TNIL) return;
  int table = lua_gettop(L);
  luaL_checktype(L, table, LUA_TTABLE);
  check_keys(L, table, KEYS);
  kv_network *network = lua_newuserdatauv(L, sizeof *network, 0);
  *network = (kv_network){.mac = required_field(L, table, "mac"),
                          .block = required_field(L, table, "block"),
                          .host = required_field(L, table, "host"),
                          .dns = required_field(L, table, "dns"),
                          .outward = required_field(L, table, "outward"),
                          .inward = required_field(L, table, "inward"),
                          .back = required_field(L, table, "back")};
  launch->network = network;
}

static kv_disk read_disk(lua_State *L, int index) {
  static const char *const KEYS[] = {"serial", "path", "format", "readonly", NULL};
  luaL_checktype(L, index, LUA_TTABLE);
  check_keys(L, index, KEYS);
  return (kv_disk){.serial = required_field(L, index, "serial"),
                   .path = required_field(L, index, "path"),
                   .format = required_field(L, index, "format"),
                   .readonly = boolean_field(L, index, "readonly")};
}

/* Leaves a value on the stack that owns the disks. */
static void read_disks(lua_State *L, int index, kv_launch *launch) {
  int type = lua_getfield(L, index, "disks");
  if (type == LUA_TNIL) return;
  if (type != LUA_TTABLE) luaL_error(L, "qemu_argv: disks must be a list");
  int list = lua_gettop(L);
  size_t count = lua_rawlen(L, list);
  kv_disk *disks = lua_newuserdatauv(L, (count ? count : 1) * sizeof *disks, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, list, (lua_Integer)i + 1);
    disks[i] = read_disk(L, lua_gettop(L));
    lua_pop(L, 1);
  }
  launch->disks = disks;
  launch->disk_count = count;
}

/* The table `snp`; without one everything is missing, which kv_launch_argv says. Leaves it on the
 * stack. */
static int read_snp(lua_State *L, int index, kv_launch_snp *snp, kv_error *error) {
  static const char *const KEYS[] = {"dialect",       "policy",   "cbit",
                                     "cpu_model",     "firmware", "host_data",
                                     "id_block",      "id_auth",  "author_key_enabled",
                                     "vcek_disabled", "bare",     NULL};
  int type = lua_getfield(L, index, "snp");
  if (type == LUA_TNIL) return 0;
  if (type != LUA_TTABLE) return luaL_error(L, "qemu_argv: snp must be a table");
  int table = lua_gettop(L);
  check_keys(L, table, KEYS);
  uint64_t cbit = size_field(L, table, "cbit");
  snp->cbit = cbit < 64 ? (unsigned)cbit : 0;
  snp->policy = size_field(L, table, "policy");
  snp->cpu = string_field(L, table, "cpu_model");
  snp->firmware = string_field(L, table, "firmware");
  snp->host_data = string_field(L, table, "host_data");
  snp->id_block = string_field(L, table, "id_block");
  snp->id_auth = string_field(L, table, "id_auth");
  snp->author_key_enabled = boolean_field(L, table, "author_key_enabled");
  snp->vcek_disabled = boolean_field(L, table, "vcek_disabled");
  snp->bare = boolean_field(L, table, "bare");
  return kv_dialect_parse(required_field(L, table, "dialect"), &snp->dialect, error);
}

static void read_launch(lua_State *L, int index, kv_launch *launch) {
  static const char *const KEYS[] = {
      "backend", "qemu",    "cpus",   "memory_mb", "memory_file",  "clone",
      "kernel",  "initrd",  "append", "shares",    "agent_socket", "qmp_socket",
      "console", "tsc_khz", "disks",  "network",   "snp",          NULL};
  check_keys(L, index, KEYS);
  launch->qemu = required_field(L, index, "qemu");
  launch->cpus = number_field(L, index, "cpus");
  launch->memory_mb = size_field(L, index, "memory_mb");
  launch->memory_file = string_field(L, index, "memory_file");
  launch->clone = boolean_field(L, index, "clone");
  launch->kernel = required_field(L, index, "kernel");
  launch->initrd = string_field(L, index, "initrd");
  launch->append = string_field(L, index, "append");
  launch->agent_socket = string_field(L, index, "agent_socket");
  launch->qmp_socket = string_field(L, index, "qmp_socket");
  launch->console = boolean_field(L, index, "console");
  launch->tsc_khz = tsc_field(L, index);
  read_shares(L, index, launch);
  read_disks(L, index, launch);
  read_network(L, index, launch);
}

/* ---- the functions -----------------------------------------------------------------------------
 */

static void push_argv(lua_State *L, const kv_argv *argv) {
  lua_createtable(L, (int)argv->count, 0);
  for (size_t i = 0; i < argv->count; i++) {
    lua_pushstring(L, argv->items[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

static int free_argv(lua_State *L) {
  kv_argv_free(lua_touserdata(L, 1));
  return 0;
}

/* An argv that Lua frees, should pushing its words run out of memory. */
static kv_argv *new_argv(lua_State *L) {
  static const luaL_Reg METHODS[] = {{"__gc", free_argv}, {NULL, NULL}};
  kv_argv *argv = lua_newuserdatauv(L, sizeof *argv, 0);
  *argv = (kv_argv){0};
  if (luaL_newmetatable(L, "kavach.qemu.argv")) luaL_setfuncs(L, METHODS, 0);
  lua_setmetatable(L, -2);
  return argv;
}

/* qemu_argv{backend=, qemu=, cpus=, memory_mb=, memory_file=, clone=, kernel=, initrd=, append=,
 * agent_socket=, qmp_socket=, console=, tsc_khz=, shares={{tag=, path=, readonly=, remap=}…},
 * disks={{serial=, path=, format=, readonly=}…},
 * network={mac=, block=, host=, dns=, outward=, inward=, back=}, snp={dialect=, policy=, cbit=,
 * cpu_model=, firmware=, host_data=, id_block=, id_auth=, author_key_enabled=, vcek_disabled=,
 * bare=}}: fields as in kv_launch; tsc_khz is by default what this machine has. Returns the list of
 * words, or nil, a message and a kind. */
static int qemu_argv(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  kv_launch launch = {0};
  kv_error error;
  const char *backend = required_field(L, 1, "backend");
  if (kv_backend_parse(backend, &launch.backend, &error) < 0) return push_failure(L, &error);
  read_launch(L, 1, &launch);
  if (read_snp(L, 1, &launch.snp, &error) < 0) return push_failure(L, &error);
  kv_argv *argv = new_argv(L);
  if (kv_launch_argv(&launch, argv, &error) < 0) return push_failure(L, &error);
  push_argv(L, argv);
  kv_argv_free(argv);
  return 1;
}

/* qemu_find([wanted]): the path, or nil, a message and a kind. `wanted` defaults to KAVACH_QEMU. */
static int qemu_find(lua_State *L) {
  const char *wanted = luaL_optstring(L, 1, NULL);
  const char *from_environment = getenv("KAVACH_QEMU");
  if (!wanted && from_environment && *from_environment) wanted = from_environment;
  kv_error error;
  char *path = kv_qemu_find(wanted, getenv("PATH"), &error);
  if (!path) return push_failure(L, &error);
  lua_pushstring(L, path);
  free(path);
  return 1;
}

static int cpu_has_virt(lua_State *L) {
  lua_pushboolean(L, kv_cpu_has_virt());
  return 1;
}

/* cpu_sev(): { sev=, sev_es=, snp=, guests=, sev_from= }, as in kv_cpu_sev */
static int cpu_sev(lua_State *L) {
  kv_cpu_sev features = kv_cpu_sev_features();
  lua_createtable(L, 0, 5);
  lua_pushboolean(L, features.sev), lua_setfield(L, -2, "sev");
  lua_pushboolean(L, features.sev_es), lua_setfield(L, -2, "sev_es");
  lua_pushboolean(L, features.snp), lua_setfield(L, -2, "snp");
  lua_pushinteger(L, features.guests), lua_setfield(L, -2, "guests");
  lua_pushinteger(L, features.sev_from), lua_setfield(L, -2, "sev_from");
  return 1;
}

void kv_lua_qemu(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {{"qemu_argv", qemu_argv},
                                       {"qemu_find", qemu_find},
                                       {"cpu_has_virt", cpu_has_virt},
                                       {"cpu_sev", cpu_sev},
                                       {NULL, NULL}};
  luaL_setfuncs(L, FUNCTIONS, 0);
}
