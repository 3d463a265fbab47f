/* Evidence as JSON, read by the Lua that reads it: whatever it is, the answer is evidence or an
 * error, never a raised one, and evidence has what it must have.
 *
 * libFuzzer learns which lines of Lua were reached as it learns of C: by counters of its own. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int luaopen_kavach_snp(lua_State *L);

enum { COUNTERS = 1 << 14 };

__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[COUNTERS];

static const char READ[] =
    "local evidence = require 'kavach.attest.evidence'\n"
    "local bundle = require 'kavach.attest.bundle'\n"
    "local report = require 'kavach.report'\n"
    "local function evidence_of(bytes)\n"
    "  local got, why = evidence.parse(bytes)\n"
    "  if not got then assert(why.kind == 'invalid_argument' and #why.message > 0) return end\n"
    "  assert(#got.report == 1184 and #tostring(got) > 0)\n"
    "  for _, c in ipairs(got.certificates) do assert(#c.role > 0 and #c.der > 0) end\n"
    "  for _, crl in ipairs(got.crls) do assert(type(crl) == 'string') end\n"
    "end\n"
    /* What a bundle says is what it says when it is written and read again. */
    "local function bundle_of(bytes)\n"
    "  local got, why = bundle.decode(bytes)\n"
    "  if not got then assert(why.kind == 'invalid_argument' and #why.message > 0) return end\n"
    "  local text = assert(bundle.encode(got))\n"
    "  assert(assert(bundle.encode(assert(bundle.decode(text)))) == text)\n"
    "end\n"
    /* The short JSON form of a report. */
    "local function claims_of(bytes)\n"
    "  local got, why = report.from_json(bytes)\n"
    "  if not got then assert(why.kind == 'invalid_argument' and #why.message > 0) return end\n"
    "  local sound, reasons = got:verify()\n"
    "  assert(sound or #tostring(reasons) > 0)\n"
    "  local text = assert(got:to_json())\n"
    "  assert(assert(assert(report.from_json(text)):to_json()) == text)\n"
    "end\n"
    "return function(bytes) evidence_of(bytes) bundle_of(bytes) claims_of(bytes) end\n";

static void count_line(lua_State *L, lua_Debug *at) {
  lua_getinfo(L, "S", at);
  size_t place = (size_t)(uintptr_t)at->source * 31 + (size_t)at->currentline;
  uint8_t *counter = &counters[place % COUNTERS];
  if (*counter < UINT8_MAX) ++*counter;
}

static void fail(lua_State *L) {
  fprintf(stderr, "%s\n", luaL_tolstring(L, -1, NULL));
  abort();
}

static lua_State *start(void) {
  lua_State *L = luaL_newstate();
  if (!L) abort();
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_kavach_snp);
  lua_setfield(L, -2, "kavach.snp");
  lua_getglobal(L, "package");
  lua_pushliteral(L, KAVACH_LUA_DIR "/?.lua;" KAVACH_LUA_DIR "/?/init.lua");
  lua_setfield(L, -2, "path");
  lua_settop(L, 0);
  if (luaL_dostring(L, READ) != LUA_OK) fail(L);
  lua_sethook(L, count_line, LUA_MASKLINE, 0);
  return L;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static lua_State *L;
  if (!L) L = start();
  lua_pushvalue(L, 1);
  lua_pushlstring(L, (const char *)data, size);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) fail(L);
  lua_gc(L, LUA_GCCOLLECT); /* libFuzzer looks for leaks wherever something is not freed */
  return 0;
}
