#define _GNU_SOURCE
#include "sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

void kv_sink_open(struct kv_sink *sink, int fd, bool terminal, uint32_t window) {
  *sink = (struct kv_sink){.fd = fd, .terminal = terminal, .window = window, .allowed = window};
}

/* The end of a terminal's input is a character: VEOF, unless the program has changed it. */
static void end_terminal(int fd) {
  struct termios modes;
  char eof = 4; /* ^D */
  if (tcgetattr(fd, &modes) == 0 && modes.c_cc[VEOF] != 0) eof = (char)modes.c_cc[VEOF];
  if (write(fd, &eof, 1) != 1) return;
}

static void finish(struct kv_sink *sink) {
  if (sink->terminal)
    end_terminal(sink->fd);
  else
    close(sink->fd);
  sink->fd = -1;
}

/* Writes some; gives back how many were taken. */
static size_t write_some(struct kv_sink *sink, const uint8_t *bytes, size_t count) {
  size_t done = 0;
  sink->waiting = false;
  while (done < count && sink->error == 0 && !sink->waiting) {
    ssize_t wrote = write(sink->fd, bytes + done, count - done);
    if (wrote >= 0)
      done += (size_t)wrote;
    else if (errno == EAGAIN)
      sink->waiting = true;
    else if (errno != EINTR)
      sink->error = errno;
  }
  sink->consumed += (uint32_t)done;
  return done;
}

/* Nobody reads any more: nothing to hold, nothing to write to. */
static void give_up(struct kv_sink *sink) {
  sink->length = 0;
  if (!sink->terminal) close(sink->fd);
  sink->fd = -1;
}

static bool hold(struct kv_sink *sink, const uint8_t *bytes, size_t count) {
  if (sink->held == NULL && (sink->held = malloc(sink->window)) == NULL) {
    sink->error = ENOMEM;
    return false;
  }
  size_t at = (sink->begin + sink->length) % sink->window;
  size_t first = sink->window - at < count ? sink->window - at : count;
  memcpy(sink->held + at, bytes, first);
  memcpy(sink->held, bytes + first, count - first);
  sink->length += count;
  return true;
}

bool kv_sink_take(struct kv_sink *sink, const uint8_t *bytes, size_t count) {
  if (count > sink->allowed || (sink->ending && count > 0)) return false;
  sink->allowed -= (uint32_t)count;
  if (sink->fd < 0) {
    sink->consumed += (uint32_t)count;
    return true;
  }
  sink->ending |= count == 0;
  size_t done = sink->length == 0 && count > 0 ? write_some(sink, bytes, count) : 0;
  if (done < count && sink->error == 0) hold(sink, bytes + done, count - done);
  if (sink->error != 0)
    give_up(sink);
  else if (sink->ending && sink->length == 0)
    finish(sink);
  return true;
}

void kv_sink_flush(struct kv_sink *sink) {
  sink->waiting = false;
  while (sink->fd >= 0 && sink->length > 0 && sink->error == 0 && !sink->waiting) {
    size_t run = sink->window - sink->begin;
    if (run > sink->length) run = sink->length;
    size_t done = write_some(sink, sink->held + sink->begin, run);
    sink->begin = (sink->begin + done) % sink->window;
    sink->length -= done;
  }
  if (sink->fd < 0) return;
  if (sink->error != 0)
    give_up(sink);
  else if (sink->ending && sink->length == 0)
    finish(sink);
}

uint32_t kv_sink_credit(struct kv_sink *sink) {
  if (sink->consumed < sink->window / 4 || sink->ending || sink->error != 0) return 0;
  uint32_t due = sink->consumed;
  sink->allowed += due;
  sink->consumed = 0;
  return due;
}

void kv_sink_close(struct kv_sink *sink) {
  if (sink->fd >= 0 && !sink->terminal) close(sink->fd);
  sink->fd = -1;
  free(sink->held);
  sink->held = NULL;
  sink->length = 0;
}
