/*
 * A folder becomes a tar archive, in the format of GNU tar, whose long names the guest's busybox
 * can read (it passes over those of POSIX's pax).
 *
 * Modes, times to the second, symbolic and hard links are kept; everything belongs to root. The
 * folder itself is not in it. Names are sorted, so that the same folder gives the same bytes, and a
 * folder stands behind what is in it, since busybox sets times as it goes. (It makes links last of
 * all, so a folder with links in it gets the time of that.)
 */
#ifndef KV_ARCHIVE_PACK_H
#define KV_ARCHIVE_PACK_H

#include "archive/limits.h"
#include "base/error.h"

/* Writes what is in the folder PATH to the descriptor `to`. 0, or -1 with the error, which names
 * what cannot be packed: a device, a FIFO, a socket, what cannot be read, what is too much. */
int kv_pack(const char *path, int to, const kv_archive_limits *limits, kv_error *error);

#endif
