#include "prompt/undo.h"

#include <stdlib.h>
#include <string.h>

void kv_undo_step(kv_undo *undo) { undo->step++; }

void kv_undo_forget(kv_undo *undo) {
  for (size_t i = 0; i < undo->count; i++) free(undo->changes[i].erased);
  free(undo->changes);
  *undo = (kv_undo){.step = undo->step};
}

/* Whole steps, so that none is taken back by half. */
static size_t steps_from(const kv_undo *undo, size_t first) {
  while (first < undo->count && undo->changes[first].step == undo->changes[first - 1].step) first++;
  return first;
}

/* The older half. */
static void forget_old(kv_undo *undo) {
  size_t first = steps_from(undo, (undo->count + 1) / 2);
  for (size_t i = 0; i < first; i++) {
    undo->erased_count -= undo->changes[i].erased_count;
    free(undo->changes[i].erased);
  }
  undo->count -= first;
  memmove(undo->changes, undo->changes + first, undo->count * sizeof *undo->changes);
}

static kv_change *new_change(kv_undo *undo, size_t erased) {
  if (undo->changes == NULL) undo->changes = malloc(KV_UNDO_CHANGES_MOST * sizeof *undo->changes);
  if (undo->changes == NULL) return NULL;
  while (undo->count == KV_UNDO_CHANGES_MOST || erased > KV_UNDO_ERASED_MOST - undo->erased_count)
    forget_old(undo);
  return &undo->changes[undo->count];
}

static kv_change *add(kv_undo *undo, const wchar_t *text, size_t count) {
  wchar_t *copy = count <= KV_UNDO_ERASED_MOST ? calloc(count + 1, sizeof *copy) : NULL;
  kv_change *change = copy ? new_change(undo, count) : NULL;
  if (change == NULL) {
    free(copy);
    kv_undo_forget(undo);
    return NULL;
  }
  wmemcpy(copy, text, count);
  *change = (kv_change){.erased = copy, .erased_count = count, .step = undo->step};
  undo->erased_count += count;
  undo->count++;
  return change;
}

void kv_undo_add(kv_undo *undo, size_t cursor, size_t at, const wchar_t *text, size_t erased,
                 size_t inserted) {
  kv_change *change = erased + inserted > 0 ? add(undo, text, erased) : NULL;
  if (change == NULL) return;
  change->cursor = cursor;
  change->at = at;
  change->inserted = inserted;
}

void kv_undo_type(kv_undo *undo, size_t at, bool joins) {
  kv_change *last = undo->count > 0 ? &undo->changes[undo->count - 1] : NULL;
  if (joins && last && last->typed && last->at + last->inserted == at) {
    last->inserted++;
    return;
  }
  kv_change *change = add(undo, L"", 0);
  if (change == NULL) return;
  change->cursor = change->at = at;
  change->inserted = 1;
  change->typed = true;
}

kv_change kv_undo_take(kv_undo *undo) {
  kv_change change = undo->changes[--undo->count];
  undo->erased_count -= change.erased_count;
  return change;
}
