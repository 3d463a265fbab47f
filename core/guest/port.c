#define _GNU_SOURCE
#include "port.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Our own pipe, big enough for the pages of the largest frame and its header. */
#define THROUGH_SIZE (512 * 1024)

/* One read gives at most what is in one of the driver's buffers, a page: add_inbuf() and
 * fill_readbuf() in the kernel's drivers/char/virtio_console.c. */
#define PORT_BUFFER 4096u

/* Does splice() know this kind of descriptor? An empty pipe tells, without moving a byte. */
static bool takes_splice(struct kv_port *port) {
  if (pipe2(port->through, O_CLOEXEC | O_NONBLOCK) != 0) return false;
  fcntl(port->through[0], F_SETPIPE_SZ, THROUGH_SIZE);
  ssize_t got = splice(port->through[0], NULL, port->fd, NULL, 1, SPLICE_F_NONBLOCK);
  return got >= 0 || errno == EAGAIN;
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
  if (room == 0) return false;
  ssize_t got = read(port->fd, port->in + port->in_end, room);
  if (got > 0) {
    port->in_end += (size_t)got;
    return (size_t)got >= PORT_BUFFER;
  }
  if (got == 0 || (errno != EAGAIN && errno != EINTR)) port->closed = true;
  return false;
}

int kv_port_next(struct kv_port *port, struct kv_frame *frame) {
  long whole = kv_frame_decode(port->in + port->in_begin, port->in_end - port->in_begin, frame);
  if (whole <= 0) return (int)whole;
  port->in_begin += (size_t)whole;
  return 1;
}

void kv_port_unget(struct kv_port *port, const struct kv_frame *frame) {
  port->in_begin -= KV_WIRE_HEADER + frame->length;
}

size_t kv_port_queued(const struct kv_port *port) { return port->out_end - port->out_begin; }

bool kv_port_takes(struct kv_port *port, size_t bytes) {
  bool room = sizeof port->out - kv_port_queued(port) >= bytes;
  port->awaited |= !room;
  return room;
}

uint8_t *kv_port_reserve(struct kv_port *port, size_t length) {
  size_t whole = KV_WIRE_HEADER + length;
  if (!kv_port_takes(port, whole)) return NULL;
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
  if (to == NULL) return false;
  if (length > 0) memcpy(to, payload, length);
  kv_port_commit(port, type, channel, length);
  return true;
}

bool kv_port_can_splice(struct kv_port *port) {
  if (port->splicing == KV_SPLICE_UNKNOWN)
    port->splicing = takes_splice(port) ? KV_SPLICE_WORKS : KV_SPLICE_REFUSED;
  return port->splicing == KV_SPLICE_WORKS;
}

bool kv_port_splice(struct kv_port *port, uint8_t type, uint32_t channel, int pipe, size_t length) {
  if (port->hole.open) return false;
  port->hole = (struct kv_hole){
      .open = true, .ahead = kv_port_queued(port), .fd = pipe, .left = length, .header_due = true};
  kv_frame_header(port->hole.header, type, channel, (uint32_t)length);
  return true;
}

bool kv_port_uses(const struct kv_port *port, int pipe) {
  return port->hole.open && port->hole.left > 0 && port->hole.fd == pipe;
}

/* What came of one write or splice to the port: true to go on. Our own pipe is never empty then,
 * so EAGAIN always speaks of the port; and a splice that moved nothing means that the driver took
 * the bytes and lost them (no memory for its descriptors): the stream is beyond repair. */
static bool moved(struct kv_port *port, ssize_t count) {
  if (count > 0 || (count < 0 && errno == EINTR)) return true;
  if (count < 0 && errno == EAGAIN)
    port->blocked = true;
  else
    port->closed = true;
  return false;
}

/* Brings what is left of the hole's frame into our own pipe, which is empty: as much as fits. */
static bool fill_through(struct kv_port *port) {
  struct kv_hole *hole = &port->hole;
  if (hole->header_due) {
    if (write(port->through[1], hole->header, sizeof hole->header) != sizeof hole->header)
      return false;
    hole->header_due = false;
    hole->piped = sizeof hole->header;
  }
  while (hole->left > 0) {
    ssize_t got = splice(hole->fd, NULL, port->through[1], NULL, hole->left, SPLICE_F_NONBLOCK);
    if (got <= 0) return hole->piped > 0;
    hole->left -= (size_t)got;
    hole->piped += (size_t)got;
  }
  return true;
}

static bool flush_hole(struct kv_port *port) {
  struct kv_hole *hole = &port->hole;
  if (hole->piped == 0 && !fill_through(port)) {
    port->closed = true;
    return false;
  }
  ssize_t done = splice(port->through[0], NULL, port->fd, NULL, hole->piped, SPLICE_F_NONBLOCK);
  if (!moved(port, done)) return false;
  hole->piped -= done > 0 ? (size_t)done : 0;
  hole->open = hole->piped > 0 || hole->left > 0;
  return true;
}

static bool flush_queue(struct kv_port *port, size_t count) {
  ssize_t done = write(port->fd, port->out + port->out_begin, count);
  if (!moved(port, done)) return false;
  port->out_begin += done > 0 ? (size_t)done : 0;
  port->hole.ahead -= port->hole.open && done > 0 ? (size_t)done : 0;
  return true;
}

void kv_port_flush(struct kv_port *port) {
  port->blocked = false;
  while (!port->closed) {
    size_t count = port->hole.open ? port->hole.ahead : kv_port_queued(port);
    if (count == 0 && !port->hole.open) break;
    if (count > 0 ? !flush_queue(port, count) : !flush_hole(port)) return;
  }
  if (kv_port_queued(port) == 0) port->out_begin = port->out_end = 0;
}
