/* Tab: asks the session what the text before the cursor may become, and does it or shows it. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "base/little.h"
#include "prompt/front.h"
#include "prompt/protocol.h"

enum { PATIENCE = 1000, APART = 2 };

void kv_complete_begin(kv_front *front) {
  kv_line line = kv_edit_line(&front->edit);
  kv_bytes text = {0};
  uint8_t head[8];
  if (front->link.out.size > 0) { /* the session does not even read */
    kv_front_beep(front);
    return;
  }
  if (front->answer || !kv_bytes_add_wide(&text, line.text, line.count)) return;
  kv_put_le(head, ++front->ticket, 4);
  kv_put_le(head + 4, kv_wide_bytes(line.text, line.cursor), 4);
  kv_link_send(&front->link, KV_PROMPT_COMPLETE, head, sizeof head, kv_bytes_begin(&text),
               text.size);
  kv_bytes_free(&text);
  front->completes_until = kv_now() + PATIENCE;
}

/* Puts text in the place of so many bytes before the cursor. */
static void replace(kv_front *front, size_t bytes, const char *text, size_t size) {
  kv_line line = kv_edit_line(&front->edit);
  size_t from = line.cursor, count;
  while (from > 0 && bytes > 0) {
    size_t length = kv_wide_bytes(line.text + from - 1, 1);
    if (length > bytes) break;
    bytes -= length;
    from--;
  }
  wchar_t *wide = kv_wide(text, size, &count);
  if (wide == NULL) return;
  kv_undo_step(&front->edit.undo);
  kv_edit_erase(&front->edit, from, line.cursor);
  kv_edit_insert(&front->edit, wide);
  free(wide);
}

/* How many bytes all choices begin with. */
static size_t shared(const kv_choices *choices) {
  size_t same = strlen(choices->texts);
  const char *end = choices->texts + choices->size;
  for (const char *at = choices->texts; at < end; at += strlen(at) + 1) {
    size_t i = 0;
    while (i < same && at[i] == choices->texts[i]) i++;
    same = i;
  }
  while (same > 0 && ((unsigned char)choices->texts[same] & 0xc0) == 0x80) same--;
  return same;
}

typedef struct list {
  const kv_front *front;
  kv_bytes out;
  const char **texts;
  size_t count, columns, rows;
  int width;
} list;

/* A choice as it is shown, up to the width of the screen; returns the columns it takes. */
static int show(list *self, const char *text, bool add) {
  int width = 0, most = self->front->terminal.columns - 1;
  bool utf8 = self->front->screen.utf8;
  size_t size = strlen(text);
  for (size_t at = 0; at < size;) {
    wchar_t c;
    char put[KV_UTF8_MOST];
    at += kv_utf8_get(text + at, size - at, &c);
    if (c < ' ' || (c >= 127 && c < 160) || (c > 127 && !utf8)) c = '?';
    if (width + kv_width(c, utf8) > most) break;
    width += kv_width(c, utf8);
    if (add) kv_bytes_add(&self->out, put, kv_utf8_put(c, put));
  }
  return width;
}

static void measure(list *self) {
  const kv_terminal *terminal = &self->front->terminal;
  for (size_t i = 0; i < self->count; i++) {
    int width = show(self, self->texts[i], false);
    if (width > self->width) self->width = width;
  }
  int columns = (terminal->columns - 1 + APART) / (self->width + APART);
  self->columns = columns > 0 ? (size_t)columns : 1;
  self->rows = (self->count + self->columns - 1) / self->columns;
  size_t taken = self->front->screen.now.count + 1, height = (size_t)terminal->rows;
  size_t most = height > taken + 1 ? height - taken : 1;
  if (self->rows <= most) return;
  self->rows = most > 1 ? most - 1 : 1;
}

static void print_row(list *self, size_t row, size_t shown) {
  static const char blanks[] = "        ";
  for (size_t i = row; i < shown; i += self->rows) {
    int width = show(self, self->texts[i], true);
    for (int left = self->width + APART - width; i + self->rows < shown && left > 0;) {
      int now = left < (int)sizeof blanks - 1 ? left : (int)sizeof blanks - 1;
      kv_bytes_add(&self->out, blanks, (size_t)now);
      left -= now;
    }
  }
  kv_bytes_add(&self->out, "\n", 1);
}

static void print(kv_front *front, list *self) {
  measure(self);
  size_t most = self->rows * self->columns, shown = self->count < most ? self->count : most;
  if (shown < self->count || shown < most) self->rows = (shown + self->columns - 1) / self->columns;
  for (size_t row = 0; row < self->rows; row++) print_row(self, row, shown);
  if (shown < self->count) {
    char *more = NULL;
    if (asprintf(&more, "%s and %zu more\n", front->screen.utf8 ? "…" : "...",
                 self->count - shown) > 0)
      kv_bytes_add(&self->out, more, strlen(more));
    free(more);
  }
  kv_front_print(front, kv_bytes_begin(&self->out), self->out.size);
  kv_front_show(front);
}

static void print_choices(kv_front *front, const kv_choices *choices) {
  list all = {.front = front, .texts = calloc(choices->count, sizeof *all.texts)};
  const char *at = choices->texts;
  if (all.texts == NULL) return;
  for (; all.count < choices->count; at += strlen(at) + 1) all.texts[all.count++] = at;
  print(front, &all);
  free(all.texts);
  kv_bytes_free(&all.out);
}

void kv_complete_end(kv_front *front, const kv_choices *choices) {
  if (front->completes_until < 0 || choices->ticket != front->ticket) return;
  if (front->state != KV_STATE_EDIT) return;
  front->completes_until = -1;
  front->dirty = true;
  if (choices->count == 0) {
    kv_front_beep(front);
    return;
  }
  size_t same = shared(choices), before = choices->before;
  if (choices->count == 1 || same > before)
    replace(front, before, choices->texts, same);
  else
    print_choices(front, choices);
}
