#define _GNU_SOURCE
#include "disk.h"

#include "boot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DISKS "/sys/block"
#define WAIT_MS 5000
#define LOOK_NS 1000000 /* between two looks for a disk */

const char *kv_disk_type(const uint8_t *head, size_t size) {
  /* The kernel's fs/squashfs/squashfs_fs.h; fs/ext4/ext4.h: s_magic, 56 bytes into the superblock,
   * which is 1024 into the disk. */
  if (size >= 4 && memcmp(head, "hsqs", 4) == 0) return "squashfs";
  if (size >= 1082 && head[1080] == 0x53 && head[1081] == 0xef) return "ext4";
  return NULL;
}

/* The node in /dev of the disk with this serial number, if it is there. */
static bool look(const char *serial, char *node, size_t size) {
  DIR *disks = opendir(DISKS);
  bool found = false;
  for (struct dirent *entry; disks != NULL && !found && (entry = readdir(disks)) != NULL;) {
    char path[320], text[64];
    snprintf(path, sizeof path, DISKS "/%s/serial", entry->d_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    found = strcmp(text, serial) == 0;
    if (found) snprintf(node, size, "/dev/%s", entry->d_name);
  }
  if (disks != NULL) closedir(disks);
  return found && access(node, F_OK) == 0;
}

static bool find(int initramfs, const char *serial, char *node, size_t size) {
  kv_boot_modules(initramfs, "block");
  for (int i = 0; i < WAIT_MS; i++) {
    if (look(serial, node, size)) return true;
    nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
  }
  return false;
}

int kv_disk_mount(int initramfs, const char *serial, const char *on, const char **what) {
  char node[300];
  uint8_t head[KV_DISK_HEAD] = {0};
  if (!find(initramfs, serial, node, sizeof node)) return ENODEV;
  int fd = open(node, O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : read(fd, head, sizeof head);
  int failed = got < 0 ? errno : 0;
  if (fd >= 0) close(fd);
  if (failed != 0) return failed;
  const char *type = kv_disk_type(head, (size_t)got);
  if (type == NULL) {
    *what = "the image has neither squashfs nor ext4 on it";
    return EINVAL;
  }
  kv_boot_modules(initramfs, type);
  /* noload: a journal that asks to be replayed cannot be, on a disk that cannot be written. */
  const char *options = strcmp(type, "ext4") == 0 ? "noload" : NULL;
  return mount(node, on, type, MS_RDONLY | MS_NODEV, options) != 0 ? errno : 0;
}

/* Runs busybox of the initramfs with these words, to its end, before anything else runs. */
static int run(int initramfs, const char *const words[]) {
  int program = openat(initramfs, "bin/busybox", O_RDONLY | O_CLOEXEC);
  if (program < 0) return errno;
  pid_t pid = fork();
  if (pid == 0) {
    char *const none[] = {NULL};
    /* The reason of a failure goes to the console. */
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (dup2(null, 1) == 1) fexecve(program, (char *const *)(uintptr_t)words, none);
    _exit(127);
  }
  int failed = pid < 0 ? errno : 0, status = 0;
  close(program);
  while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (failed != 0) return failed;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EIO;
}

/* One inode in so many bytes: at most 65 536 or so in all, whose tables, written out, are 8 MiB. */
static unsigned long long inode_ratio(const char *node) {
  const unsigned long long least = 8192, most_inodes = 65536;
  int fd = open(node, O_RDONLY | O_CLOEXEC);
  off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
  if (fd >= 0) close(fd);
  unsigned long long size = end > 0 ? (unsigned long long)end : 0;
  return size / most_inodes > least ? size / most_inodes : least;
}

/* ext2: there is no journal to keep for a disk that lives as long as the guest. */
int kv_disk_format(int initramfs, const char *serial, const char *on) {
  char node[300], ratio[32];
  if (!find(initramfs, serial, node, sizeof node)) return ENODEV;
  snprintf(ratio, sizeof ratio, "%llu", inode_ratio(node));
  const char *const words[] = {"mke2fs", "-F", "-m", "0", "-i", ratio, node, NULL};
  int failed = run(initramfs, words);
  if (failed != 0) return failed;
  kv_boot_modules(initramfs, "ext4");
  return mount(node, on, "ext4", MS_NODEV | MS_NOATIME, NULL) != 0 ? errno : 0;
}
