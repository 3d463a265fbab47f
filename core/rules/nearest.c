/* The nearest of some names: what lua/kavach/check.lua does, of which a policy VM has no use. */
#include <string.h>

#include "rules/vm_state.h"

static int lower(char c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; }

void kv_nearest_begin(kv_nearest *n, const char *word, size_t size) {
  memset(n, 0, sizeof *n);
  n->size = size <= KV_VM_NAME_MAX ? size : 0;
  memcpy(n->word, word, n->size);
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Edits between the word and a name: insert, delete, replace, or swap two neighbours. */
static size_t distance(const kv_nearest *n, const char *name, size_t size) {
  size_t rows[3][KV_VM_NAME_MAX + 1], *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= size; j++) before[j] = last[j] = j;
  for (size_t i = 1; i <= n->size; i++) {
    row[0] = i;
    for (size_t j = 1; j <= size; j++) {
      bool same = lower(n->word[i - 1]) == lower(name[j - 1]);
      row[j] = least(least(last[j] + 1, row[j - 1] + 1), last[j - 1] + (same ? 0 : 1));
      if (i > 1 && j > 1 && lower(n->word[i - 1]) == lower(name[j - 2]) &&
          lower(n->word[i - 2]) == lower(name[j - 1]))
        row[j] = least(row[j], before[j - 2] + 1);
    }
    size_t *spare = before;
    before = last;
    last = row;
    row = spare;
  }
  return last[size];
}

void kv_nearest_offer(kv_nearest *n, const char *name, size_t size) {
  if (n->size == 0 || size == 0 || size > KV_VM_NAME_MAX) return;
  size_t edits = distance(n, name, size);
  size_t longest = n->size > size ? n->size : size;
  size_t most = longest / 3 > 1 ? longest / 3 : 1;
  if (edits > most || edits >= size) return;
  if (n->best[0]) { /* of two that are as near, the first by name: the order of offers is none */
    if (edits > n->distance) return;
    size_t best = strlen(n->best);
    int order = memcmp(name, n->best, least(size, best));
    if (edits == n->distance && (order > 0 || (order == 0 && size >= best))) return;
  }
  n->distance = edits;
  memcpy(n->best, name, size);
  n->best[size] = '\0';
}
