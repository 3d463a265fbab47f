/*
 * libedit as this program uses it: it reads keys through a function of ours, and has the text
 * and the commands on it. What it reads from and writes to is a terminal of its own,
 * which nobody looks at: the real one is ours.
 */
#ifndef KV_PROMPT_EDIT_H
#define KV_PROMPT_EDIT_H

#include <histedit.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/error.h"
#include "prompt/line.h"
#include "prompt/undo.h"

/* What the function returns for a command of libedit's, bound to characters that no key sends. */
enum {
  KV_EDIT_TRANSPOSE = 0x80,
  KV_EDIT_UPPER,
  KV_EDIT_LOWER,
  KV_EDIT_CAPITAL,
};

typedef struct kv_edit {
  EditLine *libedit;
  FILE *nowhere;
  int master, slave;
  kv_undo undo;
} kv_edit;

/* Returns 0, or -1 and *error. */
int kv_edit_open(kv_edit *edit, el_rfunc_t next, void *data, kv_error *error);

/* Whether the terminal ($TERM) is one whose cursor goes up as that of most does. */
bool kv_edit_moves(const kv_edit *edit);

/* Has libedit read from `next`, with an empty text, until that returns -1. */
void kv_edit_run(kv_edit *edit);

kv_line kv_edit_line(const kv_edit *edit);

/* False if memory is short. */
bool kv_edit_insert(kv_edit *edit, const wchar_t *text);

/* The same of one that is typed: a word of them is taken back at once. */
bool kv_edit_type(kv_edit *edit, wchar_t character);

void kv_edit_move(kv_edit *edit, size_t to);

/* The cursor is at `from` then. */
void kv_edit_erase(kv_edit *edit, size_t from, size_t to);

/* Another text, and the cursor at its end. */
void kv_edit_replace(kv_edit *edit, const wchar_t *text);

/* A command of libedit's is about to change the text, but not how much it is. */
void kv_edit_note(kv_edit *edit);

/* Takes the last step back (see undo.h); false if there is none. */
bool kv_edit_undo(kv_edit *edit);

/* Takes back what the step that goes on has done until now. */
void kv_edit_undo_begun(kv_edit *edit);

/* A line begins: empty, and with nothing to take back. */
void kv_edit_begin(kv_edit *edit);

void kv_edit_close(kv_edit *edit);

#endif
