/*
 * prompt: the front end of a prompt. It has the terminal, where lines are edited, and speaks with a
 * session in a host (protocol.h).
 *
 *   prompt [--history FILE]
 *
 * Standard input and output are the terminal. Descriptor 3 is a stream socket to the session; 4, if
 * it is open, a pipe with what the host prints. Exits with the code of the session's BYE, or 1 if
 * the host or the terminal has gone, or 64 if called wrongly; the terminal is as it was.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/little.h"
#include "prompt/front.h"
#include "prompt/protocol.h"

enum { SESSION = 3, PRINTED = 4, USAGE = 64 };

static bool is_utf8(void) { return strcmp(nl_langinfo(CODESET), "UTF-8") == 0; }

/* Nobody who has not chosen a language is without its letters. */
static bool choose_locale(void) {
  const char *chosen = setlocale(LC_CTYPE, "");
  if (chosen == NULL || strcmp(chosen, "C") == 0 || strcmp(chosen, "POSIX") == 0)
    setlocale(LC_CTYPE, "C.UTF-8");
  return is_utf8();
}

static int take_signals(void) {
  static const int taken[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH};
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
    signal(taken[i], SIG_DFL); /* one that is ignored does not come */
    sigaddset(&set, taken[i]);
  }
  sigprocmask(SIG_BLOCK, &set, NULL);
  signal(SIGTTOU, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int printed(void) {
  int flags = fcntl(PRINTED, F_GETFL);
  if (flags < 0) return -1;
  fcntl(PRINTED, F_SETFL, flags | O_NONBLOCK);
  fcntl(PRINTED, F_SETFD, FD_CLOEXEC);
  return PRINTED;
}

/* Whether lines can be edited on this terminal. */
static bool edits(kv_front *front) {
  const char *name = getenv("TERM");
  if (name == NULL || name[0] == 0 || strcmp(name, "dumb") == 0) return false;
  kv_error error;
  return kv_edit_open(&front->edit, kv_front_next, front, &error) == 0 &&
         kv_edit_moves(&front->edit);
}

static bool has_colours(void) {
  const char *none = getenv("NO_COLOR"), *name = getenv("TERM");
  return (none == NULL || none[0] == 0) && name && strncmp(name, "vt", 2) != 0;
}

static void say_hello(kv_front *front) {
  uint8_t hello[5];
  bool colours = !front->screen.dumb && has_colours();
  kv_put_le(hello, (uint64_t)front->terminal.columns, 2);
  kv_put_le(hello + 2, (uint64_t)front->terminal.rows, 2);
  hello[4] =
      (uint8_t)((colours ? KV_PROMPT_COLOUR : 0) | (front->screen.utf8 ? KV_PROMPT_UTF8 : 0) |
                (front->screen.dumb ? KV_PROMPT_DUMB : 0));
  kv_link_send(&front->link, KV_PROMPT_HELLO, hello, sizeof hello, NULL, 0);
}

static void begin(kv_front *front, const char *history) {
  kv_error warning;
  front->screen.terminal = &front->terminal;
  front->screen.utf8 = choose_locale();
  front->link.fd = SESSION;
  fcntl(SESSION, F_SETFD, FD_CLOEXEC);
  front->host = printed();
  front->signals = take_signals();
  front->process = -1;
  front->edit.master = front->edit.slave = -1;
  front->completes_until = -1;
  front->screen.dumb = !edits(front);
  if (kv_history_open(&front->history, history, &warning) < 0) {
    static const char what[] = "history: ";
    kv_screen_print(&front->screen, what, sizeof what - 1);
    kv_screen_print(&front->screen, warning.message, strlen(warning.message));
    kv_screen_print(&front->screen, "\n", 1);
  }
  say_hello(front);
}

static void end(kv_front *front) {
  kv_edit_close(&front->edit);
  kv_history_free(&front->history);
  kv_screen_free(&front->screen);
  kv_link_free(&front->link);
  kv_keys_free(&front->keys);
  kv_bytes_free(&front->input);
  kv_bytes_free(&front->above);
  kv_bytes_free(&front->submitted);
  kv_bytes_free(&front->terminal.waiting);
  free(front->prompt);
  free(front->unsent);
  free(front->killed);
  free(front->search.before);
}

int main(int argc, char **argv) {
  kv_error error;
  const char *history = argc == 3 && strcmp(argv[1], "--history") == 0 ? argv[2] : NULL;
  if (argc != 1 && history == NULL) {
    fputs("usage: prompt [--history FILE]\n", stderr);
    return USAGE;
  }
  if (fcntl(SESSION, F_GETFD) < 0) {
    fputs("prompt: there is no session: kavach runs this\n", stderr);
    return USAGE;
  }
  kv_front *front = calloc(1, sizeof *front);
  if (front == NULL) return 1;
  signal(SIGTTOU, SIG_IGN);
  if (kv_terminal_open(&front->terminal, &error) < 0) {
    fprintf(stderr, "kavach: %s\n", error.message);
    free(front);
    return USAGE;
  }
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* it would hold what was typed */
  begin(front, history);
  kv_front_run(front);
  int code = front->code;
  end(front);
  free(front);
  return code;
}
