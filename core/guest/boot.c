#define _GNU_SOURCE
#include "boot.h"

#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define ORDER "lib/modules/order"
#define PORTS "/sys/class/virtio-ports"
#define PORT_WAIT_MS 10000
#define PORT_LOOK_NS 300000 /* between two looks for the port */

struct file_system {
  const char *type, *on, *options;
  unsigned long flags;
};

static void mount_one(const struct file_system *fs) {
  if (mkdir(fs->on, 0755) != 0 && errno != EEXIST && errno != EROFS)
    dprintf(2, "kavach agent: %s: %s\n", fs->on, strerror(errno));
  /* EBUSY: an image's own init, or the kernel, was here first. */
  if (mount(fs->type, fs->on, fs->type, fs->flags, fs->options) != 0 && errno != EBUSY)
    dprintf(2, "kavach agent: mounting %s: %s\n", fs->on, strerror(errno));
}

static void put_at(int fd, int at) {
  if (fd < 0 || fd == at) return;
  dup2(fd, at);
  if (fd > 2) close(fd);
}

void kv_boot_first(void) {
  static const struct file_system needed[] = {
      {"devtmpfs", "/dev", "mode=0755", MS_NOSUID},
      {"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
  };
  umask(022);
  mount_one(&needed[0]);
  put_at(open("/dev/null", O_RDONLY), 0);
  put_at(open("/dev/console", O_WRONLY | O_NOCTTY), 1);
  if (dup2(1, 2) != 2) put_at(open("/dev/null", O_WRONLY), 2);
  mount_one(&needed[1]);
  if (chdir("/") != 0) dprintf(2, "kavach agent: no root folder\n");
}

static void loopback_up(void) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  if (ioctl(fd, SIOCSIFFLAGS, &request) != 0)
    dprintf(2, "kavach agent: loopback: %s\n", strerror(errno));
  close(fd);
}

static void dev_links(void) {
  static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                         {"/proc/self/fd/0", "/dev/stdin"},
                                         {"/proc/self/fd/1", "/dev/stdout"},
                                         {"/proc/self/fd/2", "/dev/stderr"}};
  for (size_t i = 0; i < sizeof links / sizeof *links; i++)
    if (symlink(links[i][0], links[i][1]) != 0 && errno != EEXIST)
      dprintf(2, "kavach agent: %s: %s\n", links[i][1], strerror(errno));
}

static void userland(void) {
  /* Sizes are shares of the memory. What all commands keep in them is bounded once more, with
   * the rest of what they use, by their control group. nsdelegate: who makes a name space for
   * groups cannot move into it what is outside, the agent for one. */
  static const struct file_system rest[] = {
      {"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
      {"cgroup2", KV_BOOT_CGROUPS, "nsdelegate", MS_NOSUID | MS_NODEV | MS_NOEXEC},
      {"devpts", "/dev/pts", "mode=0620,ptmxmode=0666,gid=5", MS_NOSUID | MS_NOEXEC},
      {"tmpfs", "/dev/shm", "mode=1777,size=20%", MS_NOSUID | MS_NODEV},
      {"tmpfs", "/run", "mode=0755,size=10%", MS_NOSUID | MS_NODEV},
      {"tmpfs", "/tmp", "mode=1777,size=50%", MS_NOSUID | MS_NODEV},
  };
  for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) mount_one(&rest[i]);
  dev_links();
  if (sethostname("kavach", 6) != 0) dprintf(2, "kavach agent: host name: %s\n", strerror(errno));
  loopback_up();
  int failed = kv_cgroups_prepare(KV_BOOT_CGROUPS, true);
  if (failed != 0) dprintf(2, "kavach agent: control groups: %s\n", strerror(-failed));
}

pid_t kv_boot_userland(void) {
  pid_t pid = fork();
  if (pid > 0) return pid;
  userland();
  if (pid == 0) _exit(0);
  return -1;
}

static bool load(int initramfs, const char *path) {
  int fd = openat(initramfs, path + strspn(path, "/"), O_RDONLY | O_CLOEXEC);
  int failed = fd < 0 || (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST) ? errno : 0;
  if (failed != 0) dprintf(2, "kavach agent: module %s: %s\n", path, strerror(failed));
  if (fd >= 0) close(fd);
  return failed == 0;
}

int kv_boot_modules(int initramfs, const char *set) {
  char text[16384];
  int fd = openat(initramfs, ORDER, O_RDONLY | O_CLOEXEC);
  ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  if (got < 0) return 0;
  text[got] = '\0';
  int failed = 0;
  bool wanted = false;
  char *rest = NULL;
  for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    if (strncmp(line, "set ", 4) == 0)
      wanted = strcmp(line + 4, set) == 0;
    else if (wanted && line[0] == '/')
      failed += !load(initramfs, line);
  }
  return failed;
}

/* The port's node in /dev, if it is there and has the name. */
static int open_named(const char *name) {
  DIR *ports = opendir(PORTS);
  int found = -1;
  for (struct dirent *entry; ports != NULL && found < 0 && (entry = readdir(ports)) != NULL;) {
    char path[320], text[64];
    snprintf(path, sizeof path, PORTS "/%s/name", entry->d_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) continue;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (strcmp(text, name) != 0) continue;
    snprintf(path, sizeof path, "/dev/%s", entry->d_name);
    found = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  }
  if (ports != NULL) closedir(ports);
  return found;
}

/* A host that has not opened its end yet looks like one that has closed it. */
static bool host_is_there(int fd) {
  struct pollfd port = {.fd = fd, .events = POLLIN};
  return poll(&port, 1, 0) >= 0 && (port.revents & POLLHUP) == 0;
}

int kv_boot_port(const char *name) {
  struct timespec start, now;
  clock_gettime(CLOCK_MONOTONIC, &start);
  int fd = -1;
  do {
    if (fd < 0) fd = open_named(name);
    if (fd >= 0 && host_is_there(fd)) return fd;
    nanosleep(&(struct timespec){.tv_nsec = PORT_LOOK_NS}, NULL);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 <
           PORT_WAIT_MS);
  const char *missing = fd >= 0                    ? "the host has not opened its end"
                        : access(PORTS, F_OK) != 0 ? "the virtio_console driver is not there"
                                                   : "the driver has no port of that name";
  dprintf(2, "kavach agent: virtio-serial port \"%s\": %s\n", name, missing);
  return -1;
}

_Noreturn void kv_boot_power_off(void) {
  kill(-1, SIGKILL);
  sync();
  reboot(RB_POWER_OFF);
  for (;;) pause();
}
