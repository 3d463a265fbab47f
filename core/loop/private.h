/*
 * Private directories: 0700, named after their host, gone when it is.
 *
 * They stand in $XDG_RUNTIME_DIR/kavach, or else in /tmp/kavach-UID, and are called
 * vm-PID-N. The host holds a lock (flock(2)) on each for as long as it lives, which is how a later
 * host knows the stale ones, also across PID namespaces that share a /tmp.
 */
#ifndef KV_LOOP_PRIVATE_H
#define KV_LOOP_PRIVATE_H

#include <stddef.h>

#include "base/error.h"

enum { KV_PRIVATE_PATH_MAX = 512 };

/* Makes one, after it has removed the stale ones. Fills `path`; returns the descriptor that holds
 * the lock. */
int kv_private_make(char path[KV_PRIVATE_PATH_MAX], kv_error *e);

#endif
