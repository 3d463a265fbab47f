#define _GNU_SOURCE
#include "prompt/screen.h"

#include <string.h>

#include "prompt/text.h"

/* From the left of a row on. tmux takes what is erased from the very first row on for a screen that
 * is to be seen in its history: that row is erased by itself, and the cursor comes back. */
#define ERASE_BELOW "\0337\033[K\033[B\033[J\0338"
#define ERASE_REST "\033[J"
#define ERASE_RIGHT "\033[K"

enum { FRAME = 100, FRAMES = 10, ASCII_FRAMES = 4, TENTH = 100, SECOND = 1000, SPINNER_MOST = 20 };

static void say(kv_screen *screen, const char *text) { kv_terminal_say(screen->terminal, text); }

static void up(kv_screen *screen, size_t rows) {
  if (rows > 0) kv_terminal_format(screen->terminal, "\033[%zuA", rows);
}

static void down(kv_screen *screen, size_t rows) {
  if (rows > 0) kv_terminal_format(screen->terminal, "\033[%zuB", rows);
}

/* From anywhere in a row to a column of it. */
static void to_column(kv_screen *screen, int column) {
  say(screen, "\r");
  if (column > 0) kv_terminal_format(screen->terminal, "\033[%dC", column);
}

static void put_text(kv_screen *screen, const wchar_t *text, size_t count) {
  kv_bytes_add_wide(&screen->terminal->waiting, text, count);
}

static void to_row(kv_screen *screen, size_t from, size_t to) {
  if (to < from) up(screen, from - to);
  if (to > from) down(screen, to - from);
}

static void draw_first(kv_screen *screen) {
  const kv_picture *next = &screen->next;
  if (screen->end.at > 0) {
    say(screen, "\r\n");
    screen->hangs = true;
  }
  say(screen, "\r" ERASE_BELOW);
  for (size_t i = 0; i < next->count; i++) {
    if (i > 0) say(screen, "\r\n");
    put_text(screen, next->rows[i].text, next->rows[i].count);
  }
  to_row(screen, next->count - 1, next->row);
  to_column(screen, next->column);
}

/* How many characters two rows have in common, and the columns that those take. */
static size_t common(const kv_row *a, const kv_row *b, bool utf8, int *width) {
  size_t same = 0, least = a->count < b->count ? a->count : b->count;
  while (same < least && a->text[same] == b->text[same]) same++;
  /* What combines with the last of them makes another character of it. */
  bool differ = same < a->count || same < b->count;
  while (differ && same > 0 &&
         ((same < a->count && kv_width(a->text[same], utf8) == 0) ||
          (same < b->count && kv_width(b->text[same], utf8) == 0)))
    same--;
  *width = 0;
  for (size_t i = 0; i < same; i++) *width += kv_width(a->text[i], utf8);
  return same;
}

/* A row that is on the screen: what is different of it. `at` is the row of the cursor, and column
 * that of it if that is known, or -1. */
static void draw_row(kv_screen *screen, size_t index, size_t *at, int *column) {
  const kv_row *old = &screen->now.rows[index], *new = &screen->next.rows[index];
  int width;
  size_t same = common(old, new, screen->utf8, &width);
  if (same == old->count && same == new->count) return;
  to_row(screen, *at, index);
  if (*at != index || *column != width) to_column(screen, width);
  if (same < old->count) say(screen, ERASE_RIGHT);
  if (same < new->count) put_text(screen, new->text + same, new->count - same);
  *at = index;
  *column = new->width < screen->terminal->columns ? new->width : -1;
}

static void draw_change(kv_screen *screen) {
  const kv_picture *now = &screen->now, *next = &screen->next;
  size_t at = now->row;
  int column = now->column;
  for (size_t i = 0; i < next->count && i < now->count; i++) draw_row(screen, i, &at, &column);
  for (size_t i = now->count; i < next->count; i++) {
    to_row(screen, at, i - 1);
    say(screen, "\r\n");
    put_text(screen, next->rows[i].text, next->rows[i].count);
    at = i;
    column = -1;
  }
  if (now->count > next->count) {
    to_row(screen, at, next->count);
    say(screen, "\r" ERASE_REST);
    at = next->count;
    column = 0;
  }
  if (at == next->row && column == next->column) return;
  to_row(screen, at, next->row);
  if (column != next->column) to_column(screen, next->column);
}

void kv_screen_draw(kv_screen *screen, const kv_drawn *drawn) {
  const kv_terminal *terminal = screen->terminal;
  screen->next.above = screen->now.above;
  if (!kv_picture_make(&screen->next, drawn, terminal->columns, terminal->rows, screen->utf8))
    return;
  if (screen->drawn)
    draw_change(screen);
  else
    draw_first(screen);
  kv_picture before = screen->now;
  screen->now = screen->next;
  screen->next = before;
  screen->drawn = true;
}

void kv_screen_erase(kv_screen *screen) {
  if (screen->spins) say(screen, "\r" ERASE_RIGHT);
  screen->spins = false;
  if (!screen->drawn) return;
  screen->drawn = false;
  say(screen, "\r");
  up(screen, screen->now.row);
  say(screen, ERASE_BELOW);
}

/* Written as one, the rows of a line are one for whoever copies it from the terminal. */
static bool rewrite(kv_screen *screen) {
  const kv_picture *now = &screen->now;
  if (now->total > now->count || now->breaks + 1 >= now->count) return false;
  kv_screen_erase(screen);
  size_t columns = (size_t)screen->terminal->columns;
  for (size_t i = 0; i < now->count; i++) {
    const kv_row *row = &now->rows[i];
    put_text(screen, row->text, row->count);
    /* A row that is not full ends with a newline, or before a wide character. */
    if ((size_t)row->width < columns && i + 1 < now->count) say(screen, "\r\n");
  }
  return true;
}

void kv_screen_leave(kv_screen *screen, const kv_drawn *drawn, const char *mark) {
  kv_drawn whole = *drawn;
  whole.cursor = whole.count;
  kv_screen_draw(screen, &whole);
  if (!screen->drawn) return;
  bool empty_row = screen->now.column == 0 && screen->now.row > 0 &&
                   screen->now.rows[screen->now.row].count == 0 && drawn->count > 0 &&
                   drawn->text[drawn->count - 1] != '\n' && mark[0] == 0;
  if (!rewrite(screen) && empty_row) up(screen, 1);
  say(screen, mark);
  say(screen, "\r\n");
  screen->drawn = screen->hangs = false;
  screen->end = (kv_column){0};
}

void kv_screen_print(kv_screen *screen, const char *bytes, size_t size) {
  int columns = screen->terminal->columns;
  if (size == 0) return;
  kv_screen_erase(screen);
  if (screen->hangs && screen->end.at >= columns) screen->end.at = 0; /* in the row of the line */
  if (screen->hangs && screen->end.at > 0) {
    up(screen, 1);
    to_column(screen, screen->end.at);
  }
  screen->hangs = false;
  kv_terminal_put(screen->terminal, bytes, size);
  kv_column_pass(&screen->end, bytes, size, columns, screen->utf8);
}

void kv_screen_fresh(kv_screen *screen) {
  kv_screen_erase(screen);
  if (screen->end.at > 0 && !screen->hangs) say(screen, "\r\n");
  screen->end = (kv_column){0};
  screen->hangs = false;
}

static size_t rows_for(int width, int columns) {
  return width <= columns ? 1 : (size_t)((width + columns - 1) / columns);
}

/* Terminals break rows anew that have become too wide. */
void kv_screen_resized(kv_screen *screen) {
  if (!screen->drawn) {
    kv_screen_erase(screen);
    return;
  }
  const kv_picture *now = &screen->now;
  int columns = screen->terminal->columns;
  size_t rows = (size_t)(now->column / columns);
  for (size_t i = 0; i < now->row; i++) rows += rows_for(now->rows[i].width, columns);
  screen->drawn = screen->hangs = false;
  screen->end = (kv_column){0};
  say(screen, "\r");
  up(screen, rows);
  say(screen, ERASE_BELOW);
}

void kv_screen_clear(kv_screen *screen) {
  screen->drawn = screen->hangs = screen->spins = false;
  screen->end = (kv_column){0};
  say(screen, "\033[H\033[2J");
}

void kv_screen_spin(kv_screen *screen, long ms) {
  static const char *const frames[FRAMES] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
  static const char *const ascii[ASCII_FRAMES] = {"|", "/", "-", "\\"};
  if (screen->dumb || screen->end.at > 0 || screen->drawn) return;
  if (screen->terminal->columns < SPINNER_MOST) return;
  const char *frame = screen->utf8 ? frames[ms / FRAME % FRAMES] : ascii[ms / FRAME % ASCII_FRAMES];
  kv_terminal_format(screen->terminal, "\r %s %ld.%ld s" ERASE_RIGHT "\r", frame, ms / SECOND,
                     ms % SECOND / TENTH);
  screen->spins = true;
}

void kv_screen_free(kv_screen *screen) {
  kv_picture_free(&screen->now);
  kv_picture_free(&screen->next);
}
