/* Loading a policy, and what was loaded. */
#include <stdlib.h>
#include <string.h>

#include "rules/json.h"
#include "rules/vm_state.h"

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
  kv_vm_cover_file(L, index);
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

static int load_failed(kv_vm *vm, int status, kv_error *error) {
  char message[KV_VM_REASON_MAX];
  if (status < 0 && vm->end == KV_VM_NEEDS_FILE) return -1;
  if (status < 0)
    return kv_fail(error, "invalid_argument", "%s: %s", vm->file_names[0], kv_vm_end_text(vm));
  kv_vm_take_message(vm, message, sizeof message);
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
  int status = kv_vm_call(vm, run_policy);
  vm->loading = false;
  vm->load_steps = vm->limits.steps - vm->steps_left;
  vm->sources = NULL;
  vm->need = NULL;
  if (status != LUA_OK) return load_failed(vm, status, error);
  vm->steps_left = KV_VM_STEPS;
  if (kv_vm_call(vm, collect) != LUA_OK) return load_failed(vm, -1, error);
  lua_settop(vm->L, 0);
  vm->kept_stack = vm->stack;
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
  if (vm->covers) {
    kv_blob_name(out, &in, "lines");
    kv_vm_put_cover(vm, true, out);
  }
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
