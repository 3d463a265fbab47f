/*
 * How a prompt and the text behind it look on a screen: rows of characters, as wide as the screen,
 * and where the cursor is. Of what is higher than the screen it is the part around the cursor.
 */
#ifndef KV_PROMPT_PICTURE_H
#define KV_PROMPT_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

typedef struct kv_row {
  wchar_t *text; /* nothing in it moves the cursor but by its width */
  size_t count, room;
  int width;
} kv_row;

typedef struct kv_picture {
  kv_row *rows;
  size_t count, room;
  size_t above; /* how many rows there are above these, of `total` */
  size_t total;
  size_t breaks; /* how many of the rows end with a newline of the text */
  size_t row;    /* the cursor */
  int column;
} kv_picture;

typedef struct kv_drawn {
  const wchar_t *prompt, *text;
  size_t prompt_count, count, cursor;
} kv_drawn;

/* `picture` is one made before, or all zeros: it is the same part, if the cursor is in that. False
 * if memory is short: then it is of no use. */
bool kv_picture_make(kv_picture *picture, const kv_drawn *drawn, int columns, int rows, bool utf8);

void kv_picture_free(kv_picture *picture);

/* The columns that a character takes, as it is shown. */
int kv_width(wchar_t character, bool utf8);

#endif
