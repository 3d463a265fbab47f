#define _GNU_SOURCE
#include "prompt/column.h"

#include <string.h>

#include "prompt/picture.h"
#include "prompt/text.h"

enum state { PLAIN, ESCAPE, CSI, STRING, STRING_ESCAPE };

enum { ESC = 27, BELL = 7, TAB = 8 };

static void advance(kv_column *column, int width, int columns) {
  if (column->at + width > columns) column->at = 0;
  column->at += width;
}

static void control(kv_column *column, char c, int columns) {
  if (c == ESC) {
    column->state = ESCAPE;
  } else if (c == '\n' || c == '\r') {
    column->at = 0;
  } else if (c == '\b') {
    column->at -= column->at > 0;
  } else if (c == '\t') {
    column->at = (column->at / TAB + 1) * TAB;
    if (column->at >= columns) column->at = columns - 1;
  }
}

static void character(kv_column *column, char byte, int columns, bool utf8) {
  bool more = ((unsigned char)byte & 0xc0) == 0x80;
  if (!more || column->have == sizeof column->some) column->have = 0;
  column->some[column->have++] = byte;
  size_t length = kv_utf8_length((unsigned char)column->some[0]);
  if (length > column->have) return;
  wchar_t c;
  kv_utf8_get(column->some, column->have, &c);
  column->have = 0;
  advance(column, kv_width(c, utf8), columns);
}

static void sequence(kv_column *column, char byte) {
  switch (column->state) {
  case ESCAPE:
    column->state = byte == '[' ? CSI : byte && strchr("]P_^X", byte) ? STRING : PLAIN;
    break;
  case CSI:
    if (byte >= 0x40 && byte < 0x7f) column->state = PLAIN;
    break;
  case STRING_ESCAPE:
    column->state = PLAIN;
    break;
  default:
    if (byte == BELL) column->state = PLAIN;
    if (byte == ESC) column->state = STRING_ESCAPE;
  }
}

void kv_column_pass(kv_column *column, const char *bytes, size_t size, int columns, bool utf8) {
  /* Only the last line counts: no sequence goes over the end of one. */
  const char *last = size ? memrchr(bytes, '\n', size) : NULL;
  if (last) {
    size -= (size_t)(last - bytes);
    bytes = last;
    *column = (kv_column){0};
  }
  for (size_t i = 0; i < size; i++) {
    if (column->state != PLAIN)
      sequence(column, bytes[i]);
    else if ((unsigned char)bytes[i] < ' ')
      control(column, bytes[i], columns);
    else
      character(column, bytes[i], columns, utf8);
  }
}
