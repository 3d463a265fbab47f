/* Entries of the history in the place of the line. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "prompt/front.h"

void kv_recall_none(kv_front *front) {
  free(front->unsent);
  front->unsent = NULL;
  front->recalled = front->history.count;
}

void kv_recall(kv_front *front, size_t index) {
  size_t count;
  if (index >= front->history.count) {
    kv_edit_replace(&front->edit, front->unsent ? front->unsent : L"");
    kv_recall_none(front);
    return;
  }
  if (front->recalled >= front->history.count) {
    kv_line line = kv_edit_line(&front->edit);
    free(front->unsent);
    front->unsent = calloc(line.count + 1, sizeof *front->unsent);
    if (front->unsent) wmemcpy(front->unsent, line.text, line.count);
  }
  const kv_entry *entry = &front->history.entries[index];
  wchar_t *text = kv_wide(entry->text, entry->size, &count);
  if (text) kv_edit_replace(&front->edit, text);
  free(text);
  front->recalled = index;
}

void kv_recall_older(kv_front *front) {
  size_t at = front->recalled < front->history.count ? front->recalled : front->history.count;
  if (front->answer || at == 0)
    kv_front_beep(front);
  else
    kv_recall(front, at - 1);
}

void kv_recall_newer(kv_front *front) {
  if (front->answer || front->recalled >= front->history.count)
    kv_front_beep(front);
  else
    kv_recall(front, front->recalled + 1);
}
