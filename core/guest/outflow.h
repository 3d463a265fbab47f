/*
 * Where the bytes of STDOUT and STDERR frames come from: a pipe, a terminal's master side or a
 * file. One call sends at most one frame, so that streams take turns, and no more than the host
 * gave credit for.
 */
#ifndef KV_GUEST_OUTFLOW_H
#define KV_GUEST_OUTFLOW_H

#include "port.h"

enum kv_outflow_source { KV_SOURCE_PIPE, KV_SOURCE_TERMINAL, KV_SOURCE_FILE };

struct kv_outflow {
  int fd; /* -1: ended */
  enum kv_outflow_source source;
  uint8_t type;   /* of its frames */
  bool ready;     /* worth a read: the descriptor reports edges, so this stays until it is empty */
  bool hung_up;   /* no writer is left: read to the end */
  bool bulk;      /* its pipe has held much at once: worth moving pages */
  bool hot;       /* one small write follows the other: looked at by the clock, not by events */
  bool silent;    /* hot, and its events are switched off */
  uint8_t streak; /* small frames in a row, or looks in a row that found nothing */
  uint64_t last_ms; /* when the last small frame went */
  int error;        /* errno of a read that failed */
  uint64_t credit;  /* bytes */
  uint64_t sent;    /* bytes */
};

void kv_outflow_open(struct kv_outflow *stream, int fd, enum kv_outflow_source source, uint8_t type,
                     uint32_t credit);

/*
 * A program that writes little at a time, without a pause, would wake the agent for each write,
 * and each would cost a frame and an exit to the host. Such a stream becomes hot: its events are
 * switched off, and it is looked at every KV_OUTFLOW_HOT_MS until it has been empty for a while.
 */
#define KV_OUTFLOW_HOT_MS 1
/* The clock has struck: worth a read again. Gives back whether it goes on being hot. */
bool kv_outflow_tick(struct kv_outflow *stream);

/* Can it do anything now? */
bool kv_outflow_runnable(const struct kv_outflow *stream);

/* Sends one frame, or finds the stream empty, ended (then it closes) or without credit. Gives back
 * the bytes that it sent. */
size_t kv_outflow_pump(struct kv_outflow *stream, struct kv_port *port, uint32_t channel);

/* Without credit: is there nothing more to come? Then it closes, as reading would have shown. */
void kv_outflow_look(struct kv_outflow *stream);

void kv_outflow_close(struct kv_outflow *stream);

#endif
