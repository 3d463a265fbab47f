/*
 * Disks of the guest: files of the host behind virtio block devices.
 */
#ifndef KV_QEMU_DISK_H
#define KV_QEMU_DISK_H

#include <stdbool.h>

#include "base/error.h"
#include "qemu/argv.h"

typedef struct kv_disk {
  const char *serial; /* what the guest finds it by: 1 to 20 of a-z 0-9 */
  const char *path;   /* absolute, or relative to the private directory */
  const char *format; /* "raw" or "qcow2": never left to QEMU to find out */
  bool readonly;      /* if not, what is written need not outlive the guest */
} kv_disk;

/* Returns 0, or -1 and *error: `invalid_argument` naming what is wrong with the disk. */
int kv_disk_check(const kv_disk *disk, kv_error *error);

/* Adds the disk, on a bus whose devices' names end in `bus`. A qcow2 file's own word about a file
 * behind it is passed over: it could name any file of the host. */
void kv_disk_add(kv_words *words, const kv_disk *disk, const char *bus);

#endif
