/* A VM's life: its state, its budget, loading and evaluating. */
#include "rules/vm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/json.h"
#include "rules/vm_state.h"

/* Steps for what is allocated, and for a collection that a full memory forces. */
enum { BYTES_A_STEP = 64, BYTES_A_STEP_COLLECTED = 256 };

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

static void on_count(lua_State *L, lua_Debug *ar) {
  (void)ar;
  spend(kv_vm_of(L), KV_VM_STRIDE);
}

/* Lua asks once more after a collection: the second time there is no room, there is none. */
static void *deny(kv_vm *vm) {
  if (vm->guarded && vm->denied) kv_vm_stop(vm, KV_VM_OUT_OF_MEMORY);
  vm->denied = true;
  spend(vm, vm->limits.memory / BYTES_A_STEP_COLLECTED);
  return NULL;
}

/* lua_Alloc: for a new block, `old_size` is the type that it is for. */
static void *allocate(void *context, void *block, size_t old_size, size_t new_size) {
  kv_vm *vm = context;
  bool grows = new_size > 0 && (!block || new_size > old_size);
  if (vm->guarded && !block && old_size == LUA_TSTRING && new_size > KV_VM_STRING_MAX + STRING_HEAD)
    kv_vm_stop(vm, KV_VM_LONG_STRING);
  if (grows) spend(vm, new_size / BYTES_A_STEP);
  void *found = kv_arena_realloc(&vm->arena, block, block ? old_size : 0, new_size);
  if (grows && !found) return deny(vm);
  if (grows) vm->denied = false;
  return found;
}

static int on_panic(lua_State *L) {
  kv_vm *vm = kv_vm_of(L);
  if (vm->guarded) kv_vm_stop(vm, KV_VM_BROKEN);
  return 0;
}

/* Calls a C function without arguments, which leaves two results. A status of Lua, or -1 if it was
 * stopped: then vm->end says why, and the state is only good to be restored. */
static int call(kv_vm *vm, lua_CFunction function) {
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
  lua_sethook(L, on_count, LUA_MASKCOUNT, KV_VM_STRIDE);
  return 0;
}

static int open_state(kv_vm *vm, kv_error *error) {
  if (kv_arena_open(&vm->arena, vm->limits.memory, error) < 0) return -1;
  vm->L = lua_newstate(allocate, vm);
  if (!vm->L) return kv_fail(error, "io", "no memory for a policy VM");
  *(kv_vm **)lua_getextraspace(vm->L) = vm;
  lua_atpanic(vm->L, on_panic);
  vm->steps_left = KV_VM_STEPS;
  if (call(vm, set_up) != LUA_OK)
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
  for (size_t i = 0; vm->file_names && i < vm->source_count; i++) free(vm->file_names[i]);
  free(vm->file_names);
  free(vm->run_order);
  free(vm->chain);
  free(vm->statements);
  kv_blob_free(&vm->requirements);
  kv_blob_free(&vm->data);
  free(vm);
}

/* ---- loading ---- */

int kv_vm_add_data(kv_vm *vm, const kv_vm_data *data, kv_error *error) {
  kv_error why;
  kv_blob_name(&vm->data, &vm->data_open, data->name);
  if (kv_json_read(data->document, data->size, &vm->data, &why) == 0) return 0;
  return kv_fail(error, why.kind, "data '%s': %.400s", data->name, why.message);
}

static const char *read_source(lua_State *L, void *context, size_t *size) {
  kv_vm_source *left = context;
  (void)L;
  const char *text = left->text;
  *size = left->size;
  left->size = 0;
  return text;
}

void kv_vm_run_file(lua_State *L, size_t index) {
  kv_vm *vm = kv_vm_of(L);
  kv_vm_source left = vm->sources[index];
  vm->run_order[vm->files_run++] = (uint8_t)index;
  vm->chain[vm->chain_length++] = (int)index;
  const char *chunk = lua_pushfstring(L, "@%s", left.name);
  if (lua_load(L, read_source, &left, chunk, "t") != LUA_OK) lua_error(L);
  lua_getfield(L, LUA_REGISTRYINDEX, KV_VM_GLOBALS);
  if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
  lua_call(L, 0, 0);
  lua_pop(L, 1);
  vm->chain_length--;
}

/* Among what a policy has, whose table is behind its frozen view. */
static void set_data(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, KV_VM_GLOBALS);
  lua_getmetatable(L, -1);
  lua_getfield(L, -1, "__index");
  kv_vm_push_view(L, kv_vm_of(L)->data.bytes, KV_DATA_TOP, "data");
  lua_setfield(L, -2, "data");
  lua_settop(L, 0);
}

static int run_policy(lua_State *L) {
  set_data(L);
  kv_vm_run_file(L, 0);
  kv_vm_check_statements(L);
  return 0;
}

static int take_sources(kv_vm *vm, const kv_vm_source *sources, size_t count, kv_error *error) {
  vm->sources = sources;
  vm->file_names = calloc(count, sizeof *vm->file_names);
  vm->run_order = calloc(count, sizeof *vm->run_order);
  vm->chain = calloc(count, sizeof *vm->chain);
  bool whole = vm->file_names && vm->run_order && vm->chain;
  vm->source_count = count;
  for (size_t i = 0; whole && i < count; i++)
    whole = (vm->file_names[i] = strdup(sources[i].name)) != NULL;
  return whole ? 0 : kv_fail(error, "io", "no memory for a policy");
}

const char *kv_vm_end_text(const kv_vm *vm) {
  switch (vm->end) {
  case KV_VM_OUT_OF_STEPS:
    return "its budget of steps is spent";
  case KV_VM_OUT_OF_MEMORY:
    return "its budget of memory is spent";
  case KV_VM_LONG_STRING:
    return "a string of more than 8192 bytes was to be made";
  default:
    return "the policy VM failed";
  }
}

/* The message of an error at the top of the stack. */
static void take_message(kv_vm *vm, char *to, size_t size) {
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

static int load_failed(kv_vm *vm, int status, kv_error *error) {
  char message[KV_VM_REASON_MAX];
  if (status < 0 && vm->end == KV_VM_NEEDS_FILE) return -1;
  if (status < 0)
    return kv_fail(error, "invalid_argument", "%s: %s", vm->file_names[0], kv_vm_end_text(vm));
  take_message(vm, message, sizeof message);
  return kv_fail(error, "invalid_argument", "%s", message);
}

static int collect(lua_State *L) {
  lua_gc(L, LUA_GCCOLLECT);
  lua_gc(L, LUA_GCCOLLECT);
  return 0;
}

int kv_vm_load(kv_vm *vm, const kv_vm_source *sources, size_t count, kv_vm_need *need,
               kv_error *error) {
  need->name[0] = '\0';
  vm->need = need;
  if (!kv_blob_end(&vm->data, &vm->data_open))
    return kv_fail(error, "invalid_argument", "two tables of data have one name");
  if (vm->data.failed) return kv_fail(error, "io", "too much data, or no memory for it");
  if (take_sources(vm, sources, count, error) < 0) return -1;
  vm->steps_left = vm->limits.steps;
  vm->loading = true;
  int status = call(vm, run_policy);
  vm->loading = false;
  vm->load_steps = vm->limits.steps - vm->steps_left;
  vm->sources = NULL;
  vm->need = NULL;
  if (status != LUA_OK) return load_failed(vm, status, error);
  vm->steps_left = KV_VM_STEPS;
  if (call(vm, collect) != LUA_OK) return load_failed(vm, -1, error);
  lua_settop(vm->L, 0);
  return kv_arena_keep(&vm->arena, error);
}

static void describe_statement(const kv_vm *vm, const kv_statement *s, kv_blob *out) {
  static const char *const kinds[] = {"rule", "expect", "any_of", "all_of"};
  kv_blob_open in = kv_blob_begin(out, 'o');
  kv_blob_name(out, &in, "file");
  kv_blob_put_text(out, vm->file_names[s->file]);
  kv_blob_name(out, &in, "group");
  kv_blob_put_integer(out, s->group);
  kv_blob_name(out, &in, "kind");
  kv_blob_put_text(out, kinds[s->kind]);
  kv_blob_name(out, &in, "line");
  kv_blob_put_integer(out, s->line);
  if (s->kind == KV_EXPECT) {
    kv_blob_name(out, &in, "requires");
    kv_blob_put_node(out, vm->requirements.bytes + s->requires);
  }
  kv_blob_name(out, &in, "text");
  kv_blob_put_text(out, s->text);
  kv_blob_end(out, &in);
}

void kv_vm_describe(const kv_vm *vm, kv_blob *out) {
  kv_blob_open in = kv_blob_begin(out, 'o');
  kv_blob_name(out, &in, "description");
  kv_blob_put_text(out, vm->description);
  kv_blob_name(out, &in, "files");
  kv_blob_open files = kv_blob_begin(out, 'a');
  for (size_t i = 0; i < vm->files_run; i++) {
    kv_blob_next(out, &files);
    kv_blob_put_text(out, vm->file_names[vm->run_order[i]]);
  }
  kv_blob_end(out, &files);
  kv_blob_name(out, &in, "name");
  kv_blob_put_text(out, vm->name);
  kv_blob_name(out, &in, "statements");
  kv_blob_open list = kv_blob_begin(out, 'a');
  for (size_t i = 0; i < vm->statement_count; i++) {
    kv_blob_next(out, &list);
    describe_statement(vm, &vm->statements[i], out);
  }
  kv_blob_end(out, &list);
  kv_blob_name(out, &in, "steps");
  kv_blob_put_integer(out, vm->load_steps);
  kv_blob_name(out, &in, "version");
  kv_blob_put_text(out, vm->version);
  kv_blob_end(out, &in);
}

/* ---- evaluating ---- */

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
  switch (lua_type(L, 1)) {
  case LUA_TBOOLEAN:
    return lua_toboolean(L, 1) ? 'p' : 'f';
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
  int status = call(vm, call_rule);
  if (status == LUA_OK) return judge(vm, reason, size);
  if (status < 0) {
    snprintf(reason, size, "%s", kv_vm_end_text(vm));
    return vm->end == KV_VM_OUT_OF_STEPS ? 's' : 'm';
  }
  take_message(vm, reason, size);
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

void kv_vm_evaluate(kv_vm *vm, const uint8_t *evidence, kv_blob *out) {
  char letters[KV_VM_STATEMENTS_MAX], reason[KV_VM_REASON_MAX + 1];
  bool ended = false;
  kv_arena_restore(&vm->arena);
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
  kv_blob_name(out, &in, "rules");
  kv_blob_put_bytes(out, 's', letters, vm->statement_count);
  kv_blob_name(out, &in, "space");
  kv_blob_put_integer(out, (int64_t)kv_arena_peak(&vm->arena));
  kv_blob_name(out, &in, "steps");
  kv_blob_put_integer(out, vm->limits.steps - vm->steps_left);
  kv_blob_end(out, &in);
}
