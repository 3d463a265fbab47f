/*
 * policy-worker: runs attestation policies for a host, which it hears on 0 and answers on 1: see
 * rules/session.h. It ends when its host closes the pipe, and with 1 when it cannot go on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/little.h"
#include "rules/cell.h"
#include "rules/session.h"

enum {
  KEPT = 4 << 20,  /* a buffer that is larger is freed after use */
  PIPE = 256 << 10 /* bytes of a message that the host can write ahead */
};

/* False at the end of input, which is only good before the first byte. */
static bool read_all(uint8_t *to, size_t size) {
  while (size > 0) {
    ssize_t n = read(0, to, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    to += n;
    size -= (size_t)n;
  }
  return true;
}

static bool write_all(const uint8_t *from, size_t size) {
  while (size > 0) {
    ssize_t n = write(1, from, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    from += n;
    size -= (size_t)n;
  }
  return true;
}

/* The size stands in front of the reply, in its buffer, so that one write does for both. */
static bool answer(kv_session *session, const uint8_t *request, size_t size, kv_blob *reply) {
  static const uint8_t head[4];
  reply->size = 0;
  reply->offset_count = 0;
  kv_blob_put_raw(reply, head, sizeof head);
  kv_session_handle(session, request, size, reply);
  if (reply->failed) return false;
  kv_put_le(reply->bytes, reply->size - sizeof head, sizeof head);
  return write_all(reply->bytes, reply->size);
}

static bool serve(void) {
  kv_session session = {0};
  kv_blob reply = {0};
  uint8_t head[4], *request = NULL;
  size_t room = 0;
  while (read_all(head, sizeof head)) {
    size_t size = kv_le32(head);
    if (size > KV_BLOB_SIZE_MAX) return false;
    if (size > room) {
      free(request);
      request = malloc(size);
      if (!request) return false;
      room = size;
    }
    if (!read_all(request, size) || !answer(&session, request, size, &reply)) return false;
    if (room > KEPT) {
      free(request);
      request = NULL;
      room = 0;
    }
  }
  kv_session_close(&session);
  kv_blob_free(&reply);
  free(request);
  return true;
}

int main(void) {
  kv_error error;
  void *volatile first = malloc(1); /* glibc's first asks for random bytes: it may not later */
  free(first);
  fcntl(0, F_SETPIPE_SZ, PIPE); /* for large data; without it, there are more switches */
  if (kv_cell_enter(&error) < 0) return 1;
  return serve() ? 0 : 1;
}
