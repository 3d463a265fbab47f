#define _GNU_SOURCE
#include "prompt/picture.h"

#include <stdlib.h>

#include "prompt/text.h"

enum { TAB = 8, DELETE_CODE = 127, LEAST_ROOM = 64 };

typedef struct walk {
  int columns;
  bool utf8;
  size_t row;
  int column;
  size_t breaks;
  kv_picture *into; /* NULL: nothing is kept */
  size_t top, rows; /* of what is kept */
  bool failed;
} walk;

int kv_width(wchar_t character, bool utf8) {
  if (character >= ' ' && character < DELETE_CODE) return 1;
  if (character < ' ' || character == DELETE_CODE) return 2; /* ^X */
  int width = utf8 ? wcwidth(character) : 1;
  return width < 0 ? 1 : width;
}

static kv_row *row_of(walk *self) {
  if (!self->into || self->row < self->top || self->row - self->top >= self->rows) return NULL;
  kv_picture *picture = self->into;
  size_t index = self->row - self->top;
  if (index >= picture->room) {
    size_t room = picture->room ? picture->room * 2 : LEAST_ROOM;
    kv_row *rows = realloc(picture->rows, room * sizeof *rows);
    if (rows == NULL) return NULL;
    for (size_t i = picture->room; i < room; i++) rows[i] = (kv_row){0};
    picture->rows = rows;
    picture->room = room;
  }
  for (; picture->count <= index; picture->count++) {
    picture->rows[picture->count].count = 0;
    picture->rows[picture->count].width = 0;
  }
  return &picture->rows[index];
}

static void keep(walk *self, wchar_t character, int width) {
  kv_row *row = row_of(self);
  if (row == NULL) return;
  if (row->count == row->room) {
    size_t room = row->room ? row->room * 2 : LEAST_ROOM;
    wchar_t *text = realloc(row->text, room * sizeof *text);
    if (text == NULL) {
      self->failed = true;
      return;
    }
    row->text = text;
    row->room = room;
  }
  row->text[row->count++] = character;
  row->width += width;
}

static void next_row(walk *self) {
  self->row++;
  self->column = 0;
  if (self->into) row_of(self);
}

/* A character that has a width. */
static void put(walk *self, wchar_t character, int width) {
  if (self->column + width > self->columns) next_row(self);
  if (self->into) keep(self, character, width);
  self->column += width;
}

static void step(walk *self, wchar_t c) {
  if (c >= ' ' && c < DELETE_CODE) {
    put(self, c, 1);
  } else if (c == '\n') {
    self->breaks++;
    next_row(self);
  } else if (c == '\t') {
    do put(self, ' ', 1);
    while (self->column % TAB != 0 && self->column < self->columns);
  } else if (c < ' ' || c == DELETE_CODE) {
    put(self, '^', 1);
    put(self, c == DELETE_CODE ? '?' : c + '@', 1);
  } else if (!self->utf8) {
    put(self, '?', 1);
  } else if (wcwidth(c) < 0) {
    put(self, KV_REPLACEMENT, 1);
  } else if (wcwidth(c) == 0) {
    if (self->into) keep(self, c, 0);
  } else {
    put(self, c, wcwidth(c));
  }
}

/* Where a cursor is that is before `next`, 0 at the end. */
static void see_cursor(walk *self, wchar_t next, size_t *row, int *column) {
  int width = next < ' ' || next == DELETE_CODE ? 1 : kv_width(next, self->utf8);
  bool over = self->column + width > self->columns;
  *row = self->row + (over && next != '\n');
  *column = !over ? self->column : next == '\n' ? self->columns - 1 : 0;
}

static void walk_all(walk *self, const kv_drawn *drawn, size_t *row, int *column) {
  for (size_t i = 0; i < drawn->prompt_count; i++) step(self, drawn->prompt[i]);
  for (size_t i = 0; i < drawn->count; i++) {
    if (i == drawn->cursor) see_cursor(self, drawn->text[i], row, column);
    step(self, drawn->text[i]);
  }
  if (drawn->cursor < drawn->count) return;
  see_cursor(self, 0, row, column);
  if (*row > self->row) next_row(self);
}

bool kv_picture_make(kv_picture *picture, const kv_drawn *drawn, int columns, int rows, bool utf8) {
  size_t height = rows > 0 ? (size_t)rows : 1, row = 0, above = picture->above;
  int column = 0;
  walk measure = {.columns = columns, .utf8 = utf8};
  walk_all(&measure, drawn, &row, &column);
  size_t total = measure.row + 1;
  if (total <= height) above = 0;
  if (row < above) above = row;
  if (row >= above + height) above = row - height + 1;
  if (total > height && above > total - height) above = total - height;
  picture->count = 0;
  walk filling = {.columns = columns, .utf8 = utf8, .into = picture, .top = above, .rows = height};
  row_of(&filling);
  walk_all(&filling, drawn, &row, &column);
  picture->above = above;
  picture->total = total;
  picture->breaks = measure.breaks;
  picture->row = row - above;
  picture->column = column;
  return !filling.failed && picture->count == (total < height ? total : height);
}

void kv_picture_free(kv_picture *picture) {
  for (size_t i = 0; i < picture->room; i++) free(picture->rows[i].text);
  free(picture->rows);
  *picture = (kv_picture){0};
}
