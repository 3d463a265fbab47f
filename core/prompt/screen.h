/*
 * What is on the screen: what has been printed, and below it the line that is being edited, if one
 * is, or a spinner. The line is drawn anew with as few bytes as its change needs, and goes out of
 * the way of what is printed.
 *
 * libedit's own display is not used: it loses combining characters, does not know of rows that the
 * screen has no room for, and cannot tell where it has left the cursor.
 */
#ifndef KV_PROMPT_SCREEN_H
#define KV_PROMPT_SCREEN_H

#include "prompt/column.h"
#include "prompt/picture.h"
#include "prompt/terminal.h"

typedef struct kv_screen {
  kv_terminal *terminal;
  bool utf8;
  bool dumb;     /* no sequence is ever written */
  kv_column end; /* of what has been printed */
  bool hangs;    /* that does not end with a newline, and the line is in the row below */
  bool drawn;    /* `now` is on the screen, with the cursor in it */
  bool spins;
  kv_picture now, next;
} kv_screen;

/* Draws the line, or what has changed of it. */
void kv_screen_draw(kv_screen *screen, const kv_drawn *drawn);

/* Takes the line, or the spinner, off the screen: the cursor is where it began. */
void kv_screen_erase(kv_screen *screen);

/* The line, as it is now, stays, with `mark` behind it; the cursor is below. */
void kv_screen_leave(kv_screen *screen, const kv_drawn *drawn, const char *mark);

/* Prints, where the last print ended. There must be no line. */
void kv_screen_print(kv_screen *screen, const char *bytes, size_t size);

/* The cursor is at the left, below what has been printed. */
void kv_screen_fresh(kv_screen *screen);

/* The terminal has another size: takes the line off, wherever the terminal has put its rows. */
void kv_screen_resized(kv_screen *screen);

/* All off. */
void kv_screen_clear(kv_screen *screen);

/* Something has run for so long; only if nothing is half printed. */
void kv_screen_spin(kv_screen *screen, long ms);

void kv_screen_free(kv_screen *screen);

#endif
