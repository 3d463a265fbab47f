#define _GNU_SOURCE
#include "prompt/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What a terminal that poll() calls writable takes without blocking. */
enum { SHARED_WRITE_MOST = 256, COLUMNS = 80, ROWS = 24, COLUMNS_LEAST = 2 };

static bool is_usual(const struct termios *mode) {
  return (mode->c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG) &&
         (mode->c_oflag & OPOST);
}

static void set(const kv_terminal *terminal, const struct termios *mode) {
  /* Without waiting for a terminal that takes nothing: what is written has been processed. */
  while (tcsetattr(terminal->in, TCSANOW, mode) < 0 && errno == EINTR) {
  }
}

static void mend(kv_terminal *terminal) {
  struct termios *mode = &terminal->usual;
  mode->c_iflag |= ICRNL | IXON;
  mode->c_iflag &= ~(tcflag_t)(INLCR | IGNCR);
  mode->c_oflag |= OPOST | ONLCR;
  mode->c_lflag |= ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | ISIG | IEXTEN;
  mode->c_cc[VMIN] = 1;
  mode->c_cc[VTIME] = 0;
  if (kv_terminal_is_ours(terminal)) set(terminal, mode);
}

/* A description of our own, which need not block; others keep theirs. */
static void open_out(kv_terminal *terminal) {
  terminal->out = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  terminal->shares = terminal->out < 0;
  if (terminal->shares) terminal->out = STDOUT_FILENO;
}

int kv_terminal_open(kv_terminal *terminal, kv_error *error) {
  *terminal = (kv_terminal){.in = STDIN_FILENO};
  if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
    return kv_fail(error, "invalid_argument", "standard %s is no terminal",
                   isatty(STDIN_FILENO) ? "output" : "input");
  if (tcgetattr(terminal->in, &terminal->usual) < 0)
    return kv_fail_errno(error, errno, "the terminal");
  if (!is_usual(&terminal->usual)) mend(terminal);
  open_out(terminal);
  kv_terminal_measure(terminal);
  return 0;
}

bool kv_terminal_is_ours(const kv_terminal *terminal) {
  pid_t group = tcgetpgrp(terminal->in);
  return group < 0 || group == getpgrp();
}

static struct termios form(const kv_terminal *terminal, kv_mode mode) {
  struct termios form = terminal->usual;
  if (mode == KV_MODE_USUAL) return form;
  form.c_cc[VMIN] = 1;
  form.c_cc[VTIME] = 0;
  if (mode == KV_MODE_RAW) {
    cfmakeraw(&form);
    return form;
  }
  /* A newline is one already when it is typed: it may be read by what runs next. */
  form.c_iflag |= ICRNL;
  form.c_iflag &= ~(tcflag_t)(INLCR | IGNCR | ISTRIP | IXON);
  /* A LF becomes a CR, so that CR LF is told from two lines in what is pasted. */
  if (mode == KV_MODE_EDIT) form.c_iflag |= INLCR;
  form.c_oflag |= OPOST | ONLCR;
  form.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHONL);
  if (mode == KV_MODE_EDIT) form.c_lflag &= ~(tcflag_t)(ISIG | IEXTEN);
  return form;
}

void kv_terminal_mode(kv_terminal *terminal, kv_mode mode, bool again) {
  if ((mode == terminal->mode && !again) || !kv_terminal_is_ours(terminal)) return;
  struct termios now;
  /* What has been changed by what ran, with stty for instance, stays. */
  if (terminal->mode == KV_MODE_USUAL && tcgetattr(terminal->in, &now) == 0 && is_usual(&now))
    terminal->usual = now;
  now = form(terminal, mode);
  set(terminal, &now);
  terminal->mode = mode;
}

bool kv_terminal_measure(kv_terminal *terminal) {
  struct winsize size = {0};
  int columns = terminal->columns, rows = terminal->rows;
  ioctl(terminal->in, TIOCGWINSZ, &size);
  terminal->columns = size.ws_col ? size.ws_col : COLUMNS;
  terminal->rows = size.ws_row ? size.ws_row : ROWS;
  if (terminal->columns < COLUMNS_LEAST) terminal->columns = COLUMNS_LEAST;
  return columns != terminal->columns || rows != terminal->rows;
}

void kv_terminal_put(kv_terminal *terminal, const char *bytes, size_t size) {
  kv_bytes_add(&terminal->waiting, bytes, size);
}

void kv_terminal_say(kv_terminal *terminal, const char *text) {
  kv_terminal_put(terminal, text, strlen(text));
}

void kv_terminal_format(kv_terminal *terminal, const char *format, ...) {
  char text[256];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  kv_terminal_say(terminal, text);
}

static bool takes(const kv_terminal *terminal, int ms) {
  struct pollfd asked = {.fd = terminal->out, .events = POLLOUT};
  return poll(&asked, 1, ms) > 0;
}

void kv_terminal_flush(kv_terminal *terminal) {
  kv_bytes *waiting = &terminal->waiting;
  while (waiting->size > 0) {
    size_t most = waiting->size;
    if (terminal->shares && !takes(terminal, 0)) return;
    if (terminal->shares && most > SHARED_WRITE_MOST) most = SHARED_WRITE_MOST;
    ssize_t wrote = write(terminal->out, kv_bytes_begin(waiting), most);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EAGAIN) return;
    if (wrote < 0) {
      terminal->gone = true;
      kv_bytes_free(waiting);
      return;
    }
    kv_bytes_drop(waiting, (size_t)wrote);
  }
}

void kv_terminal_drain(kv_terminal *terminal, int ms) {
  kv_terminal_flush(terminal);
  while (terminal->waiting.size > 0 && takes(terminal, ms)) kv_terminal_flush(terminal);
  kv_bytes_free(&terminal->waiting);
}
