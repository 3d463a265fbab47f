/* What a policy states: its name, what it expects, its rules and groups of them. They are kept
 * beside the Lua state, which keeps the rules' functions alone. */
#include <stdlib.h>
#include <string.h>

#include "rules/vm_state.h"

static kv_vm *loading(lua_State *L, const char *name) {
  kv_vm *vm = kv_vm_of(L);
  if (!vm->loading)
    luaL_error(L, "%s: a policy states things when it is loaded, not in a rule", name);
  return vm;
}

/* The text at 1, without control characters. */
static void take_text(lua_State *L, const char *what, char *to) {
  size_t size;
  if (lua_type(L, 1) != LUA_TSTRING)
    luaL_error(L, "%s: text is needed, not a %s", what, luaL_typename(L, 1));
  const char *text = lua_tolstring(L, 1, &size);
  if (size == 0 || size > KV_VM_TEXT_MAX)
    luaL_error(L, "%s: its text has 1 to %d bytes", what, (int)KV_VM_TEXT_MAX);
  for (size_t i = 0; i < size; i++)
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
      luaL_error(L, "%s: its text has a control character in it", what);
  memcpy(to, text, size);
  to[size] = '\0';
}

/* ---- policy, version, description, include ---- */

static int set_once(lua_State *L, const char *what, char *to) {
  char text[KV_VM_TEXT_MAX + 1];
  kv_vm *vm = loading(L, what);
  take_text(L, what, text);
  if (vm->chain_length > 1) return 0; /* an included file has its own, where it is the policy */
  if (to[0]) luaL_error(L, "%s: there is one already: '%s'", what, to);
  memcpy(to, text, sizeof text);
  return 0;
}

static int state_policy(lua_State *L) { return set_once(L, "policy", kv_vm_of(L)->name); }
static int state_version(lua_State *L) { return set_once(L, "version", kv_vm_of(L)->version); }
static int state_description(lua_State *L) {
  return set_once(L, "description", kv_vm_of(L)->description);
}

/* Pushes "a.lua → b.lua", of the files whose include led here, and `last`. */
static const char *push_chain(lua_State *L, const kv_vm *vm, const char *last) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (size_t i = 0; i < vm->chain_length; i++) {
    luaL_addstring(&b, vm->sources[vm->chain[i]].name);
    luaL_addstring(&b, " → ");
  }
  luaL_addstring(&b, last);
  luaL_pushresult(&b);
  return lua_tostring(L, -1);
}

static void need_file(lua_State *L, kv_vm *vm, const char *file) {
  luaL_where(L, 1);
  const char *place = lua_tostring(L, -1), *chain = push_chain(L, vm, file);
  const char *by = lua_pushfstring(L, "%sinclude: %s", place, chain);
  size_t size = strlen(by), name = strlen(file);
  if (name >= sizeof vm->need->name || size >= sizeof vm->need->by)
    luaL_error(L, "include: too many files in one another: %s", chain);
  memcpy(vm->need->by, by, size + 1);
  memcpy(vm->need->name, file, name + 1);
  kv_vm_stop(vm, KV_VM_NEEDS_FILE);
}

static bool is_name(const char *name, size_t size) {
  if (size == 0 || size > KV_VM_NAME_MAX) return false;
  for (size_t i = 0; i < size; i++) {
    char c = name[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '_' && c != '-') return false;
  }
  return true;
}

static int state_include(lua_State *L) {
  kv_vm *vm = loading(L, "include");
  size_t size;
  const char *name = luaL_checklstring(L, 1, &size);
  if (!is_name(name, size))
    return luaL_error(L, "include: the name of a policy in the same folder is needed: "
                         "letters, digits, '_' and '-', without '.lua'");
  const char *file = lua_pushfstring(L, "%s.lua", name);
  size_t found = 0;
  while (found < vm->source_count && strcmp(vm->sources[found].name, file) != 0) found++;
  if (found == vm->source_count) need_file(L, vm, file);
  for (size_t i = 0; i < vm->chain_length; i++)
    if (vm->chain[i] == (int)found)
      return luaL_error(L, "include: a cycle: %s", push_chain(L, vm, file));
  for (size_t i = 0; i < vm->files_run; i++)
    if (vm->run_order[i] == found) return 0;
  kv_vm_run_file(L, found);
  return 0;
}

/* ---- rules and groups ---- */

static int current_line(lua_State *L) {
  lua_Debug ar;
  if (!lua_getstack(L, 1, &ar)) return 0;
  lua_getinfo(L, "l", &ar);
  return ar.currentline > 0 ? ar.currentline : 0;
}

/* A new statement, by its number, from 1. */
static int add_statement(lua_State *L, kv_vm *vm, kv_statement_kind kind) {
  if (vm->statement_count == KV_VM_STATEMENTS_MAX)
    luaL_error(L, "a policy has at most %d rules, expectations and groups",
               (int)KV_VM_STATEMENTS_MAX);
  if (vm->statement_count == vm->statement_room) {
    size_t room = vm->statement_room ? 2 * vm->statement_room : 16;
    kv_statement *more = realloc(vm->statements, room * sizeof *more);
    if (!more) kv_vm_stop(vm, KV_VM_OUT_OF_MEMORY);
    vm->statements = more;
    vm->statement_room = room;
  }
  kv_statement *s = &vm->statements[vm->statement_count++];
  memset(s, 0, sizeof *s);
  s->kind = kind;
  s->function = LUA_NOREF;
  s->file = (size_t)vm->chain[vm->chain_length - 1];
  s->line = current_line(L);
  return (int)vm->statement_count;
}

/* A policy holds a statement as its number, as an address that it cannot make. */
static void push_handle(lua_State *L, int number) {
  lua_pushlightuserdata(L, (void *)(intptr_t)number);
}

/* rule "text" (function) */
static int finish_rule(lua_State *L) {
  kv_vm *vm = loading(L, "rule");
  int number = (int)lua_tointeger(L, lua_upvalueindex(1));
  kv_statement *s = &vm->statements[number - 1];
  if (lua_type(L, 1) != LUA_TFUNCTION)
    return luaL_error(L, "rule '%s': a function is needed, not a %s", s->text, luaL_typename(L, 1));
  if (s->function != LUA_NOREF) return luaL_error(L, "rule '%s' has a function already", s->text);
  lua_settop(L, 1);
  s->function = luaL_ref(L, LUA_REGISTRYINDEX);
  push_handle(L, number);
  return 1;
}

static int state_rule(lua_State *L) {
  char text[KV_VM_TEXT_MAX + 1];
  kv_vm *vm = loading(L, "rule");
  take_text(L, "rule", text);
  for (size_t i = 0; i < vm->statement_count; i++)
    if (vm->statements[i].kind == KV_RULE && strcmp(vm->statements[i].text, text) == 0)
      return luaL_error(L, "rule: there is a rule '%s' already, in line %d of %s", text,
                        vm->statements[i].line, vm->file_names[vm->statements[i].file]);
  int number = add_statement(L, vm, KV_RULE);
  memcpy(vm->statements[number - 1].text, text, sizeof text);
  lua_pushinteger(L, number);
  lua_pushcclosure(L, finish_rule, 1);
  return 1;
}

/* expect { … } */
static int state_expect(lua_State *L) {
  kv_vm *vm = loading(L, "expect");
  if (lua_type(L, 1) != LUA_TTABLE)
    return luaL_error(L, "expect: a table is needed, not a %s", luaL_typename(L, 1));
  size_t at = vm->requirements.size;
  const char *problem = kv_vm_write_value(L, 1, &vm->requirements);
  if (problem) return luaL_error(L, "expect: there is %s in it", problem);
  if (vm->requirements.failed) kv_vm_stop(vm, KV_VM_OUT_OF_MEMORY);
  int number = add_statement(L, vm, KV_EXPECT);
  vm->statements[number - 1].requires = at;
  push_handle(L, number);
  return 1;
}

static const char *kind_name(kv_statement_kind kind) {
  return kind == KV_ANY_OF ? "any_of" : "all_of";
}

/* Whether the statement `number` is `group` itself, or a group that `group` is in. */
static bool is_around(const kv_vm *vm, int number, int group) {
  while (group && group != number) group = vm->statements[group - 1].group;
  return group != 0;
}

static void take_member(lua_State *L, kv_vm *vm, int group) {
  const char *what = kind_name(vm->statements[group - 1].kind);
  const char *text = vm->statements[group - 1].text;
  if (lua_type(L, -1) != LUA_TLIGHTUSERDATA)
    luaL_error(L, "%s '%s': its members are what rule, expect, any_of and all_of give, not a %s",
               what, text, luaL_typename(L, -1));
  int number = (int)(intptr_t)lua_touserdata(L, -1);
  if (vm->statements[number - 1].group || is_around(vm, number, group))
    luaL_error(L, "%s '%s': a member of it is in a group already", what, text);
  vm->statements[number - 1].group = group;
}

/* any_of "text" { member… } */
static int finish_group(lua_State *L) {
  kv_vm *vm = loading(L, "a group");
  int number = (int)lua_tointeger(L, lua_upvalueindex(1));
  const kv_statement *s = &vm->statements[number - 1];
  if (lua_type(L, 1) != LUA_TTABLE || lua_rawlen(L, 1) == 0)
    return luaL_error(L, "%s '%s': a list of members is needed", kind_name(s->kind), s->text);
  size_t count = 0, length = lua_rawlen(L, 1);
  lua_settop(L, 1);
  lua_pushnil(L);
  while (lua_next(L, 1)) {
    lua_pop(L, 1);
    count++;
  }
  if (count != length)
    return luaL_error(L, "%s '%s': a list has no holes and no names", kind_name(s->kind), s->text);
  for (size_t i = 1; i <= length; i++) {
    lua_rawgeti(L, 1, (lua_Integer)i);
    take_member(L, vm, number);
    lua_pop(L, 1);
  }
  push_handle(L, number);
  return 1;
}

static int state_group(lua_State *L, kv_statement_kind kind) {
  char text[KV_VM_TEXT_MAX + 1];
  kv_vm *vm = loading(L, kind_name(kind));
  take_text(L, kind_name(kind), text);
  int number = add_statement(L, vm, kind);
  memcpy(vm->statements[number - 1].text, text, sizeof text);
  lua_pushinteger(L, number);
  lua_pushcclosure(L, finish_group, 1);
  return 1;
}

static int state_any_of(lua_State *L) { return state_group(L, KV_ANY_OF); }
static int state_all_of(lua_State *L) { return state_group(L, KV_ALL_OF); }

/* ---- at the end ---- */

static bool has_members(const kv_vm *vm, int number) {
  for (size_t i = 0; i < vm->statement_count; i++)
    if (vm->statements[i].group == number) return true;
  return false;
}

void kv_vm_check_statements(lua_State *L) {
  const kv_vm *vm = kv_vm_of(L);
  if (!vm->name[0])
    luaL_error(L, "%s: a policy begins with its name: policy \"NAME\"", vm->file_names[0]);
  for (size_t i = 0; i < vm->statement_count; i++) {
    const kv_statement *s = &vm->statements[i];
    if (s->kind == KV_RULE && s->function == LUA_NOREF)
      luaL_error(L, "%s:%d: rule '%s' has no function", vm->file_names[s->file], s->line, s->text);
    if ((s->kind == KV_ANY_OF || s->kind == KV_ALL_OF) && !has_members(vm, (int)i + 1))
      luaL_error(L, "%s:%d: %s '%s' has no members", vm->file_names[s->file], s->line,
                 kind_name(s->kind), s->text);
  }
}

void kv_vm_statements(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"policy", state_policy},   {"version", state_version}, {"description", state_description},
      {"include", state_include}, {"rule", state_rule},       {"expect", state_expect},
      {"any_of", state_any_of},   {"all_of", state_all_of},   {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
