/*
 * Files that somebody names, of whom it is not known what they are: opened so that nothing waits,
 * neither for the other end of a FIFO nor for a device.
 */
#ifndef KV_BASE_FILE_H
#define KV_BASE_FILE_H

#include <sys/types.h>

#include "base/error.h"

/* What a file of this type (st_mode) is, for people: "a FIFO". */
const char *kv_file_kind(mode_t mode);

/* Opens a file with these flags of open(2), and close-on-exec. What is opened to be read must be a
 * regular file, or /dev/null, which reads as an empty one; what is opened to be written may be
 * anything but a folder or a socket, and a FIFO only if somebody reads it. What O_EXCL makes is its
 * owner's alone (0600). Returns a descriptor that blocks, or minus an errno and *why (`io`), a
 * reason without the path. A pipe or a device that is refused is an EINVAL. */
int kv_file_open(const char *path, int flags, kv_error *why);

#endif
