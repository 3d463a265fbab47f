/*
 * One conversation about one policy: requests and replies, both single nodes of rules/blob.h. The
 * helper program has one with its host over pipes; without isolation, the host has one with itself.
 *
 *   { op = "load", files = { { name, text }… }, data = { { name, text }… }, steps, memory,
 *     cover = whether lines that run are noted, false unless given }
 *       -> { policy = what kv_vm_describe writes } | { need, by } | { error, kind }
 *   { op = "evaluate", items = { evidence… } }
 *       -> { results = { what kv_vm_evaluate writes… } } | { error, kind }
 *
 * A load begins afresh. Over pipes, each is preceded by its size, a little-endian u32.
 */
#ifndef KV_RULES_SESSION_H
#define KV_RULES_SESSION_H

#include "rules/blob.h"
#include "rules/vm.h"

enum { KV_SESSION_FILES_MAX = 64, KV_SESSION_DATA_MAX = 64 };

/* Zeroed to begin with. */
typedef struct kv_session {
  kv_vm *vm;
  bool loaded;
} kv_session;

/* Appends the reply to *reply, whatever the request is. */
void kv_session_handle(kv_session *s, const uint8_t *request, size_t size, kv_blob *reply);

void kv_session_close(kv_session *s);

#endif
