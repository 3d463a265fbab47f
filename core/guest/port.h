/*
 * The port: the agent's end of the wire, on a descriptor that does not block (a virtio-serial
 * port, or a socket under test).
 *
 * Input is held until it is a whole frame, at most one of the largest. Output is a queue of bytes
 * with at most one hole in it: a frame whose payload never enters the agent's memory, since its
 * pages are moved from a pipe to the port with splice(2). They go by way of a pipe of our own,
 * which holds that frame and nothing else: the driver's splice goes wrong unless it takes all that
 * the pipe holds (port_fops_splice_write() in the kernel's drivers/char/virtio_console.c counts
 * the pipe's pages, and sends an entry for each, even an empty one, which QEMU takes for the end
 * of the device). The queue's user keeps it from overflowing by asking kv_port_takes() before it
 * does what makes output.
 */
#ifndef KV_GUEST_PORT_H
#define KV_GUEST_PORT_H

#include "frame.h"

#define KV_PORT_QUEUE (512u * 1024u)

/* The driver copies at most this much in one write(): port_fops_write() in the kernel's
 * drivers/char/virtio_console.c. More in one frame would be sent in two goes. */
#define KV_PORT_WRITE (32u * 1024u)

struct kv_port {
  int fd;
  enum kv_port_splicing { KV_SPLICE_UNKNOWN, KV_SPLICE_WORKS, KV_SPLICE_REFUSED } splicing;
  bool blocked; /* the last write found no room: EPOLLOUT says when to go on */
  bool closed;  /* the other end is gone, or the descriptor broke */
  bool awaited; /* somebody was told that there is no room: for whoever asks them again to clear */
  size_t in_begin, in_end;
  size_t out_begin, out_end;
  struct kv_hole {
    bool open;
    size_t ahead; /* queued bytes that go before it */
    int fd;
    size_t left;  /* bytes still in the command's pipe */
    size_t piped; /* bytes in our own */
    uint8_t header[KV_WIRE_HEADER];
    bool header_due;
  } hole;
  int through[2]; /* our own pipe; opened when it first matters */
  uint8_t in[KV_WIRE_HEADER + KV_WIRE_MAX];
  uint8_t out[KV_PORT_QUEUE];
};

/* Takes a descriptor and makes it non-blocking. 0, or a negative errno. */
int kv_port_open(struct kv_port *port, int fd);

/* Reads once. Gives back whether it may be worth reading again at once. Sets `closed` at the end.
 * Invalidates the payloads that kv_port_next gave. */
bool kv_port_receive(struct kv_port *port);

/* The next whole frame: 1; 0 if there is none yet; -1 if the input breaks the wire's rules. */
int kv_port_next(struct kv_port *port, struct kv_frame *frame);

/* Takes the frame that kv_port_next gave last back: it will be the next again. */
void kv_port_unget(struct kv_port *port, const struct kv_frame *frame);

/* Does the queue take that many bytes more? If not, sets `awaited`. */
bool kv_port_takes(struct kv_port *port, size_t bytes);
size_t kv_port_queued(const struct kv_port *port);

/* Queues a frame. false, and nothing is queued, if there is no room for it. */
bool kv_port_send(struct kv_port *port, uint8_t type, uint32_t channel, const void *payload,
                  size_t length);

/* Room for a payload of up to `length` bytes, to be read into; kv_port_commit then queues it as a
 * frame. NULL if there is none: sets `awaited`. */
uint8_t *kv_port_reserve(struct kv_port *port, size_t length);
void kv_port_commit(struct kv_port *port, uint8_t type, uint32_t channel, size_t length);

/* Does the port's driver take splice(2)? Asked once, when it first matters. */
bool kv_port_can_splice(struct kv_port *port);

/* Queues a frame whose payload is the next `length` bytes of a pipe, which must hold them.
 * false if a hole is there already. */
bool kv_port_splice(struct kv_port *port, uint8_t type, uint32_t channel, int pipe, size_t length);

/* Does the hole still need bytes of this pipe? Then it must not be read or closed. */
bool kv_port_uses(const struct kv_port *port, int pipe);

/* Writes until all is written, or the port is blocked or closed. */
void kv_port_flush(struct kv_port *port);

#endif
