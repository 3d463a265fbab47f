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

void kv_edit_move(kv_edit *edit, size_t to);

/* The cursor is at `from` then. */
void kv_edit_erase(kv_edit *edit, size_t from, size_t to);

/* Another text, and the cursor at its end. */
void kv_edit_replace(kv_edit *edit, const wchar_t *text);

void kv_edit_close(kv_edit *edit);

#endif
