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
#include "rules/large.h"
#include "rules/session.h"

enum {
  HEAD = 4,
  FIRST_ROOM = 64 << 10,
  KEPT = 4 << 20,  /* a buffer that is larger is freed after use */
  PIPE = 256 << 10 /* bytes of a message that the host can write ahead */
};

/* What the host sends: one message at a time, with its size in front. */
typedef struct inbox {
  uint8_t *bytes;
  size_t room;
} inbox;

/* Keeps the first `used` bytes. */
static bool make_room(inbox *in, size_t used, size_t room) {
  if (room <= in->room) return true;
  uint8_t *bytes = kv_large_realloc(in->bytes, used, &room);
  if (!bytes) return false;
  in->bytes = bytes;
  in->room = room;
  return true;
}

/* Reads a message: 1, *size; 0 at the end of input; -1 if there is none to come, or no memory. */
static int receive(inbox *in, size_t *size) {
  size_t have = 0, whole = HEAD;
  if (!make_room(in, 0, FIRST_ROOM)) return -1;
  while (have < whole) {
    ssize_t n = read(0, in->bytes + have, in->room - have);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return n == 0 && have == 0 ? 0 : -1;
    have += (size_t)n;
    if (have < HEAD) continue;
    *size = kv_le32(in->bytes);
    whole = HEAD + *size;
    if (*size > KV_BLOB_SIZE_MAX || !make_room(in, have, whole)) return -1;
  }
  return have == whole ? 1 : -1; /* a host waits for its answer before it sends more */
}

/* Gives back what a large message took. */
static void shrink(inbox *in) {
  if (in->room <= KEPT) return;
  free(in->bytes);
  *in = (inbox){0};
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
  static const uint8_t head[HEAD];
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
  inbox in = {0};
  size_t size = 0;
  int status;
  while ((status = receive(&in, &size)) > 0) {
    if (!answer(&session, in.bytes + HEAD, size, &reply)) return false;
    shrink(&in);
  }
  kv_session_close(&session);
  kv_blob_free(&reply);
  free(in.bytes);
  return status == 0;
}

int main(void) {
  kv_error error;
  void *volatile first = malloc(1); /* glibc's first asks for random bytes: it may not later */
  free(first);
  fcntl(0, F_SETPIPE_SZ, PIPE); /* for large data; without it, there are more switches */
  if (kv_cell_enter(&error) < 0) return 1;
  return serve() ? 0 : 1;
}
