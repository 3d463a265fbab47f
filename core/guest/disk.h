/*
 * The guest's disks: virtio block devices, found by the serial numbers that the host gave them.
 * `initramfs` is the folder that the modules, and the program that formats, are found in.
 */
#ifndef KV_GUEST_DISK_H
#define KV_GUEST_DISK_H

#include <stddef.h>
#include <stdint.h>

/* The longest head that kv_disk_type looks at. */
#define KV_DISK_HEAD 2048

/* The type of the file system that begins with these bytes: "squashfs", "ext4" (also for ext2 and
 * ext3), or NULL. Pure. */
const char *kv_disk_type(const uint8_t *head, size_t size);

/* Mounts the disk on a folder, read-only, as the type that it has. 0, or an errno, and *what if
 * there is more to say. */
int kv_disk_mount(int initramfs, const char *serial, const char *on, const char **what);

/* Makes a file system on the disk and mounts it. 0, or an errno. */
int kv_disk_format(int initramfs, const char *serial, const char *on);

#endif
