/*
 * The terminal: its modes, its size, and what is written to it, which waits here while the terminal
 * takes nothing.
 */
#ifndef KV_PROMPT_TERMINAL_H
#define KV_PROMPT_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "base/error.h"
#include "prompt/text.h"

typedef enum kv_mode {
  KV_MODE_USUAL,
  KV_MODE_EDIT, /* keys come one by one, Ctrl-C too; nothing is echoed */
  KV_MODE_WAIT, /* nothing is echoed, but Ctrl-C is a signal */
  KV_MODE_RAW,
} kv_mode;

typedef struct kv_terminal {
  int in, out;
  bool shares; /* `out` blocks, since others have it, too */
  bool gone;
  kv_mode mode;
  struct termios usual;
  int columns, rows;
  kv_bytes waiting;
} kv_terminal;

/* Standard input and output. If a program that was killed has left the terminal in a mode of its
 * own, it is made usual first. Returns 0, or -1 and *error if one of them is no terminal. */
int kv_terminal_open(kv_terminal *terminal, kv_error *error);

/* In a mode; `again`: even if it was last put into that. Not while others have the terminal. */
void kv_terminal_mode(kv_terminal *terminal, kv_mode mode, bool again);

/* Whether this process is one of those that the terminal is for. */
bool kv_terminal_is_ours(const kv_terminal *terminal);

/* Its size; true if that has changed. */
bool kv_terminal_measure(kv_terminal *terminal);

void kv_terminal_put(kv_terminal *terminal, const char *bytes, size_t size);
void kv_terminal_say(kv_terminal *terminal, const char *text);
void kv_terminal_format(kv_terminal *terminal, const char *format, ...) KV_PRINTF(2, 3);

/* Writes as much as goes. */
void kv_terminal_flush(kv_terminal *terminal);

/* Writes all, for which it waits this long at most. */
void kv_terminal_drain(kv_terminal *terminal, int ms);

#endif
