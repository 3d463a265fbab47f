/*
 * What was done to a text, so that it can be taken back, a step at a time. A step is what one key
 * did, or a word that was typed.
 */
#ifndef KV_PROMPT_UNDO_H
#define KV_PROMPT_UNDO_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

/* Characters of what was erased, and changes: of more, the oldest are forgotten. */
enum { KV_UNDO_ERASED_MOST = 4 << 20, KV_UNDO_CHANGES_MOST = 4096 };

/* At `at`, text was erased, and then so many characters were inserted. */
typedef struct kv_change {
  size_t at, inserted, erased_count;
  wchar_t *erased;
  size_t cursor; /* before it */
  unsigned step;
  bool typed;
} kv_change;

/* All zeros: nothing was done. */
typedef struct kv_undo {
  kv_change *changes;
  size_t count, erased_count;
  unsigned step;
} kv_undo;

/* What is done from now on is a step of its own. */
void kv_undo_step(kv_undo *undo);

/* What is done, as it is done; `text` is copied. If memory is short all is forgotten. */
void kv_undo_add(kv_undo *undo, size_t cursor, size_t at, const wchar_t *text, size_t erased,
                 size_t inserted);

/* A character is inserted. If it `joins` the one before, and that was typed, too, they are one
 * step. */
void kv_undo_type(kv_undo *undo, size_t at, bool joins);

/* The last change, of which there must be one, and which is forgotten. `erased` is to be freed. */
kv_change kv_undo_take(kv_undo *undo);

void kv_undo_forget(kv_undo *undo);

#endif
