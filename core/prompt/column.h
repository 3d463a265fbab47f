/*
 * In which column the cursor is after bytes that went to a terminal: escape sequences count for
 * nothing, tabs and wide characters for what they are.
 */
#ifndef KV_PROMPT_COLUMN_H
#define KV_PROMPT_COLUMN_H

#include <stdbool.h>
#include <stddef.h>

/* All zeros: at the left. */
typedef struct kv_column {
  int at; /* as many as the screen has: the next character goes into the next row */
  int state;
  char some[4]; /* of a character */
  size_t have;
} kv_column;

void kv_column_pass(kv_column *column, const char *bytes, size_t size, int columns, bool utf8);

#endif
