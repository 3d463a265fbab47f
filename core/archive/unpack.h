/*
 * A tar archive becomes a folder. The archive is hostile: it comes out of a guest.
 *
 * Only files, folders, symbolic links and hard links are made, each by a name that did not exist,
 * below the folder, through folders that are no links. Refused, by name, is: a path that is
 * absolute or has "..", a name twice, a device, a FIFO, a socket, a hard link to what is not a file
 * of this archive, and a symbolic link that could lead out of the folder: an absolute one, one with
 * more ".." than there are folders above it, or with ".." behind a name (the name may be a link
 * itself, and then ".." is not what it looks like). So is what the machine's PATH_MAX has no room
 * for below the folder: nobody could remove it.
 *
 * Kept are times, and of the modes the nine permission bits: no set-user-ID, set-group-ID or sticky
 * bit. Folders stay open to their owner whatever the archive says, or nobody could remove them.
 * Owners are not kept: everything belongs to who runs this.
 */
#ifndef KV_ARCHIVE_UNPACK_H
#define KV_ARCHIVE_UNPACK_H

#include "archive/limits.h"
#include "base/error.h"

/* Makes the folder PATH, which must not exist, and unpacks what descriptor `from` gives up to the
 * archive's end. 0, or -1 with the error; then the folder is gone again. Messages call an entry by
 * its path in the archive. */
int kv_unpack(int from, const char *path, const kv_archive_limits *limits, kv_error *error);

#endif
