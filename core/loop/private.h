/*
 * Private directories: 0700, named after their host, gone when it is.
 *
 * They stand in $XDG_RUNTIME_DIR/kavach, or else in /tmp/kavach-UID, and are called vm-PID-RANDOM.
 * The host's supervisor knows a name before there is anything of that name, so there is no moment
 * at which the host could be killed and leave one. That takes a name that nobody else can have,
 * not even a host with the same number in another PID namespace: hence the 64 random bits.
 *
 * Should the supervisor be killed too, a later host clears up: the host holds a lock (flock(2)) on
 * each for as long as it lives, which is how a stale one is known.
 */
#ifndef KV_LOOP_PRIVATE_H
#define KV_LOOP_PRIVATE_H

#include <stddef.h>

#include "base/error.h"

enum { KV_PRIVATE_PATH_MAX = 512 };

/* The folder for all of this user's, made if need be. One that somebody else could write to, or has
 * put there first, is refused. */
int kv_private_parent(char parent[KV_PRIVATE_PATH_MAX], kv_error *e);

/* Removes the stale ones, and fills `path` with a name for a new one. */
int kv_private_name(char path[KV_PRIVATE_PATH_MAX], kv_error *e);

/* Makes the directory of that name. Returns the descriptor that holds the lock. */
int kv_private_make(const char *path, kv_error *e);

#endif
