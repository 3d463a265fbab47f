/* Unix sockets by path, however long the path. Contract: stream.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "loop/stream.h"

enum { BACKLOG = 64 };

/* Fills *address. Where PATH does not fit, its directory is opened into *directory and stands in
 * the address as /proc/self/fd/N. */
static int address_of(const char *path, struct sockaddr_un *address, int *directory) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  *directory = -1;
  if (strlen(path) < sizeof address->sun_path) {
    strcpy(address->sun_path, path);
    return 0;
  }
  const char *slash = strrchr(path, '/');
  char parent[4096];
  if (!slash || (size_t)(slash - path) >= sizeof parent) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(parent, path, (size_t)(slash - path));
  parent[slash - path] = '\0';
  *directory = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (*directory < 0) return -1;
  int n = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d%s", *directory,
                   slash);
  if (n > 0 && (size_t)n < sizeof address->sun_path) return 0;
  close(*directory);
  errno = ENAMETOOLONG;
  return -1;
}

typedef int attach_function(int fd, const struct sockaddr_un *address);

static int unix_socket(const char *path, attach_function *attach, const char *verb, kv_error *e) {
  struct sockaddr_un address;
  int directory = -1;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int status = fd < 0 ? -1 : address_of(path, &address, &directory);
  if (status == 0) status = attach(fd, &address);
  int error = errno;
  if (directory >= 0) close(directory);
  if (status == 0) return fd;
  if (fd >= 0) close(fd);
  return kv_fail_errno(e, error, "cannot %s '%s'", verb, path);
}

/* The mode that the socket has before it is bound is the one that its file gets (unix_bind of the
 * kernel), so there is no moment at which others could connect. */
static int attach_listen(int fd, const struct sockaddr_un *address) {
  if (fchmod(fd, S_IRUSR | S_IWUSR) < 0) return -1;
  if (bind(fd, (const struct sockaddr *)address, sizeof *address) < 0) return -1;
  return listen(fd, BACKLOG);
}

static int attach_connect(int fd, const struct sockaddr_un *address) {
  return connect(fd, (const struct sockaddr *)address, sizeof *address);
}

int kv_unix_listen(const char *path, kv_error *e) {
  return unix_socket(path, attach_listen, "listen on", e);
}

int kv_unix_connect(const char *path, kv_error *e) {
  return unix_socket(path, attach_connect, "connect to", e);
}

int kv_unix_peer(int fd, pid_t *pid, uid_t *user) {
  struct ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return -1;
  *pid = peer.pid;
  *user = peer.uid;
  return 0;
}
