/* Which lines of a policy ran: for those who test one. It is kept outside the arena, so that one
 * evaluation does not undo another's. */
#include <stdlib.h>
#include <string.h>

#include "rules/vm_state.h"

static size_t count_lines(const kv_vm_source *source) {
  size_t lines = 1;
  for (size_t i = 0; i < source->size; i++) lines += source->text[i] == '\n';
  return lines;
}

static int write_code(lua_State *L, const void *bytes, size_t size, void *to) {
  (void)L;
  kv_blob_put_raw(to, bytes, size);
  return 0;
}

void kv_vm_cover_file(lua_State *L, size_t index) {
  kv_vm *vm = kv_vm_of(L);
  if (!vm->limits.covers) return;
  if (!vm->covers) vm->covers = calloc(vm->source_count, sizeof *vm->covers);
  if (!vm->covers) kv_vm_stop(vm, KV_VM_OUT_OF_MEMORY);
  kv_cover *cover = &vm->covers[index];
  cover->line_count = count_lines(&vm->sources[index]);
  cover->hits = calloc(cover->line_count / 8 + 1, 1);
  if (!cover->hits) kv_vm_stop(vm, KV_VM_OUT_OF_MEMORY);
  lua_dump(L, write_code, &cover->code, 0);
}

void kv_vm_cover_line(lua_State *L, lua_Debug *ar) {
  kv_vm *vm = kv_vm_of(L);
  if (!vm->covers || ar->currentline < 0 || !lua_getinfo(L, "S", ar)) return;
  size_t line = (size_t)ar->currentline;
  for (size_t i = 0; *ar->source == '@' && i < vm->source_count; i++) {
    kv_cover *cover = &vm->covers[i];
    if (!cover->hits || strcmp(ar->source + 1, vm->file_names[i]) != 0) continue;
    if (line <= cover->line_count) cover->hits[line / 8] |= (uint8_t)(1u << line % 8);
    return;
  }
}

void kv_vm_put_cover(const kv_vm *vm, bool code, kv_blob *out) {
  kv_blob_open files = kv_blob_begin(out, 'a');
  for (size_t i = 0; i < vm->files_run; i++) {
    const kv_cover *cover = &vm->covers[vm->run_order[i]];
    kv_blob_next(out, &files);
    kv_blob_open in = kv_blob_begin(out, 'o');
    if (code) {
      kv_blob_name(out, &in, "code");
      kv_blob_put_bytes(out, 'x', cover->code.bytes, cover->code.size);
    }
    kv_blob_name(out, &in, "hits");
    kv_blob_put_bytes(out, 'x', cover->hits, cover->line_count / 8 + 1);
    kv_blob_end(out, &in);
  }
  kv_blob_end(out, &files);
}

void kv_vm_free_cover(kv_vm *vm) {
  for (size_t i = 0; vm->covers && i < vm->source_count; i++) {
    free(vm->covers[i].hits);
    kv_blob_free(&vm->covers[i].code);
  }
  free(vm->covers);
}
