#include "loop/supervisor_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void take_descriptors(struct msghdr *message, kv_sup_received *r) {
  struct cmsghdr *c = CMSG_FIRSTHDR(message); /* the kernel joins all descriptors in one */
  r->truncated = message->msg_flags & MSG_CTRUNC;
  if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) return;
  r->fd_count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  memcpy(r->fds, CMSG_DATA(c), r->fd_count * sizeof(int));
}

/* Returns the body, with a NUL behind it, from the packet or from the memory file. */
static char *take_body(const kv_sup_received *r, const char *packed, size_t packed_size) {
  size_t size = r->head.body_size;
  if (size > KV_SUP_BODY_MAX) return NULL;
  bool in_file = r->head.flags & KV_SUP_BODY_IN_FILE;
  if (in_file ? r->fd_count == 0 : size > packed_size) return NULL;
  char *body = calloc(1, size + 1);
  if (!body) return NULL;
  if (!in_file) {
    memcpy(body, packed, size);
    return body;
  }
  int file = r->fds[r->fd_count - 1];
  size_t have = 0;
  while (have < size) {
    ssize_t n = pread(file, body + have, size - have, (off_t)have);
    if (n <= 0) break;
    have += (size_t)n;
  }
  if (have == size) return body;
  free(body);
  return NULL;
}

enum kv_sup_receipt kv_sup_receive(int socket, kv_sup_received *r) {
  static union {
    char bytes[sizeof(kv_sup_request) + KV_SUP_INLINE_MAX];
    kv_sup_request head;
  } packet;
  union {
    char bytes[CMSG_SPACE(KV_SUP_FDS_MAX * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec part = {packet.bytes, sizeof packet.bytes};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR ? KV_SUP_NOTHING : KV_SUP_END;
  if ((size_t)n < sizeof(kv_sup_request)) return KV_SUP_END;
  *r = (kv_sup_received){.head = packet.head};
  take_descriptors(&message, r);
  r->body = take_body(r, packet.bytes + sizeof r->head, (size_t)n - sizeof r->head);
  return KV_SUP_REQUEST;
}

void kv_sup_free(kv_sup_received *r) {
  free(r->body);
  for (size_t i = 0; i < r->fd_count; i++) close(r->fds[i]);
}

/* ---- what it says ---- */

/* The string at *at, which then moves behind it. NULL if there is none before the end. */
static char *next_string(char **at, const char *end) {
  char *string = *at;
  if (string >= end) return NULL;
  *at += strlen(string) + 1;
  return string;
}

static bool take_list(char **list, size_t count, char **at, const char *end) {
  for (size_t i = 0; i < count; i++)
    if (!(list[i] = next_string(at, end))) return false;
  list[count] = NULL;
  return true;
}

bool kv_sup_parse(const kv_sup_received *r, kv_sup_command *c, char **pointers) {
  const uint32_t argc = r->head.argc, envc = r->head.envc;
  char *at = r->body, *end = r->body + r->head.body_size;
  c->cwd = next_string(&at, end);
  c->path = next_string(&at, end);
  c->argv = pointers;
  c->envp = pointers + argc + 1;
  return c->path && argc > 0 && take_list(pointers, argc, &at, end) &&
         take_list(pointers + argc + 1, envc, &at, end);
}
