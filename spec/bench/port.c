/*
 * port SOCKET
 *
 * The host's end of the port of a guest that runs bare.c. Listens at SOCKET for QEMU, and answers
 * each line on standard input by one with a number of nanoseconds:
 *
 *   echo           a byte to the guest and back
 *   spawn          `sh -c true` in the guest, by the guest's clock
 *   drain N LINE   N bytes that `sh -c LINE` writes to the port, read and dropped: from the order
 * to the last byte
 *   fill N FILE LINE   the first N bytes of FILE, written to the port, which `sh -c LINE` reads:
 * from the order to its end
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int accept_at(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (strlen(path) >= sizeof address.sun_path) return -1;
  memcpy(address.sun_path, path, strlen(path));
  if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1) != 0)
    return -1;
  puts("listening");
  return accept(listener, NULL, NULL);
}

static bool drop(int port, uint64_t count) {
  static char buffer[256 * 1024];
  while (count > 0) {
    ssize_t got = read(port, buffer, count < sizeof buffer ? (size_t)count : sizeof buffer);
    if (got <= 0) return false;
    count -= (uint64_t)got;
  }
  return true;
}

static bool send_file(int port, uint64_t count, const char *path) {
  static char buffer[256 * 1024];
  FILE *file = fopen(path, "rb");
  if (file == NULL) return false;
  setvbuf(file, NULL, _IONBF, 0);
  for (size_t got = 1; count > 0 && got > 0; count -= got) {
    got = fread(buffer, 1, count < sizeof buffer ? (size_t)count : sizeof buffer, file);
    for (size_t done = 0; done < got;) {
      ssize_t wrote = write(port, buffer + done, got - done);
      if (wrote <= 0) {
        fclose(file);
        return false;
      }
      done += (size_t)wrote;
    }
  }
  fclose(file);
  return count == 0;
}

static bool fill(int port, const char *line) {
  char order[256], path[200];
  uint64_t count;
  int skip = 0;
  if (sscanf(line, "fill %" SCNu64 " %199s %n", &count, path, &skip) != 2) return false;
  int size = snprintf(order, sizeof order, "r%s", line + skip);
  return write(port, order, (size_t)size) == size && send_file(port, count, path) &&
         read(port, order, 1) == 1;
}

static bool answer(int port, const char *line) {
  uint64_t begun = now(), taken;
  char order[256] = "e";
  uint64_t count;
  int skip = 0;
  if (sscanf(line, "drain %" SCNu64 " %n", &count, &skip) == 1) {
    int size = snprintf(order, sizeof order, "s%s", line + skip);
    if (write(port, order, (size_t)size) != size || !drop(port, count)) return false;
    taken = now() - begun;
  } else if (strncmp(line, "fill", 4) == 0) {
    if (!fill(port, line)) return false;
    taken = now() - begun;
  } else if (strncmp(line, "spawn", 5) == 0) {
    if (write(port, "x", 1) != 1 || read(port, &taken, sizeof taken) != sizeof taken) return false;
  } else {
    if (write(port, order, 1) != 1 || read(port, order, 1) != 1) return false;
    taken = now() - begun;
  }
  printf("%" PRIu64 "\n", taken);
  return true;
}

int main(int argc, char **argv) {
  char line[250];
  setvbuf(stdout, NULL, _IOLBF, 0);
  int port = argc == 2 ? accept_at(argv[1]) : -1;
  if (port < 0) {
    perror(argc == 2 ? argv[1] : "usage: port SOCKET");
    return 1;
  }
  while (fgets(line, sizeof line, stdin) != NULL)
    if (!answer(port, line)) return 1;
  return 0;
}
