/*
 * The /init of a guest without an agent, which shows what the agent's port itself can do. It boots
 * as the agent does, by the same code, and then obeys single bytes:
 *
 *   e            sends it back
 *   x            runs `sh -c true` and sends how many nanoseconds that took, from before the fork
 *                to after the wait: a little-endian u64
 *   s, LINE, \n  runs `sh -c LINE` with the port as its standard output
 *   r, LINE, \n  the same with the port as its standard input; then sends a byte
 */
#define _GNU_SOURCE
#include "../../core/guest/boot.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void run(const char *line, int port, int as) {
  pid_t pid = fork();
  if (pid == 0) {
    if (port >= 0) dup2(port, as);
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(127);
  }
  waitpid(pid, NULL, 0);
}

static bool receive(int port, void *to, size_t size) {
  size_t have = 0;
  while (have < size) {
    ssize_t got = read(port, (char *)to + have, size - have);
    if (got <= 0) return false;
    have += (size_t)got;
  }
  return true;
}

static bool time_command(int port) {
  uint64_t begun = now();
  run("true", -1, 1);
  uint64_t taken = now() - begun;
  return write(port, &taken, sizeof taken) == sizeof taken;
}

static bool stream(int port, int as) {
  char line[256];
  size_t size = 0;
  do {
    if (size == sizeof line || !receive(port, line + size, 1)) return false;
  } while (line[size++] != '\n');
  line[size - 1] = '\0';
  run(line, port, as);
  return as == 1 || write(port, "r", 1) == 1;
}

static bool obey(int port) {
  char order;
  if (!receive(port, &order, 1)) return false;
  if (order == 'x') return time_command(port);
  if (order == 's') return stream(port, 1);
  if (order == 'r') return stream(port, 0);
  return write(port, &order, 1) == 1;
}

int main(void) {
  kv_boot_first();
  pid_t userland = kv_boot_userland();
  kv_boot_modules(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC), "base");
  int port = kv_boot_port("org.kavach.agent");
  waitpid(userland, NULL, 0);
  /* A program that writes to the port expects to wait there. */
  if (port >= 0 && fcntl(port, F_SETFL, 0) == 0)
    while (obey(port)) continue;
  kv_boot_power_off();
}
