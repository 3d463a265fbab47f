/* Ctrl-R: the entry of the history that has some text in it, while that is typed. libedit's own
 * takes wide characters for commands, and writes behind its buffer if the line is long. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "prompt/front.h"

#define CONTROL(letter) ((letter)&0x1f)

enum { ESC = 27, DELETE_CODE = 127, C1_END = 0xa0 };

void kv_search_begin(kv_front *front) {
  kv_line line = kv_edit_line(&front->edit);
  kv_search *search = &front->search;
  if (front->answer) return;
  free(search->before);
  *search = (kv_search){.on = true, .index = front->history.count};
  search->before = calloc(line.count + 1, sizeof *search->before);
  if (search->before) wmemcpy(search->before, line.text, line.count);
}

/* The entry with the pattern in it from `from` on, towards older ones or newer ones. */
static void look(kv_front *front, size_t from, bool older) {
  kv_search *search = &front->search;
  kv_bytes pattern = {0};
  kv_bytes_add_wide(&pattern, search->pattern, search->count);
  search->failed = search->count > 0;
  for (size_t i = from; i < front->history.count && search->count > 0;
       i += older ? (size_t)-1 : 1) {
    const kv_entry *entry = &front->history.entries[i];
    const char *found = memmem(entry->text, entry->size, kv_bytes_begin(&pattern), pattern.size);
    if (found == NULL) continue;
    size_t before;
    search->failed = false;
    search->index = i;
    kv_recall(front, i);
    wchar_t *wide = kv_wide(entry->text, (size_t)(found - entry->text), &before);
    if (wide) kv_edit_move(&front->edit, before);
    free(wide);
    break;
  }
  if (search->failed) kv_front_beep(front);
  kv_bytes_free(&pattern);
}

static size_t newest(const kv_front *front) {
  size_t count = front->history.count;
  return front->search.index < count ? front->search.index : count - 1;
}

/* All that the search did is one step, which goes on as long as it does. */
static void cancel(kv_front *front) {
  kv_search *search = &front->search;
  const wchar_t *before = search->before ? search->before : L"";
  search->on = false;
  kv_recall_none(front);
  kv_edit_undo_begun(&front->edit);
  kv_line line = kv_edit_line(&front->edit);
  bool same = line.count == wcslen(before) && wmemcmp(line.text, before, line.count) == 0;
  if (!same) kv_edit_replace(&front->edit, before); /* it was too long to be taken back */
}

static void add(kv_front *front, wchar_t c) {
  kv_search *search = &front->search;
  if (search->count == KV_SEARCH_MOST) {
    kv_front_beep(front);
    return;
  }
  search->pattern[search->count++] = c;
  look(front, newest(front), true);
}

static void take_back(kv_front *front) {
  kv_search *search = &front->search;
  if (search->count > 0) search->count--;
  search->index = front->history.count;
  look(front, newest(front), true);
}

bool kv_search_key(kv_front *front, const kv_key *key) {
  kv_search *search = &front->search;
  uint32_t code = key->modifiers == 0 ? key->code : KV_KEY_NONE;
  if (code == CONTROL('R')) {
    look(front, newest(front) - (search->index < front->history.count), true);
  } else if (code == CONTROL('S')) {
    look(front, search->index + 1, false);
  } else if (code == '\b' || code == DELETE_CODE) {
    take_back(front);
  } else if (code == CONTROL('G') || code == CONTROL('C')) {
    cancel(front);
  } else if (code >= ' ' && code <= 0x10ffff && (code < DELETE_CODE || code >= C1_END)) {
    add(front, (wchar_t)code);
  } else {
    search->on = false;
    return code == ESC;
  }
  return true;
}

wchar_t *kv_search_prompt(const kv_front *front, size_t *count) {
  const kv_search *search = &front->search;
  const wchar_t *begin = search->failed ? L"(no such entry)`" : L"(search)`";
  wchar_t text[KV_SEARCH_MOST + 1];
  const size_t most = KV_SEARCH_MOST + 32;
  wmemcpy(text, search->pattern, search->count);
  text[search->count] = 0;
  wchar_t *prompt = calloc(most, sizeof *prompt);
  if (prompt == NULL) return NULL;
  int length = swprintf(prompt, most, L"%ls%ls': ", begin, text);
  *count = length > 0 ? (size_t)length : 0;
  return prompt;
}
