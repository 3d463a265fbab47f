/* A VM's state, and its budget. */
#include "rules/vm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/vm_state.h"

/* Steps for what is allocated, and for a collection that a full memory forces. */
enum { BYTES_A_STEP = 64, BYTES_A_STEP_COLLECTED = 256 };

/* Lua copies what a vararg function was called with each time that it says "...", in one
 * instruction: so a stack may only have about 5000 values, a thousand calls of small functions.
 * It begins with STACK_FIRST bytes: BASIC_STACK_SIZE + EXTRA_STACK values (Lua 5.4, lstate.h). */
enum { STACK_FIRST = (2 * LUA_MINSTACK + 5) * 16, STACK_MAX = 100000 };

/* What a string has beside its bytes, at most. */
enum { STRING_HEAD = 64 };

kv_vm *kv_vm_of(lua_State *L) { return *(kv_vm **)lua_getextraspace(L); }

/* ---- the budget ---- */

_Noreturn void kv_vm_stop(kv_vm *vm, kv_vm_end end) {
  vm->end = end;
  longjmp(vm->way_out, 1);
}

static void spend(kv_vm *vm, size_t steps) {
  if (!vm->guarded) return;
  if ((uint64_t)vm->steps_left < steps) {
    vm->steps_left = 0;
    kv_vm_stop(vm, KV_VM_OUT_OF_STEPS);
  }
  vm->steps_left -= (int64_t)steps;
}

void kv_vm_charge(lua_State *L, size_t steps) { spend(kv_vm_of(L), steps); }

static void on_hook(lua_State *L, lua_Debug *ar) {
  if (ar->event == LUA_HOOKLINE)
    kv_vm_cover_line(L, ar);
  else
    spend(kv_vm_of(L), KV_VM_STRIDE);
}

/* Lua asks once more after a collection: the second time there is no room, there is none. */
static void *deny(kv_vm *vm) {
  if (vm->guarded && vm->denied) kv_vm_stop(vm, KV_VM_OUT_OF_MEMORY);
  vm->denied = true;
  spend(vm, vm->limits.memory / BYTES_A_STEP_COLLECTED);
  return NULL;
}

/* Follows the stack of a state, which is moved when it grows: by a realloc (from Lua 5.4.5 on), or
 * by a new block, to which it is copied, before the old one is freed. A stop in the midst of that
 * leaves a state that is thrown away. */
static void follow_stack(kv_vm *vm, const void *block, const void *found, size_t new_size) {
  size_t size = new_size;
  if (!block && !vm->L && !vm->stack && new_size == STACK_FIRST) {
    vm->stack = found;
  } else if (block && block == vm->stack) {
    vm->stack = new_size ? found : vm->newest;
    if (!new_size) size = vm->newest_size;
    if (vm->guarded && size > STACK_MAX) kv_vm_stop(vm, KV_VM_DEEP);
  }
  if (!block) {
    vm->newest = found;
    vm->newest_size = new_size;
  }
}

/* lua_Alloc: for a new block, `old_size` is the type that it is for. */
static void *allocate(void *context, void *block, size_t old_size, size_t new_size) {
  kv_vm *vm = context;
  bool grows = new_size > 0 && (!block || new_size > old_size);
  if (vm->guarded && !block && old_size == LUA_TSTRING && new_size > KV_VM_STRING_MAX + STRING_HEAD)
    kv_vm_stop(vm, KV_VM_LONG_STRING);
  /* Not for the parts of tables: when they grow depends on Lua's hash seed, which is another in
   * each process, and what fills them costs steps already. */
  if (!block && old_size != 0) spend(vm, new_size / BYTES_A_STEP);
  void *found = kv_arena_realloc(&vm->arena, block, block ? old_size : 0, new_size);
  if (grows && !found) return deny(vm);
  if (grows) vm->denied = false;
  if (grows || block == vm->stack) follow_stack(vm, block, found, new_size);
  return found;
}

static int on_panic(lua_State *L) {
  kv_vm *vm = kv_vm_of(L);
  if (vm->guarded) kv_vm_stop(vm, KV_VM_BROKEN);
  return 0;
}

int kv_vm_call(kv_vm *vm, lua_CFunction function) {
  volatile int status = -1;
  vm->end = KV_VM_RUNS;
  vm->denied = false;
  if (setjmp(vm->way_out) == 0) {
    vm->guarded = true;
    lua_settop(vm->L, 0);
    lua_pushcfunction(vm->L, function);
    status = lua_pcall(vm->L, 0, 2, 0);
    if (status == LUA_ERRMEM) {
      vm->end = KV_VM_OUT_OF_MEMORY;
      status = -1;
    }
  }
  vm->guarded = false;
  return status;
}

/* ---- how it ended ---- */

const char *kv_vm_end_text(const kv_vm *vm) {
  switch (vm->end) {
  case KV_VM_OUT_OF_STEPS:
    return "its budget of steps is spent";
  case KV_VM_OUT_OF_MEMORY:
    return "its budget of memory is spent";
  case KV_VM_LONG_STRING:
    return "a string of more than 8192 bytes was to be made";
  case KV_VM_DEEP:
    return "its stack is too deep";
  default:
    return "the policy VM failed";
  }
}

void kv_vm_take_message(kv_vm *vm, char *to, size_t size) {
  size_t length;
  if (lua_type(vm->L, -1) != LUA_TSTRING) {
    snprintf(to, size, "an error that is a %s", luaL_typename(vm->L, -1));
    return;
  }
  const char *text = lua_tolstring(vm->L, -1, &length);
  if (length >= size) length = size - 1;
  memcpy(to, text, length);
  to[length] = '\0';
}

/* ---- opening and closing ---- */

static int set_up(lua_State *L) {
  lua_newtable(L);
  lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  kv_vm_view_types(L);
  lua_newtable(L);
  lua_newtable(L);
  kv_vm_base(L);
  kv_vm_strings(L);
  kv_vm_tables(L);
  kv_vm_statements(L);
  kv_vm_freeze(L, KV_VM_GLOBALS);
  lua_getfield(L, -1, KV_VM_GLOBALS);
  lua_setfield(L, LUA_REGISTRYINDEX, KV_VM_GLOBALS);
  int lines = kv_vm_of(L)->limits.covers ? LUA_MASKLINE : 0;
  lua_sethook(L, on_hook, LUA_MASKCOUNT | lines, KV_VM_STRIDE);
  return 0;
}

static int open_state(kv_vm *vm, kv_error *error) {
  if (kv_arena_open(&vm->arena, vm->limits.memory, error) < 0) return -1;
  vm->L = lua_newstate(allocate, vm);
  if (!vm->L) return kv_fail(error, "io", "no memory for a policy VM");
  if (!vm->stack)
    return kv_fail(error, "io", "a Lua whose stack begins in a way that is not known");
  *(kv_vm **)lua_getextraspace(vm->L) = vm;
  lua_atpanic(vm->L, on_panic);
  vm->steps_left = KV_VM_STEPS;
  if (kv_vm_call(vm, set_up) != LUA_OK)
    return kv_fail(error, "io", "a policy VM cannot be set up in %zu bytes", vm->limits.memory);
  return 0;
}

kv_vm *kv_vm_open(const kv_vm_limits *limits, kv_error *error) {
  kv_vm *vm = calloc(1, sizeof *vm);
  if (!vm) {
    kv_fail(error, "io", "no memory for a policy VM");
    return NULL;
  }
  vm->limits = *limits;
  vm->data_open = kv_blob_begin(&vm->data, 'o');
  if (open_state(vm, error) == 0) return vm;
  kv_vm_close(vm);
  return NULL;
}

/* What the state owns lies in its arena, or in no one's: it needs no lua_close. */
void kv_vm_close(kv_vm *vm) {
  if (!vm) return;
  kv_arena_close(&vm->arena);
  kv_vm_free_cover(vm);
  for (size_t i = 0; vm->file_names && i < vm->source_count; i++) free(vm->file_names[i]);
  free(vm->file_names);
  free(vm->run_order);
  free(vm->chain);
  free(vm->statements);
  kv_blob_free(&vm->requirements);
  kv_blob_free(&vm->data);
  free(vm);
}
