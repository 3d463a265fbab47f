#define _GNU_SOURCE
#include "prompt/link.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/little.h"
#include "prompt/protocol.h"

enum { ONE_READ = 64 * 1024, READS = 16 };

void kv_link_read(kv_link *link) {
  for (int i = 0; i < READS; i++) {
    char *to = kv_bytes_reserve(&link->in, ONE_READ);
    ssize_t got = to ? recv(link->fd, to, ONE_READ, MSG_DONTWAIT) : 0;
    if (got > 0) {
      link->in.size += (size_t)got;
      if (got < ONE_READ) return;
      continue;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    link->ended = true;
    return;
  }
}

bool kv_link_next(kv_link *link, kv_prompt_frame *frame) {
  kv_bytes_drop(&link->in, link->taken);
  link->taken = 0;
  if (link->in.size == 0 || link->broken) return false;
  long taken =
      kv_prompt_frame_next((const uint8_t *)kv_bytes_begin(&link->in), link->in.size, frame);
  link->broken = taken < 0;
  if (taken > 0) link->taken = (size_t)taken;
  return taken > 0;
}

void kv_link_flush(kv_link *link) {
  while (link->out.size > 0) {
    ssize_t sent =
        send(link->fd, kv_bytes_begin(&link->out), link->out.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN) kv_bytes_free(&link->out); /* its end is read in time */
    if (sent <= 0) return;
    kv_bytes_drop(&link->out, (size_t)sent);
  }
}

void kv_link_send(kv_link *link, uint8_t kind, const void *head, size_t head_size, const void *text,
                  size_t size) {
  uint8_t begin[KV_PROMPT_FRAME_HEADER];
  if (size > KV_PROMPT_FRAME_MAX - head_size - 1) return;
  kv_put_le(begin, 1 + head_size + size, 4);
  begin[4] = kind;
  if (kv_bytes_reserve(&link->out, sizeof begin + head_size + size) == NULL) return;
  kv_bytes_add(&link->out, begin, sizeof begin);
  kv_bytes_add(&link->out, head, head_size);
  kv_bytes_add(&link->out, text, size);
  kv_link_flush(link);
}

void kv_link_free(kv_link *link) {
  kv_bytes_free(&link->in);
  kv_bytes_free(&link->out);
}
