/*
 * Where the bytes of STDOUT and STDERR frames come from: a pipe, a terminal's master side or a
 * file. One call sends at most one frame, so that streams take turns, and no more than the host
 * gave credit for.
 */
#ifndef KV_GUEST_STREAM_H
#define KV_GUEST_STREAM_H

#include "port.h"

enum kv_stream_source { KV_SOURCE_PIPE, KV_SOURCE_TERMINAL, KV_SOURCE_FILE };

struct kv_stream {
  int fd; /* -1: ended */
  enum kv_stream_source source;
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

void kv_stream_open(struct kv_stream *stream, int fd, enum kv_stream_source source, uint8_t type,
                    uint32_t credit);

/*
 * A program that writes little at a time, without a pause, would wake the agent for each write,
 * and each would cost a frame and an exit to the host. Such a stream becomes hot: its events are
 * switched off, and it is looked at every KV_STREAM_HOT_MS until it has been empty for a while.
 */
#define KV_STREAM_HOT_MS 1
/* The clock has struck: worth a read again. Gives back whether it goes on being hot. */
bool kv_stream_tick(struct kv_stream *stream);

/* Can it do anything now? */
bool kv_stream_runnable(const struct kv_stream *stream);

/* Sends one frame, or finds the stream empty, ended (then it closes) or without credit. Gives back
 * the bytes that it sent. */
size_t kv_stream_pump(struct kv_stream *stream, struct kv_port *port, uint32_t channel);

/* Without credit: is there nothing more to come? Then it closes, as reading would have shown. */
void kv_stream_look(struct kv_stream *stream);

void kv_stream_close(struct kv_stream *stream);

#endif
