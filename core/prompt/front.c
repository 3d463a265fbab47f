#define _GNU_SOURCE
#include "prompt/front.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "prompt/protocol.h"

#define BRACKETS_ON "\033[?2004h"
#define BRACKETS_OFF "\033[?2004l"

enum {
  DRAW_APART = 15,         /* ms from a drawing to the next while keys keep coming */
  DRAW_BEHIND = 64 * 1024, /* bytes: nothing is drawn while the terminal lags so far behind */
  DRAIN = 1000,            /* ms */
};

int64_t kv_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool has_line(const kv_front *front) {
  return front->state == KV_STATE_EDIT || front->state == KV_STATE_WAIT;
}

static bool wants_terminal(kv_state state) {
  return state == KV_STATE_EDIT || state == KV_STATE_WAIT || state == KV_STATE_RAW;
}

static void brackets(kv_front *front, bool on) {
  if (front->screen.dumb || front->brackets == on) return;
  front->brackets = on;
  kv_terminal_say(&front->terminal, on ? BRACKETS_ON : BRACKETS_OFF);
}

void kv_front_enter(kv_front *front, kv_state state) {
  static const kv_mode modes[] = {
      [KV_STATE_BEGIN] = KV_MODE_USUAL, [KV_STATE_EDIT] = KV_MODE_EDIT,
      [KV_STATE_WAIT] = KV_MODE_WAIT,   [KV_STATE_BUSY] = KV_MODE_USUAL,
      [KV_STATE_RAW] = KV_MODE_RAW,     [KV_STATE_OVER] = KV_MODE_USUAL,
  };
  bool again = state == front->state;
  front->state = state;
  if (state != KV_STATE_EDIT) {
    front->interrupted = false;
    front->completes_until = -1;
  }
  if (wants_terminal(state) && kv_front_stops(front)) return; /* and has entered it since */
  brackets(front, has_line(front));
  kv_terminal_flush(&front->terminal);
  kv_mode mode = front->screen.dumb && state != KV_STATE_RAW ? KV_MODE_USUAL : modes[state];
  kv_terminal_mode(&front->terminal, mode, again || state == KV_STATE_OVER);
  front->dirty = true;
  if (state != KV_STATE_BUSY || again) return;
  front->busy_at = front->spun_at = kv_now();
}

static void draw_line(kv_front *front, const char *mark) {
  size_t count = front->prompt_count;
  wchar_t *searching = front->search.on ? kv_search_prompt(front, &count) : NULL;
  kv_line line = kv_edit_line(&front->edit);
  kv_drawn drawn = {
      .prompt = searching ? searching : front->prompt,
      .prompt_count = searching ? count : front->prompt_count,
      .text = line.text,
      .count = line.count,
      .cursor = line.cursor,
  };
  if (mark)
    kv_screen_leave(&front->screen, &drawn, mark);
  else
    kv_screen_draw(&front->screen, &drawn);
  free(searching);
}

void kv_front_draw(kv_front *front) {
  draw_line(front, NULL);
  front->dirty = false;
  front->drawn_at = kv_now();
  kv_terminal_flush(&front->terminal);
}

void kv_front_leave_line(kv_front *front, const char *mark) {
  front->search.on = false;
  kv_front_show(front);
  if (!front->screen.dumb) draw_line(front, mark);
  front->dirty = true;
}

void kv_front_print(kv_front *front, const char *bytes, size_t size) {
  if (front->state == KV_STATE_RAW)
    kv_terminal_put(&front->terminal, bytes, size);
  else if (has_line(front))
    kv_bytes_add(&front->above, bytes, size);
  else
    kv_screen_print(&front->screen, bytes, size);
}

static void show(kv_front *front, size_t size) {
  if (size == 0) return;
  if (front->screen.dumb)
    kv_dumb_print(front, kv_bytes_begin(&front->above), size);
  else
    kv_screen_print(&front->screen, kv_bytes_begin(&front->above), size);
  kv_bytes_drop(&front->above, size);
  front->shown_at = kv_now();
  if (!front->screen.dumb && has_line(front)) kv_front_draw(front);
}

void kv_front_show(kv_front *front) { show(front, front->above.size); }

/* What was read may end within a character, or a sequence: its rest has until the next time. */
void kv_front_show_lines(kv_front *front) {
  const char *bytes = kv_bytes_begin(&front->above);
  const char *newline = front->above.size ? memrchr(bytes, '\n', front->above.size) : NULL;
  show(front, newline ? (size_t)(newline - bytes) + 1 : front->above.size);
}

void kv_front_interrupt(kv_front *front) {
  siginfo_t info = {.si_signo = SIGURG, .si_code = SI_QUEUE};
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_ptr = NULL;
  info.si_value.sival_int = (int)front->number;
  if (front->process >= 0) syscall(SYS_pidfd_send_signal, front->process, SIGURG, &info, 0);
  kv_link_send(&front->link, KV_PROMPT_INTERRUPT, NULL, 0, NULL, 0);
}

void kv_front_over(kv_front *front, int code, const char *why) {
  if (front->state == KV_STATE_OVER) return;
  bool ours = kv_terminal_is_ours(&front->terminal);
  if (has_line(front) && ours) kv_front_leave_line(front, "");
  if (!front->screen.dumb && ours) kv_screen_fresh(&front->screen);
  if (!ours) front->brackets = false; /* whoever has the terminal has its own */
  kv_front_enter(front, KV_STATE_OVER);
  kv_terminal_drain(&front->terminal, DRAIN);
  kv_link_flush(&front->link);
  front->code = code;
  front->restart = true;
  if (why) fprintf(stderr, "kavach: %s\n", why);
}

/* Whether the line is to be drawn now, or rather after what comes next. */
static bool is_due(const kv_front *front) {
  if (!front->dirty || front->terminal.waiting.size > DRAW_BEHIND) return false;
  struct pollfd in = {.fd = front->terminal.in, .events = POLLIN};
  bool more = front->state == KV_STATE_EDIT && (front->input.size > 0 || poll(&in, 1, 0) > 0);
  return !more || kv_now() - front->drawn_at >= DRAW_APART;
}

int kv_front_next(EditLine *libedit, wchar_t *character) {
  kv_front *front = NULL;
  kv_key key;
  el_get(libedit, EL_CLIENTDATA, &front);
  while (has_line(front) && !front->restart) {
    if (is_due(front)) kv_front_draw(front);
    if (!kv_front_key(front, &key)) continue;
    front->dirty = true;
    front->command = 0;
    kv_front_act(front, &key);
    if (front->command == 0) continue;
    *character = front->command;
    return 1;
  }
  return -1;
}

void kv_front_run(kv_front *front) {
  while (front->state != KV_STATE_OVER) {
    front->restart = false;
    if (front->screen.dumb && has_line(front))
      kv_dumb_step(front);
    else if (has_line(front))
      kv_edit_run(&front->edit);
    else
      kv_front_round(front, -1);
  }
}
