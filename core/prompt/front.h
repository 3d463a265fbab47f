/*
 * The front end as a whole: what it has, and what its parts do with it. One thread, which waits in
 * one place, kv_front_round(), whoever needs something.
 */
#ifndef KV_PROMPT_FRONT_H
#define KV_PROMPT_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "prompt/edit.h"
#include "prompt/frame.h"
#include "prompt/history.h"
#include "prompt/keys.h"
#include "prompt/link.h"
#include "prompt/protocol.h"
#include "prompt/screen.h"
#include "prompt/terminal.h"

typedef enum kv_state {
  KV_STATE_BEGIN, /* nothing may be typed yet */
  KV_STATE_EDIT,
  KV_STATE_WAIT, /* a line has been submitted, and the session has not said what it is */
  KV_STATE_BUSY,
  KV_STATE_RAW,
  KV_STATE_OVER,
} kv_state;

/* Bytes of a line: with its kind and its number it is a frame. */
enum { KV_PROMPT_SUBMIT_MOST = KV_PROMPT_FRAME_MAX - 4 };

enum { KV_SEARCH_MOST = 200, KV_LINE_MOST = 32 << 20 /* characters */ };

typedef struct kv_search {
  bool on, failed;
  wchar_t pattern[KV_SEARCH_MOST];
  size_t count;
  size_t index;    /* of the entry that is shown */
  wchar_t *before; /* the line, if it is given up */
} kv_search;

typedef struct kv_front {
  kv_terminal terminal;
  kv_screen screen;
  kv_link link;
  kv_keys keys;
  kv_edit edit;
  kv_history history;
  int signals; /* a signalfd */
  int host;    /* what the host prints; -1: nothing */
  kv_state state;
  int code; /* to exit with */

  wchar_t *prompt;
  size_t prompt_count;
  uint32_t ready; /* the number of the last READY */
  bool answer;
  bool brackets;    /* the terminal has been told to put pastes in brackets */
  bool restart;     /* the line that libedit has is done with */
  bool dirty;       /* the line is not on the screen as it is */
  bool interrupted; /* SIGINT came while a line is edited */
  bool quotes;      /* the next key is what it is */
  bool shown;       /* on a dumb terminal: the prompt */
  kv_bytes input;   /* of the terminal, that are no keys yet */
  kv_bytes above;   /* what is to be printed above the line */
  kv_bytes submitted;
  int64_t drawn_at, shown_at, busy_at, spun_at;

  wchar_t command; /* what libedit does next; 0: nothing */
  wchar_t *killed; /* what Ctrl-Y inserts */

  size_t recalled; /* the entry of the history that is edited; their number: none */
  wchar_t *unsent; /* the line that was edited before it */
  kv_search search;
  uint32_t ticket;         /* of the last COMPLETE */
  int64_t completes_until; /* its answer is waited for; -1: none is */

  int process; /* of the host, a pidfd */
  uint32_t number;
} kv_front;

int64_t kv_now(void); /* ms */

/* Waits until something is to be done, or that time has come (-1: none), and does it, but for keys,
 * whose bytes are in `input` then. */
void kv_front_round(kv_front *front, int64_t until);

/* The next key, or false if none came in one round. */
bool kv_front_key(kv_front *front, kv_key *key);

/* In another state: the terminal is in the mode for it. */
void kv_front_enter(kv_front *front, kv_state state);

/* Prints, above the line if there is one. */
void kv_front_print(kv_front *front, const char *bytes, size_t size);

/* What is to be printed above the line, at once: all, or as far as lines of it have come. */
void kv_front_show(kv_front *front);
void kv_front_show_lines(kv_front *front);

/* Draws the line. */
void kv_front_draw(kv_front *front);

/* The line stays on the screen as it is, and nothing is drawn below it. */
void kv_front_leave_line(kv_front *front, const char *mark);

/* What the host has printed up to now. */
void kv_front_take_printed(kv_front *front);

/* Leaves with a code, and a line for standard error (or NULL). */
void kv_front_over(kv_front *front, int code, const char *why);

/* Stops what runs. */
void kv_front_interrupt(kv_front *front);

/* The parts, each in a file of its name. */
void kv_front_frame(kv_front *front, const kv_prompt_frame *frame);
void kv_front_signals(kv_front *front); /* that have come */
void kv_front_suspend(kv_front *front);
/* In the background: stops until a shell has it go on. False if it has the terminal. */
bool kv_front_stops(kv_front *front);
void kv_front_act(kv_front *front, const kv_key *key);
void kv_front_submit(kv_front *front, const char *text, size_t size);
/* Ctrl-D. */
void kv_front_end_of_input(kv_front *front);
/* Gives no answer: whoever asks is interrupted. */
void kv_front_refuse(kv_front *front);
void kv_front_beep(kv_front *front);

void kv_complete_begin(kv_front *front);
void kv_complete_end(kv_front *front, const kv_choices *choices);

void kv_search_begin(kv_front *front);
/* False if the key ends the search, and is to be acted on. */
bool kv_search_key(kv_front *front, const kv_key *key);
/* What stands in the place of the prompt; to be freed. */
wchar_t *kv_search_prompt(const kv_front *front, size_t *count);

/* The entry of the history before or after the one that is edited. */
void kv_recall_older(kv_front *front);
void kv_recall_newer(kv_front *front);
void kv_recall(kv_front *front, size_t index);
void kv_recall_none(kv_front *front); /* a line begins */

/* On a dumb terminal. */
void kv_dumb_step(kv_front *front);
void kv_dumb_print(kv_front *front, const char *bytes, size_t size);

/* All of it, until it is over. */
void kv_front_run(kv_front *front);
int kv_front_next(EditLine *libedit, wchar_t *character); /* what libedit reads with */

#endif
