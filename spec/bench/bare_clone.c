/*
 * bare_clone MEMORY STATE WORD... -- QEMU [ARG...]
 *
 * Starts QEMU as a clone of the template in the files MEMORY and STATE, runs one command in it, and
 * kills it: what a clone costs with nothing around it. QEMU's command line is kavach's own for a
 * clone; the frames are core/guest/wire.h's, all sent ahead.
 */
#define _GNU_SOURCE
#include "../../core/guest/wire.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint8_t frames[65536];
static size_t used;

static void put(const void *bytes, size_t size) {
  memcpy(frames + used, bytes, size);
  used += size;
}

static void put_u32(uint32_t value) { put(&value, sizeof value); } /* x86 is little-endian */

static void head(uint32_t length, uint32_t channel, uint32_t type) {
  put_u32(length), put_u32(channel), put_u32(type);
}

static void greet(void) {
  static const char names[] = "0123456789abcdef0123456789abcdef\0bare";
  uint8_t entropy[KV_WIRE_ENTROPY];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  uint64_t time = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
  if (getrandom(entropy, sizeof entropy, 0) != (ssize_t)sizeof entropy) exit(1);
  head(4, 0, KV_WIRE_HELLO), put_u32(KV_WIRE_VERSION);
  head(8 + KV_WIRE_ENTROPY + sizeof names, 1, KV_WIRE_IDENTITY);
  put(&time, 8), put(entropy, sizeof entropy), put(names, sizeof names);
}

static void command(char **words, uint32_t count) {
  size_t begun = used;
  head(0, 2, KV_WIRE_EXEC);
  put_u32(0), put_u32(1 << 16), put_u32(1 << 16), put_u32(0), put_u32(count), put_u32(0);
  put("\0", 2);
  for (uint32_t i = 0; i < count; i++) put(words[i], strlen(words[i]) + 1);
  uint32_t length = (uint32_t)(used - begun - KV_WIRE_HEADER);
  memcpy(frames + begun, &length, 4);
}

static int listen_at(const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strcpy(address.sun_path, name);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (void *)&address, sizeof address) != 0 || listen(fd, 1) != 0) exit(1);
  return fd;
}

static void read_all(int fd, uint8_t *to, size_t size) {
  for (ssize_t got; size > 0; to += got, size -= (size_t)got)
    if ((got = read(fd, to, size)) <= 0) exit(1);
}

/* Until EXIT of the command; its code. */
static int listen_to(int agent) {
  static uint8_t payload[KV_WIRE_MAX];
  for (;;) {
    uint32_t header[3], code;
    read_all(agent, (uint8_t *)header, sizeof header);
    read_all(agent, payload, header[0]);
    if ((header[2] & 255) == KV_WIRE_FAILED) return 1;
    memcpy(&code, payload, sizeof code);
    if ((header[2] & 255) == KV_WIRE_EXIT) return (int)code;
  }
}

int main(int argc, char **argv) {
  static const char restore[] =
      "{\"execute\":\"qmp_capabilities\"}{\"execute\":\"migrate-set-capabilities\",\"arguments\":"
      "{\"capabilities\":[{\"capability\":\"x-ignore-shared\",\"state\":true}]}}"
      "{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"fd:4\"}}\n";
  char folder[] = "/tmp/bare-clone-XXXXXX";
  int at = 3;
  while (at < argc && strcmp(argv[at], "--") != 0) at++;
  if (at + 1 >= argc) return 64;
  int memory = open(argv[1], O_RDONLY), state = open(argv[2], O_RDONLY);
  if (memory < 0 || state < 0 || !mkdtemp(folder) || chdir(folder) != 0) return 1;
  int agents = listen_at("agent.sock"), monitors = listen_at("qmp.sock");
  pid_t qemu = vfork();
  if (qemu == 0) {
    int null = open("/dev/null", O_RDWR);
    if (dup2(memory, 13) != 13 || dup2(state, 14) != 14 || dup2(13, 3) != 3 || dup2(14, 4) != 4 ||
        dup2(null, 0) != 0 || dup2(null, 1) != 1)
      _exit(126);
    execv(argv[at + 1], argv + at + 1);
    _exit(127);
  }
  greet();
  command(argv + 3, (uint32_t)(at - 3));
  int agent = accept(agents, NULL, NULL), monitor = accept(monitors, NULL, NULL);
  if (write(agent, frames, used) != (ssize_t)used ||
      write(monitor, restore, sizeof restore - 1) != (ssize_t)sizeof restore - 1)
    return 1;
  int code = listen_to(agent);
  kill(qemu, SIGKILL);
  waitpid(qemu, NULL, 0);
  unlink("agent.sock"), unlink("qmp.sock");
  return chdir("/") != 0 || rmdir(folder) != 0 ? 1 : code;
}
