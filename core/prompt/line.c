#define _GNU_SOURCE
#include "prompt/line.h"

#include <wctype.h>

static bool combines(wchar_t c) { return c > 127 && wcwidth(c) == 0; }

static bool in_word(wchar_t c) { return iswalnum((wint_t)c) || c == '_' || combines(c); }

size_t kv_line_left(const kv_line *line) {
  size_t at = line->cursor;
  if (at > 0) at--;
  while (at > 0 && combines(line->text[at])) at--;
  return at;
}

size_t kv_line_right(const kv_line *line) {
  size_t at = line->cursor;
  if (at < line->count) at++;
  while (at < line->count && combines(line->text[at])) at++;
  return at;
}

size_t kv_line_word_left(const kv_line *line) {
  size_t at = line->cursor;
  while (at > 0 && !in_word(line->text[at - 1])) at--;
  while (at > 0 && in_word(line->text[at - 1])) at--;
  return at;
}

size_t kv_line_word_right(const kv_line *line) {
  size_t at = line->cursor;
  while (at < line->count && !in_word(line->text[at])) at++;
  while (at < line->count && in_word(line->text[at])) at++;
  return at;
}

size_t kv_line_begin(const kv_line *line) {
  size_t at = line->cursor;
  while (at > 0 && line->text[at - 1] != '\n') at--;
  return at;
}

size_t kv_line_end(const kv_line *line) {
  size_t at = line->cursor;
  while (at < line->count && line->text[at] != '\n') at++;
  return at;
}

bool kv_line_up(const kv_line *line, size_t *to) {
  size_t begin = kv_line_begin(line);
  if (begin == 0) return false;
  kv_line above = {line->text, line->count, begin - 1};
  size_t first = kv_line_begin(&above), want = first + (line->cursor - begin);
  *to = want < begin - 1 ? want : begin - 1;
  return true;
}

bool kv_line_down(const kv_line *line, size_t *to) {
  size_t end = kv_line_end(line), column = line->cursor - kv_line_begin(line);
  if (end == line->count) return false;
  kv_line below = {line->text, line->count, end + 1};
  size_t last = kv_line_end(&below);
  *to = end + 1 + column < last ? end + 1 + column : last;
  return true;
}
