/* A terminal that cannot move its cursor: lines are read as the terminal gives them. */
#define _GNU_SOURCE
#include <string.h>

#include "prompt/front.h"

static void print_prompt(kv_front *front) {
  static const char more[] = ">> ";
  kv_screen_fresh(&front->screen);
  if (front->submitted.size > 0)
    kv_terminal_say(&front->terminal, more);
  else
    kv_bytes_add_wide(&front->terminal.waiting, front->prompt, front->prompt_count);
  front->shown = true;
  kv_terminal_flush(&front->terminal);
}

void kv_dumb_print(kv_front *front, const char *bytes, size_t size) {
  if (front->shown) kv_terminal_say(&front->terminal, "\n");
  front->shown = false;
  kv_screen_print(&front->screen, bytes, size);
}

static void give_up(kv_front *front) {
  static const char hint[] = "(Ctrl-D or .quit leaves)\n";
  bool empty = front->submitted.size == 0;
  kv_terminal_say(&front->terminal, "\n");
  kv_bytes_drop(&front->submitted, front->submitted.size);
  kv_bytes_drop(&front->input, front->input.size);
  front->shown = false;
  if (front->answer)
    kv_front_refuse(front);
  else if (empty)
    kv_screen_print(&front->screen, hint, sizeof hint - 1);
}

static void take_line(kv_front *front) {
  const char *bytes = kv_bytes_begin(&front->input);
  const char *newline = front->input.size ? memchr(bytes, '\n', front->input.size) : NULL;
  if (newline == NULL || front->state != KV_STATE_EDIT) return;
  size_t size = (size_t)(newline - bytes);
  kv_bytes_add(&front->submitted, bytes, size);
  kv_bytes_drop(&front->input, size + 1);
  front->shown = false; /* the terminal has shown the newline */
  kv_front_submit(front, kv_bytes_begin(&front->submitted), front->submitted.size);
}

void kv_dumb_step(kv_front *front) {
  if (front->state == KV_STATE_EDIT && !front->shown) print_prompt(front);
  kv_front_round(front, -1);
  if (front->interrupted && front->state == KV_STATE_EDIT) give_up(front);
  front->interrupted = false;
  take_line(front);
}
