/*
 * pty COLUMNS ROWS PROGRAM [ARG…]: runs a program on a terminal of its own. What comes on standard
 * input is typed there, and what is printed there goes to standard output, byte for byte. Ends with
 * the program's exit code, or 128 and the number of the signal that ended it. When standard input
 * ends the terminal is closed.
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void write_all(int fd, const char *bytes, ssize_t count) {
  while (count > 0) {
    ssize_t n = write(fd, bytes, (size_t)count);
    if (n < 0 && errno != EINTR) exit(1);
    if (n > 0) bytes += n, count -= n;
  }
}

/* What is typed must not keep what is printed from being read: a terminal takes a page or so. */
static void relay(int terminal) {
  static char typed[1 << 16], printed[1 << 16];
  ssize_t from = 0, to = 0;
  for (;;) {
    struct pollfd asked[] = {{to == from ? STDIN_FILENO : -1, POLLIN, 0},
                             {terminal, (short)(POLLIN | (to > from ? POLLOUT : 0)), 0}};
    if (poll(asked, 2, -1) < 0) continue;
    if (asked[0].revents) {
      from = 0;
      to = read(STDIN_FILENO, typed, sizeof typed);
      if (to <= 0) return;
    }
    if (asked[1].revents & POLLOUT) {
      ssize_t n = write(terminal, typed + from, (size_t)(to - from > 1024 ? 1024 : to - from));
      if (n > 0) from += n;
    }
    if (asked[1].revents & (POLLIN | POLLHUP)) {
      ssize_t n = read(terminal, printed, sizeof printed);
      if (n <= 0) return; /* the last who had it open has ended */
      write_all(STDOUT_FILENO, printed, n);
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 4) return 64;
  struct winsize size = {.ws_col = (unsigned short)atoi(argv[1]),
                         .ws_row = (unsigned short)atoi(argv[2])};
  int terminal;
  pid_t pid = forkpty(&terminal, NULL, NULL, &size);
  if (pid < 0) return 1;
  if (pid == 0) {
    execvp(argv[3], argv + 3);
    perror(argv[3]);
    _exit(127);
  }
  relay(terminal);
  close(terminal);
  int status;
  while (waitpid(pid, &status, 0) < 0) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
