/* What an archive may hold, at most. */
#ifndef KV_ARCHIVE_LIMITS_H
#define KV_ARCHIVE_LIMITS_H

#include <stdint.h>

typedef struct kv_archive_limits {
  uint64_t bytes;   /* of all files as they are on the disk, holes included */
  uint64_t entries; /* files, folders and links */
} kv_archive_limits;

#endif
