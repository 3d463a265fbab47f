#define _GNU_SOURCE
#include "outflow.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* From this size on a splice is cheaper than a copy: it takes a write and a system call more. */
#define SPLICE_LEAST (16u * 1024u)

/* The most that a pipe may be without special leave (pipe(7)). A writer and the agent take turns at
 * it, and each turn is a switch of tasks, dear under emulation: four times the size of one frame
 * streams 1.3 times as fast as just that. */
#define PIPE_SIZE (1024 * 1024)

void kv_outflow_open(struct kv_outflow *stream, int fd, enum kv_outflow_source source, uint8_t type,
                     uint32_t credit) {
  *stream = (struct kv_outflow){.fd = fd,
                                .source = source,
                                .type = type,
                                .ready = source == KV_SOURCE_FILE,
                                .hung_up = source == KV_SOURCE_FILE,
                                .credit = credit};
}

bool kv_outflow_runnable(const struct kv_outflow *stream) {
  return stream->fd >= 0 && stream->ready && stream->credit > 0;
}

void kv_outflow_close(struct kv_outflow *stream) {
  /* A terminal's master stays open for input and size: closing it would hang up the session. */
  if (stream->fd >= 0 && stream->source != KV_SOURCE_TERMINAL) close(stream->fd);
  stream->fd = -1;
  stream->ready = false;
}

/* So many frames of less than a page's worth of writes each, one on the heels of the other, make
 * a stream hot; so many looks that find nothing make it cold again. */
#define HOT_AFTER 16
#define COLD_AFTER 8
#define SMALL (8u * 1024u)
#define PAUSE_MS 5 /* not on its heels any more */

static uint64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

bool kv_outflow_tick(struct kv_outflow *stream) {
  stream->ready = stream->fd >= 0;
  if (++stream->streak > COLD_AFTER || stream->fd < 0) stream->hot = false;
  if (!stream->hot) stream->streak = 0;
  return stream->hot;
}

static void weigh(struct kv_outflow *stream, size_t count) {
  if (stream->hot || count > SMALL || stream->source != KV_SOURCE_PIPE) {
    stream->streak = 0;
    return;
  }
  uint64_t now = now_ms();
  if (now - stream->last_ms > PAUSE_MS) stream->streak = 0;
  stream->last_ms = now;
  if (++stream->streak < HOT_AFTER) return;
  stream->hot = true;
  stream->streak = 0;
}

static size_t sent(struct kv_outflow *stream, size_t count) {
  weigh(stream, count);
  stream->credit -= count;
  stream->sent += count;
  return count;
}

/* Moves pages instead of bytes, if the pipe holds enough of them. */
static size_t pump_pages(struct kv_outflow *stream, struct kv_port *port, uint32_t channel) {
  int held = 0;
  if (ioctl(stream->fd, FIONREAD, &held) != 0 || held < (int)SPLICE_LEAST) return 0;
  size_t count = (size_t)held;
  if (count > stream->credit) count = (size_t)stream->credit;
  if (count > KV_WIRE_OUTPUT_MAX) count = KV_WIRE_OUTPUT_MAX;
  if (count < SPLICE_LEAST || !kv_port_splice(port, stream->type, channel, stream->fd, count))
    return 0;
  if (stream->hot && !stream->hung_up && count == (size_t)held) stream->ready = false;
  return sent(stream, count);
}

static size_t pump_bytes(struct kv_outflow *stream, struct kv_port *port, uint32_t channel) {
  size_t most = KV_PORT_WRITE - KV_WIRE_HEADER;
  if (most > stream->credit) most = (size_t)stream->credit;
  uint8_t *to = kv_port_reserve(port, most);
  if (to == NULL) return 0;
  ssize_t got = read(stream->fd, to, most);
  if (got > 0) {
    kv_port_commit(port, stream->type, channel, (size_t)got);
    /* Of a pipe, less than asked for was all there was; more will be an edge. */
    if ((size_t)got < most && !stream->hung_up && stream->source == KV_SOURCE_PIPE)
      stream->ready = false;
    if (!stream->bulk && stream->source == KV_SOURCE_PIPE && (size_t)got >= SPLICE_LEAST) {
      stream->bulk = true;
      fcntl(stream->fd, F_SETPIPE_SZ, PIPE_SIZE);
    }
    return sent(stream, (size_t)got);
  }
  if (got < 0 && errno == EINTR) return 0;
  if (got < 0 && errno == EAGAIN) {
    stream->ready = stream->hung_up = false;
    return 0;
  }
  /* A terminal whose other side is closed reads EIO: its end of file. */
  if (got < 0 && !(errno == EIO && stream->source == KV_SOURCE_TERMINAL)) stream->error = errno;
  kv_outflow_close(stream);
  return 0;
}

size_t kv_outflow_pump(struct kv_outflow *stream, struct kv_port *port, uint32_t channel) {
  if (!kv_outflow_runnable(stream) || kv_port_uses(port, stream->fd)) return 0;
  size_t count = stream->bulk && kv_port_can_splice(port) ? pump_pages(stream, port, channel) : 0;
  return count > 0 ? count : pump_bytes(stream, port, channel);
}

void kv_outflow_look(struct kv_outflow *stream) {
  if (stream->fd < 0 || stream->credit > 0) return;
  uint8_t byte;
  if (stream->source == KV_SOURCE_FILE) {
    if (pread(stream->fd, &byte, 1, (off_t)stream->sent) == 0) kv_outflow_close(stream);
    return;
  }
  struct pollfd look = {.fd = stream->fd, .events = POLLIN};
  if (poll(&look, 1, 0) == 1 && (look.revents & POLLHUP) != 0 && (look.revents & POLLIN) == 0)
    kv_outflow_close(stream);
}
