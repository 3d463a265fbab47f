/*
 * What PID 1 does before it can serve: modules, the port, and what a userland expects to find.
 */
#ifndef KV_GUEST_BOOT_H
#define KV_GUEST_BOOT_H

#include <sys/types.h>

#define KV_BOOT_CGROUPS "/sys/fs/cgroup"

/* Mounts /dev, /proc and /sys and puts descriptors 0 (null), 1 and 2 (the console) in place. */
void kv_boot_first(void);

/* In a process of its own, beside the loading of modules: the other file systems, control groups,
 * the host's name, the loopback interface. Gives back its pid (-1: it was done in this one). */
pid_t kv_boot_userland(void);

/*
 * Loads a set of modules from the initramfs, whose root folder `initramfs` is, as its
 * /lib/modules/order lists them: a line "set NAME" begins a set, each
 * line up to the next names a module by its absolute path, one behind those that it needs.
 * Loading one twice does no harm. Without the file, or without the set, there is nothing to load
 * (the kernel has the drivers built in). Gives back how many could not be loaded; the console
 * has their names.
 */
int kv_boot_modules(int initramfs, const char *set);

/* Opens the virtio-serial port that the host named `name`, as soon as it is there. -1 after
 * ten seconds, with what is missing on the console. */
int kv_boot_port(const char *name);

/* Kills everything, writes file systems back and switches the machine off. Does not return. */
_Noreturn void kv_boot_power_off(void);

#endif
