/* Text and numbers: parts of Lua's libraries whose cost is that of their text, and tests of text in
 * the place of Lua's patterns, whose cost has no bound. */
#define _GNU_SOURCE
#include <lualib.h>
#include <string.h>

#include "rules/vm_state.h"

enum { BYTES_A_STEP = 16, CONVERSION_STEPS = 150 };

/* Charges for the length of the text at 1, and does what it guards. */
static int by_length(lua_State *L) {
  if (lua_type(L, 1) == LUA_TSTRING) kv_vm_charge(L, lua_rawlen(L, 1) / BYTES_A_STEP);
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* Charges for the number of arguments. */
static int by_arguments(lua_State *L) {
  kv_vm_charge(L, (size_t)lua_gettop(L) / 4);
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* Argument `at` is for "%s": no address may show. */
static void make_text(lua_State *L, int at) {
  int type = lua_type(L, at);
  if (type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TNONE) return;
  kv_vm_to_text(L, at);
  lua_replace(L, at);
}

static int format(lua_State *L) {
  size_t size, conversions = 0;
  const char *text = luaL_checklstring(L, 1, &size);
  int argument = 1;
  for (size_t i = 0; i < size; i++) {
    if (text[i] != '%') continue;
    i++;
    if (i < size && text[i] == '%') continue;
    conversions++;
    argument++;
    while (i < size && strchr("-+ #0123456789.", text[i]) && text[i]) i++;
    if (i < size && text[i] == 'p') return luaL_error(L, "format: there is no '%%p' in a policy");
    if (i < size && text[i] == 's') make_text(L, argument);
  }
  kv_vm_charge(L, size / BYTES_A_STEP + conversions * CONVERSION_STEPS);
  return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* ---- tests ---- */

typedef struct words {
  const char *text, *part;
  size_t text_size, part_size;
} words;

static words two_texts(lua_State *L) {
  words w;
  w.text = luaL_checklstring(L, 1, &w.text_size);
  w.part = luaL_checklstring(L, 2, &w.part_size);
  kv_vm_charge(L, (w.text_size + w.part_size) / BYTES_A_STEP);
  return w;
}

static int contains(lua_State *L) {
  words w = two_texts(L);
  lua_pushboolean(L, memmem(w.text, w.text_size, w.part, w.part_size) != NULL);
  return 1;
}

static int starts_with(lua_State *L) {
  words w = two_texts(L);
  lua_pushboolean(L, w.part_size <= w.text_size && memcmp(w.text, w.part, w.part_size) == 0);
  return 1;
}

static int ends_with(lua_State *L) {
  words w = two_texts(L);
  bool ends = w.part_size <= w.text_size &&
              memcmp(w.text + w.text_size - w.part_size, w.part, w.part_size) == 0;
  lua_pushboolean(L, ends);
  return 1;
}

/* glob(text, pattern): the whole text; '*' is any run of bytes, '?' one, all else itself. After a
 * mismatch it goes back to the last '*' alone: at most the product of the lengths, charged as it
 * is used. */
static int glob(lua_State *L) {
  words w = two_texts(L);
  size_t t = 0, p = 0, star = w.part_size, from = 0, looks = 0;
  while (t < w.text_size) {
    if (++looks % 1024 == 0) kv_vm_charge(L, 1024 / BYTES_A_STEP);
    if (p < w.part_size && w.part[p] == '*') {
      star = p++;
      from = t;
    } else if (p < w.part_size && (w.part[p] == '?' || w.part[p] == w.text[t])) {
      p++;
      t++;
    } else if (star < w.part_size) {
      p = star + 1;
      t = ++from;
    } else {
      break;
    }
  }
  while (p < w.part_size && w.part[p] == '*') p++;
  lua_pushboolean(L, t == w.text_size && p == w.part_size);
  return 1;
}

/* ---- the libraries ---- */

/* Copies functions of the library at the top into the table below it. */
static void copy(lua_State *L, const char *const *names, lua_CFunction guard) {
  for (; *names; names++) {
    lua_getfield(L, -1, *names);
    if (guard) lua_pushcclosure(L, guard, 1);
    lua_setfield(L, -3, *names);
  }
}

static void open_library(lua_State *L, lua_CFunction open) {
  lua_newtable(L);
  lua_pushcfunction(L, open);
  lua_call(L, 0, 1);
}

/* Methods of texts: no arithmetic, which would read them as numbers each time. */
static void set_text_methods(lua_State *L, int library) {
  lua_pushliteral(L, "");
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, library);
  lua_setfield(L, -2, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  lua_pop(L, 1);
}

static void string_library(lua_State *L) {
  static const char *const measured[] = {"byte", "len", "lower", "reverse", "sub", "upper", NULL};
  static const char *const listed[] = {"char", NULL}, *const formats[] = {"format", NULL};
  static const luaL_Reg tests[] = {{"contains", contains},
                                   {"starts_with", starts_with},
                                   {"ends_with", ends_with},
                                   {"glob", glob},
                                   {NULL, NULL}};
  luaL_setfuncs(L, tests, 0); /* as functions, and as methods of texts */
  open_library(L, luaopen_string);
  copy(L, measured, by_length);
  copy(L, listed, by_arguments);
  copy(L, formats, format);
  lua_pop(L, 1);
  luaL_setfuncs(L, tests, 0);
  set_text_methods(L, lua_gettop(L));
  kv_vm_freeze(L, "string");
}

static void math_library(lua_State *L) {
  static const char *const names[] = {
      "abs",   "acos", "asin", "atan", "ceil",       "cos",        "deg",  "exp",
      "floor", "fmod", "huge", "log",  "maxinteger", "mininteger", "modf", "pi",
      "rad",   "sin",  "sqrt", "tan",  "tointeger",  "type",       "ult",  NULL};
  static const char *const listed[] = {"max", "min", NULL};
  open_library(L, luaopen_math);
  copy(L, names, NULL);
  copy(L, listed, by_arguments);
  lua_pop(L, 1);
  kv_vm_freeze(L, "math");
}

static void utf8_library(lua_State *L) {
  static const char *const measured[] = {"codepoint", "codes", "len", "offset", NULL};
  static const char *const listed[] = {"char", NULL};
  open_library(L, luaopen_utf8);
  copy(L, measured, by_length);
  copy(L, listed, by_arguments);
  lua_pop(L, 1);
  kv_vm_freeze(L, "utf8");
}

void kv_vm_strings(lua_State *L) {
  string_library(L);
  math_library(L);
  utf8_library(L);
}
