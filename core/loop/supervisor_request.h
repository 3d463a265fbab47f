/*
 * How the supervisor takes a request off its socket.
 */
#ifndef KV_LOOP_SUPERVISOR_REQUEST_H
#define KV_LOOP_SUPERVISOR_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "loop/supervisor.h"
#include "loop/supervisor_start.h"

typedef struct kv_sup_received {
  kv_sup_request head;
  int fds[KV_SUP_FDS_MAX];
  size_t fd_count;
  bool truncated; /* there was no room in this process for all descriptors */
  char *body;     /* body_size bytes and a NUL; NULL: it was not whole, or there is no memory */
} kv_sup_received;

enum kv_sup_receipt { KV_SUP_END, KV_SUP_NOTHING, KV_SUP_REQUEST };

/* Takes one, without waiting; of KV_SUP_REQUEST *r is the caller's to free. KV_SUP_END: the host
 * has closed its end, or does not speak as it should. */
enum kv_sup_receipt kv_sup_receive(int socket, kv_sup_received *r);

/* Frees the body, and closes the descriptors that are still r's. */
void kv_sup_free(kv_sup_received *r);

/* Points the strings of a SPAWN body into *c; `pointers` has room for argc + envc + 2 of them.
 * False if there are not as many as the head says. */
bool kv_sup_parse(const kv_sup_received *r, kv_sup_command *c, char **pointers);

#endif
