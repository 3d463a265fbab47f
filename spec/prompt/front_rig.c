/*
 * front_rig SOCKET FIFO PROGRAM WORDS…: becomes the program, with descriptor 3 connected to a unix
 * socket, where a spec is the session, and 4 a pipe that anybody can write to.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SESSION = 3, PRINTED = 4, PIPE_SIZE = 1 << 20 };

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -1;
  memcpy(address.sun_path, path, strlen(path));
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? fd : -1;
}

/* The descriptor under this number, which the next program has, too. */
static int give(int fd, int as) {
  if (fd < 0) return -1;
  return fd == as ? fcntl(fd, F_SETFD, 0) : dup2(fd, as);
}

int main(int argc, char **argv) {
  if (argc < 4) return 64;
  int session = connect_to(argv[1]);
  int printed = fcntl(open(argv[2], O_RDWR | O_CLOEXEC), F_DUPFD_CLOEXEC, PRINTED);
  fcntl(printed, F_SETPIPE_SZ, PIPE_SIZE);
  if (give(session, SESSION) < 0 || give(printed, PRINTED) < 0) {
    perror("front_rig");
    return 1;
  }
  execv(argv[3], argv + 3);
  perror(argv[3]);
  return 1;
}
