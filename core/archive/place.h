/*
 * Places below a folder, by paths that nobody has checked. No symbolic link is ever followed.
 */
#ifndef KV_ARCHIVE_PLACE_H
#define KV_ARCHIVE_PLACE_H

#include <stddef.h>

#include "base/error.h"

enum { KV_PLACE_PATH = 4096, KV_PLACE_NAME = 256 }; /* PATH_MAX, NAME_MAX + 1 */

typedef struct kv_place {
  int parent; /* descriptor of the folder that it is in, to be closed; -1 for the root itself */
  char name[KV_PLACE_NAME];
  unsigned depth; /* folders between the root and it: 0 for what is right in the root */
} kv_place;

/* Finds the place that `path` means below `root`; with `make`, missing folders on the way are made.
 * Refuses a path that is absolute, too long or has "..", and one through what is no folder.
 * "" or "." is the root: parent is -1 then. */
int kv_place_find(int root, const char *path, int make, kv_place *place, kv_error *error);

void kv_place_close(kv_place *place);

/* What is wrong with a symbolic link to `target`, `depth` folders below the root; NULL: nothing, it
 * cannot lead out, as long as all others there keep this rule, too. */
const char *kv_link_flaw(const char *target, unsigned depth);

#endif
