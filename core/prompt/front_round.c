/* The one place where the front end waits: for keys, signals, frames, and what the host prints. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "prompt/front.h"
#include "prompt/protocol.h"

enum {
  CTRL_C = 3,
  ESC = 27,
  READ_AT_ONCE = 64 * 1024,
  HELD_MOST = 1024 * 1024, /* bytes for the terminal: with more, nothing more is read */
  SHOW_APART = 15,         /* ms from one print above the line to the next */
  SHOW_MOST = 64 * 1024,   /* bytes: with more, it does not wait for that */
  SPIN_AFTER = 300,
  SPIN_APART = 100,
};

enum { SIGNALS, LINK, HOST, IN, OUT, COUNT };

static bool is_held(const kv_front *front) {
  return front->terminal.waiting.size + front->above.size > HELD_MOST;
}

/* While choices are waited for: up to a line, which comes behind what is completed. */
static bool has_line_ahead(const kv_bytes *input) {
  return input->size >= READ_AT_ONCE ||
         (input->size > 0 && strchr("\r\n", kv_bytes_begin(input)[input->size - 1]));
}

static bool takes_keys(const kv_front *front) {
  if (front->state == KV_STATE_RAW) return front->link.out.size <= HELD_MOST;
  if (front->state != KV_STATE_EDIT) return false;
  return front->completes_until < 0 || !has_line_ahead(&front->input);
}

/* When the spinner turns, or -1. */
static int64_t spins_at(const kv_front *front) {
  const kv_screen *screen = &front->screen;
  if (front->state != KV_STATE_BUSY || screen->dumb || screen->end.at > 0) return -1;
  int64_t first = front->busy_at + SPIN_AFTER, next = front->spun_at + SPIN_APART;
  return first > next ? first : next;
}

static int64_t shows_at(const kv_front *front) {
  if (front->above.size == 0) return -1;
  return front->above.size > SHOW_MOST ? 0 : front->shown_at + SHOW_APART;
}

static void sooner(int64_t *until, int64_t other) {
  if (other >= 0 && (*until < 0 || other < *until)) *until = other;
}

static int wait_for(kv_front *front, int64_t until, struct pollfd asked[COUNT]) {
  const kv_terminal *terminal = &front->terminal;
  bool held = is_held(front);
  asked[SIGNALS] = (struct pollfd){.fd = front->signals, .events = POLLIN};
  asked[LINK] = (struct pollfd){.fd = front->link.ended ? -1 : front->link.fd};
  asked[LINK].events = (short)((held ? 0 : POLLIN) | (front->link.out.size > 0 ? POLLOUT : 0));
  asked[HOST] = (struct pollfd){.fd = held ? -1 : front->host, .events = POLLIN};
  asked[IN] = (struct pollfd){.fd = terminal->in, .events = takes_keys(front) ? POLLIN : 0};
  asked[OUT] = (struct pollfd){.fd = terminal->waiting.size ? terminal->out : -1};
  asked[OUT].events = POLLOUT;
  if (held && asked[LINK].events == 0) asked[LINK].fd = -1; /* its end can wait, too */
  sooner(&until, spins_at(front));
  if (terminal->waiting.size < SHOW_MOST) sooner(&until, shows_at(front));
  sooner(&until, front->completes_until);
  int64_t left = until < 0 ? -1 : until - kv_now();
  if (until >= 0 && left < 0) left = 0;
  return poll(asked, COUNT, (int)left);
}

static bool read_host(kv_front *front) {
  char bytes[READ_AT_ONCE];
  ssize_t got = read(front->host, bytes, sizeof bytes);
  if (got > 0) kv_front_print(front, bytes, (size_t)got);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
    close(front->host);
    front->host = -1;
  }
  return got > 0;
}

void kv_front_take_printed(kv_front *front) {
  while (front->host >= 0 && !is_held(front) && read_host(front)) {
  }
}

static void hang_up(kv_front *front) {
  uint8_t gone = 1;
  kv_link_send(&front->link, KV_PROMPT_END, &gone, 1, NULL, 0);
  front->terminal.gone = true;
  kv_front_over(front, 1, NULL);
}

/* One byte at a time, since what follows a line is for whoever reads next; but a paste as a whole.
 */
static void read_keys(kv_front *front) {
  bool many = front->state == KV_STATE_RAW || front->screen.dumb || kv_keys_pasting(&front->keys);
  size_t most = many ? READ_AT_ONCE : 1;
  char *to = kv_bytes_reserve(&front->input, most);
  ssize_t got = to ? read(front->terminal.in, to, most) : -1;
  if (got < 0 && (to == NULL || errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0 && !(got == 0 && front->screen.dumb)) {
    hang_up(front);
    return;
  }
  if (front->state == KV_STATE_RAW) {
    kv_link_send(&front->link, KV_PROMPT_KEYS, NULL, 0, to, (size_t)got);
  } else if (got == 0) { /* Ctrl-D on a dumb terminal */
    if (front->submitted.size == 0) kv_front_end_of_input(front);
  } else {
    front->input.size += (size_t)got;
  }
}

static void take_frames(kv_front *front) {
  kv_prompt_frame frame;
  while (front->state != KV_STATE_OVER && !is_held(front) && kv_link_next(&front->link, &frame))
    kv_front_frame(front, &frame);
  if (front->state == KV_STATE_OVER || is_held(front)) return;
  if (front->link.broken) {
    kv_front_over(front, 1, "what the host has sent is no frame of a prompt");
  } else if (front->link.ended) {
    kv_front_take_printed(front);
    kv_front_over(front, 1, "the host has ended");
  }
}

static void on_time(kv_front *front) {
  int64_t now = kv_now(), spins = spins_at(front), shows = shows_at(front);
  if (spins >= 0 && now >= spins) {
    if (kv_terminal_is_ours(&front->terminal))
      kv_screen_spin(&front->screen, (long)(now - front->busy_at));
    front->spun_at = now;
  }
  if (shows >= 0 && now >= shows && front->terminal.waiting.size < SHOW_MOST)
    kv_front_show_lines(front);
  if (front->completes_until >= 0 && now >= front->completes_until) {
    front->completes_until = -1;
    kv_front_beep(front);
  }
}

void kv_front_round(kv_front *front, int64_t until) {
  struct pollfd asked[COUNT];
  kv_terminal_flush(&front->terminal);
  if (wait_for(front, until, asked) < 0) return;
  if (asked[SIGNALS].revents) kv_front_signals(front);
  if (asked[IN].revents & POLLIN && takes_keys(front))
    read_keys(front);
  else if (asked[IN].revents & (POLLHUP | POLLERR | POLLNVAL))
    hang_up(front);
  if (front->state == KV_STATE_OVER) return;
  /* First that an entry runs, then what it prints. */
  if (asked[LINK].revents & ~POLLOUT) kv_link_read(&front->link);
  if (asked[LINK].revents & POLLOUT) kv_link_flush(&front->link);
  take_frames(front);
  if (front->state == KV_STATE_OVER) return;
  if (asked[HOST].revents && front->host >= 0) read_host(front);
  on_time(front);
  kv_terminal_flush(&front->terminal);
  if (front->terminal.gone) hang_up(front);
}

/* Ctrl-C gives up what is asked for, and all that was typed behind it; not one in a paste. */
static void see_interrupt(kv_front *front) {
  const char *bytes = kv_bytes_begin(&front->input);
  size_t size = front->input.size;
  if (size == 0 || bytes[size - 1] != CTRL_C || memchr(bytes, ESC, size)) return;
  kv_bytes_drop(&front->input, size);
  front->interrupted = true;
}

bool kv_front_key(kv_front *front, kv_key *key) {
  if (front->interrupted) {
    front->interrupted = false;
    *key = (kv_key){.code = CTRL_C};
    return true;
  }
  bool completes = front->completes_until >= 0, edits = front->state == KV_STATE_EDIT;
  int64_t deadline = edits && !completes ? kv_keys_deadline(&front->keys) : -1;
  if (front->input.size == 0 || completes || !edits) kv_front_round(front, deadline);
  if (completes) see_interrupt(front);
  /* What has come is not for a line that is done with. */
  if (completes || front->restart || front->state != KV_STATE_EDIT) return false;
  if (front->input.size > 0) {
    const char *bytes = kv_bytes_begin(&front->input);
    kv_bytes_drop(&front->input,
                  kv_keys_take(&front->keys, bytes, front->input.size, kv_now(), key));
    return key->code != KV_KEY_NONE;
  }
  if (deadline < 0 || kv_now() < deadline) return false;
  kv_keys_expire(&front->keys, key);
  return key->code != KV_KEY_NONE;
}
