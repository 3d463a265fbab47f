/* Signals, and stopping as other programs in a shell do. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/little.h"
#include "prompt/front.h"
#include "prompt/protocol.h"

enum { SIGNALLED = 128, DRAIN = 1000 };

/* Whether a shell is there that would have this process group go on: the parent of its first
 * process, in another group of the session. Without one, who is stopped stays so. */
static bool has_shell(void) {
  char name[64], state;
  int parent = 0;
  snprintf(name, sizeof name, "/proc/%d/stat", (int)getpgrp());
  FILE *file = fopen(name, "re");
  if (file == NULL) return true;
  if (fscanf(file, "%*d (%*[^)]) %c %d", &state, &parent) != 2) parent = 0;
  fclose(file);
  return parent > 0 && getsid(parent) == getsid(0) && getpgid(parent) != getpgrp();
}

/* Who goes on has got SIGCONT, and acts on that before anything is drawn. */
static void stop(kv_front *front) {
  kill(0, SIGSTOP);
  kv_front_signals(front);
}

bool kv_front_stops(kv_front *front) {
  if (kv_terminal_is_ours(&front->terminal) || !has_shell()) return false;
  stop(front);
  return true;
}

void kv_front_suspend(kv_front *front) {
  kv_state state = front->state;
  if (!has_shell()) {
    kv_front_beep(front);
    return;
  }
  if (state == KV_STATE_EDIT || state == KV_STATE_WAIT) kv_front_leave_line(front, "");
  if (!front->screen.dumb) kv_screen_fresh(&front->screen);
  kv_front_enter(front, KV_STATE_BUSY);
  kv_terminal_drain(&front->terminal, DRAIN);
  front->state = state;
  stop(front);
}

static bool measure(kv_front *front) {
  uint8_t size[4];
  if (!kv_terminal_measure(&front->terminal)) return false;
  kv_put_le(size, (uint64_t)front->terminal.columns, 2);
  kv_put_le(size + 2, (uint64_t)front->terminal.rows, 2);
  kv_link_send(&front->link, KV_PROMPT_SIZE, size, sizeof size, NULL, 0);
  return true;
}

static void go_on(kv_front *front) {
  measure(front); /* it was not told while it was in the background */
  front->screen.drawn = front->screen.spins = front->shown = false;
  kv_front_enter(front, front->state);
}

static void resize(kv_front *front) {
  if (!measure(front) || front->screen.dumb || front->state == KV_STATE_RAW) return;
  kv_screen_resized(&front->screen);
  front->dirty = true;
}

/* The terminal has shown "^C" for the key: where a line begins, it is erased as a spinner is. */
static void interrupt(kv_front *front) {
  kv_screen *screen = &front->screen;
  if (front->state == KV_STATE_BUSY && !screen->dumb && screen->end.at == 0) screen->spins = true;
  kv_front_interrupt(front);
}

static void take(kv_front *front, int number) {
  uint8_t gone = 1;
  switch (number) {
  case SIGINT:
    if (front->state == KV_STATE_EDIT)
      front->interrupted = true;
    else
      interrupt(front);
    break;
  case SIGWINCH:
    resize(front);
    break;
  case SIGTSTP:
    if (front->state != KV_STATE_RAW) kv_front_suspend(front);
    break;
  case SIGCONT:
    go_on(front);
    break;
  case SIGTERM:
  case SIGHUP:
    kv_link_send(&front->link, KV_PROMPT_END, &gone, 1, NULL, 0);
    kv_front_over(front, SIGNALLED + number, NULL);
    break;
  default: /* SIGQUIT is for what runs */
    break;
  }
}

void kv_front_signals(kv_front *front) {
  struct signalfd_siginfo info;
  while (read(front->signals, &info, sizeof info) == sizeof info) take(front, (int)info.ssi_signo);
}
