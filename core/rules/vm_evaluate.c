/* Evaluating a policy's rules. */
#include <stdio.h>
#include <string.h>

#include "rules/vm_state.h"

static int call_rule(lua_State *L) {
  kv_vm *vm = kv_vm_of(L);
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->rule->function);
  kv_vm_push_view(L, vm->evidence, KV_EVIDENCE, "");
  lua_call(L, 1, 2);
  return 2;
}

/* What a rule that ran to its end has come to. Only looks at raw values. */
static char judge(kv_vm *vm, char *reason, size_t size) {
  lua_State *L = vm->L;
  size_t length;
  if (lua_type(L, 2) == LUA_TSTRING) {
    const char *text = lua_tolstring(L, 2, &length);
    if (length >= size) length = size - 1;
    memcpy(reason, text, length);
    reason[length] = '\0';
  }
  bool reasoned = lua_type(L, 2) == LUA_TNIL || lua_type(L, 2) == LUA_TSTRING;
  switch (lua_type(L, 1)) {
  case LUA_TBOOLEAN:
    if (!lua_toboolean(L, 1)) return 'f';
    if (reasoned) return 'p';
    /* such as that of `return pcall(…)`, whose function returned false */
    snprintf(reason, size, "true and a %s is not true", luaL_typename(L, 2));
    return 'v';
  case LUA_TNIL:
    return 'n';
  default:
    snprintf(reason, size, "a %s is not true", luaL_typename(L, 1));
    return 'v';
  }
}

static char run_rule(kv_vm *vm, const kv_statement *rule, char *reason, size_t size) {
  reason[0] = '\0';
  vm->read_count = 0;
  vm->rule = rule;
  int status = kv_vm_call(vm, call_rule);
  if (status == LUA_OK) return judge(vm, reason, size);
  if (status < 0) {
    snprintf(reason, size, "%s", kv_vm_end_text(vm));
    return vm->end == KV_VM_OUT_OF_STEPS ? 's' : 'm';
  }
  kv_vm_take_message(vm, reason, size);
  return 'e';
}

static void put_read(const kv_read *read, kv_blob *out, const kv_blob_open *in) {
  kv_blob_next(out, in);
  kv_blob_put_bytes(out, 's', read->text, read->size);
  kv_blob_next(out, in);
  size_t size;
  bool text = read->node && (*read->node == 's' || *read->node == 'x');
  if (!read->node) {
    kv_blob_put_tag(out, 'n');
  } else if (text) {
    const uint8_t *bytes = kv_blob_bytes(read->node, &size);
    kv_blob_put_bytes(out, (char)*read->node, bytes,
                      size < KV_VM_SHOWN_MAX ? size : KV_VM_SHOWN_MAX);
  } else {
    kv_blob_put_node(out, read->node);
  }
}

static void put_reason(const kv_vm *vm, size_t statement, const char *reason, kv_blob *out,
                       const kv_blob_open *list) {
  kv_blob_next(out, list);
  kv_blob_open in = kv_blob_begin(out, 'a');
  kv_blob_next(out, &in);
  kv_blob_put_integer(out, (int64_t)statement + 1);
  kv_blob_next(out, &in);
  if (*reason)
    kv_blob_put_text(out, reason);
  else
    kv_blob_put_tag(out, 'n');
  for (size_t i = 0; i < vm->read_count; i++) put_read(&vm->reads[i], out, &in);
  kv_blob_end(out, &in);
}

/* How often a table grows and shrinks depends on Lua's hash seed, another in each process: what is
 * told of the memory is as coarse as that difference, or like inputs would not give like bytes. */
static size_t space_of(const kv_vm *vm) {
  enum { UNIT = 64 << 10 };
  return (kv_arena_peak(&vm->arena) + UNIT - 1) / UNIT * UNIT;
}

void kv_vm_evaluate(kv_vm *vm, const uint8_t *evidence, kv_blob *out) {
  char letters[KV_VM_STATEMENTS_MAX], reason[KV_VM_REASON_MAX + 1];
  bool ended = false;
  kv_arena_restore(&vm->arena);
  vm->stack = vm->kept_stack;
  vm->steps_left = vm->limits.steps;
  vm->evidence = evidence;
  kv_blob_open in = kv_blob_begin(out, 'o');
  kv_blob_name(out, &in, "reasons");
  kv_blob_open reasons = kv_blob_begin(out, 'a');
  for (size_t i = 0; i < vm->statement_count; i++) {
    letters[i] = '-';
    if (vm->statements[i].kind != KV_RULE) continue;
    letters[i] = 'x';
    if (ended) continue;
    letters[i] = run_rule(vm, &vm->statements[i], reason, sizeof reason);
    ended = vm->end != KV_VM_RUNS;
    if (letters[i] != 'p') put_reason(vm, i, reason, out, &reasons);
  }
  kv_blob_end(out, &reasons);
  if (vm->covers) {
    kv_blob_name(out, &in, "lines");
    kv_vm_put_cover(vm, false, out);
  }
  kv_blob_name(out, &in, "rules");
  kv_blob_put_bytes(out, 's', letters, vm->statement_count);
  kv_blob_name(out, &in, "space");
  kv_blob_put_integer(out, (int64_t)space_of(vm));
  kv_blob_name(out, &in, "steps");
  kv_blob_put_integer(out, vm->limits.steps - vm->steps_left);
  kv_blob_end(out, &in);
}
