/*
 * Where a cursor goes in a text of several lines. All return the new place.
 */
#ifndef KV_PROMPT_LINE_H
#define KV_PROMPT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

typedef struct kv_line {
  const wchar_t *text;
  size_t count, cursor;
} kv_line;

/* By what is seen as one character. */
size_t kv_line_left(const kv_line *line);
size_t kv_line_right(const kv_line *line);

/* By words of letters, digits and underscores. */
size_t kv_line_word_left(const kv_line *line);
size_t kv_line_word_right(const kv_line *line);

/* Within the line of the text where the cursor is. */
size_t kv_line_begin(const kv_line *line);
size_t kv_line_end(const kv_line *line);

/* To the line above or below; false if there is none. */
bool kv_line_up(const kv_line *line, size_t *to);
bool kv_line_down(const kv_line *line, size_t *to);

#endif
