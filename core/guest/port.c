#define _GNU_SOURCE
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Does splice() know this kind of descriptor? An empty pipe tells, without moving a byte. */
static bool takes_splice(int fd) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return false;
  ssize_t got = splice(ends[0], NULL, fd, NULL, 1, SPLICE_F_NONBLOCK);
  bool takes = got >= 0 || errno == EAGAIN;
  close(ends[0]);
  close(ends[1]);
  return takes;
}

int kv_port_open(struct kv_port *port, int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
      fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
    return -errno;
  port->fd = fd;
  return 0;
}

bool kv_port_receive(struct kv_port *port) {
  if (port->in_begin == port->in_end) {
    port->in_begin = port->in_end = 0;
  } else if (port->in_begin > 0 &&
             sizeof port->in - port->in_end < KV_WIRE_HEADER + KV_WIRE_DATA_MAX) {
    memmove(port->in, port->in + port->in_begin, port->in_end - port->in_begin);
    port->in_end -= port->in_begin;
    port->in_begin = 0;
  }
  size_t room = sizeof port->in - port->in_end;
  if (room == 0)
    return false;
  ssize_t got = read(port->fd, port->in + port->in_end, room);
  if (got > 0) {
    port->in_end += (size_t)got;
    return true;
  }
  if (got == 0 || (errno != EAGAIN && errno != EINTR))
    port->closed = true;
  return false;
}

int kv_port_next(struct kv_port *port, struct kv_frame *frame) {
  long whole = kv_frame_decode(port->in + port->in_begin, port->in_end - port->in_begin, frame);
  if (whole <= 0)
    return (int)whole;
  port->in_begin += (size_t)whole;
  return 1;
}

void kv_port_unget(struct kv_port *port, const struct kv_frame *frame) {
  port->in_begin -= KV_WIRE_HEADER + frame->length;
}

size_t kv_port_queued(const struct kv_port *port) {
  return port->out_end - port->out_begin;
}

size_t kv_port_room(const struct kv_port *port) {
  return sizeof port->out - kv_port_queued(port);
}

uint8_t *kv_port_reserve(struct kv_port *port, size_t length) {
  size_t whole = KV_WIRE_HEADER + length;
  if (kv_port_room(port) < whole)
    return NULL;
  if (sizeof port->out - port->out_end < whole) {
    memmove(port->out, port->out + port->out_begin, kv_port_queued(port));
    port->out_end -= port->out_begin;
    port->out_begin = 0;
  }
  return port->out + port->out_end + KV_WIRE_HEADER;
}

void kv_port_commit(struct kv_port *port, uint8_t type, uint32_t channel, size_t length) {
  kv_frame_header(port->out + port->out_end, type, channel, (uint32_t)length);
  port->out_end += KV_WIRE_HEADER + length;
}

bool kv_port_send(struct kv_port *port, uint8_t type, uint32_t channel, const void *payload,
                  size_t length) {
  uint8_t *to = kv_port_reserve(port, length);
  if (to == NULL)
    return false;
  if (length > 0)
    memcpy(to, payload, length);
  kv_port_commit(port, type, channel, length);
  return true;
}

bool kv_port_can_splice(struct kv_port *port) {
  if (port->splicing == KV_SPLICE_UNKNOWN)
    port->splicing = takes_splice(port->fd) ? KV_SPLICE_WORKS : KV_SPLICE_REFUSED;
  return port->splicing == KV_SPLICE_WORKS;
}

bool kv_port_splice(struct kv_port *port, uint8_t type, uint32_t channel, int pipe, size_t length) {
  if (port->splice_left > 0 || kv_port_reserve(port, 0) == NULL)
    return false;
  kv_frame_header(port->out + port->out_end, type, channel, (uint32_t)length);
  port->out_end += KV_WIRE_HEADER;
  port->ahead = kv_port_queued(port);
  port->splice_fd = pipe;
  port->splice_left = length;
  return true;
}

bool kv_port_uses(const struct kv_port *port, int pipe) {
  return port->splice_left > 0 && port->splice_fd == pipe;
}

/* What came of one write or splice: true to go on. The hole's pipe holds its bytes for certain,
 * so EAGAIN always speaks of the port; and a splice that moved nothing means that the driver took
 * the bytes and lost them (no memory for its descriptors): the stream is beyond repair. */
static bool moved(struct kv_port *port, ssize_t count) {
  if (count > 0)
    return true;
  if (count < 0 && errno == EINTR)
    return true;
  if (count < 0 && errno == EAGAIN)
    port->blocked = true;
  else
    port->closed = true;
  return false;
}

void kv_port_flush(struct kv_port *port) {
  port->blocked = false;
  while (!port->closed) {
    size_t count = port->splice_left > 0 ? port->ahead : kv_port_queued(port);
    if (count == 0 && port->splice_left == 0)
      break;
    ssize_t done;
    if (count > 0) {
      done = write(port->fd, port->out + port->out_begin, count);
      if (!moved(port, done))
        return;
      port->out_begin += done > 0 ? (size_t)done : 0;
      port->ahead -= port->splice_left > 0 && done > 0 ? (size_t)done : 0;
    } else {
      done = splice(port->splice_fd, NULL, port->fd, NULL, port->splice_left, SPLICE_F_NONBLOCK);
      if (!moved(port, done))
        return;
      port->splice_left -= done > 0 ? (size_t)done : 0;
    }
  }
  if (kv_port_queued(port) == 0)
    port->out_begin = port->out_end = 0;
}
