/* Channels that put or get a file, and MOUNT. */
#define _GNU_SOURCE
#include "agent.h"
#include "boot.h"
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/* The most that the driver takes, and the fewest round trips: PAGE_SIZE * (VIRTQUEUE_NUM - 3) in
 * the kernel's net/9p/trans_virtio.c. cache=mmap: files are read afresh, but may be mapped. */
#define SHARE_OPTIONS "trans=virtio,version=9p2000.L,msize=512000,cache=mmap"

/* Beside the file, so that rename replaces it in one step: PATH's folder, "/.kavach-CHANNEL". */
static char *name_beside(const char *path, uint32_t id) {
  const char *slash = strrchr(path, '/');
  int folder = slash == NULL ? 0 : (int)(slash - path) + 1;
  size_t size = (size_t)folder + 32;
  char *name = malloc(size);
  if (name != NULL) snprintf(name, size, "%.*s.kavach-%u", folder, path, (unsigned)id);
  return name;
}

/* What rename would replace must be a file (or a link): not a device, not a folder. */
static int replaceable(const char *path) {
  struct stat status;
  if (lstat(path, &status) != 0) return errno == ENOENT ? 0 : errno;
  if (S_ISREG(status.st_mode) || S_ISLNK(status.st_mode)) return 0;
  return S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
}

void kv_put_start(struct kv_agent *agent, uint32_t id, const struct kv_put_request *request) {
  struct kv_channel *channel = kv_channel_take(agent, id, KV_CHANNEL_PUT);
  if (channel == NULL) {
    kv_send_failed(agent, id, EAGAIN, "too many requests at once");
    return;
  }
  channel->mode = request->mode;
  channel->path = strdup(request->path);
  channel->temporary = name_beside(request->path, id);
  int fd = -1;
  errno = replaceable(request->path);
  if (errno == 0 && channel->path != NULL && channel->temporary != NULL)
    fd = open(channel->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd >= 0) {
    kv_sink_open(&channel->in, fd, false, KV_WIRE_PUT_WINDOW);
    return;
  }
  int failed = errno;
  free(channel->temporary); /* it is not ours to remove */
  channel->temporary = NULL;
  kv_send_failed(agent, id, failed, request->path);
  kv_channel_drop(agent, channel);
}

/* All has come, or nothing more can be written: puts the file in place, or removes what there
 * is of it. */
void kv_put_settle(struct kv_agent *agent, struct kv_channel *channel) {
  if (channel->in.fd >= 0 || !kv_port_takes(&agent->port, KV_WIRE_HEADER + 8192)) return;
  struct stat status = {0};
  int failed = channel->in.error;
  if (failed == 0 && (stat(channel->temporary, &status) != 0 ||
                      chmod(channel->temporary, (mode_t)channel->mode) != 0 ||
                      rename(channel->temporary, channel->path) != 0))
    failed = errno;
  if (failed == 0) {
    free(channel->temporary);
    channel->temporary = NULL;
    kv_send_done(agent, channel->id, channel->mode, (uint64_t)status.st_size);
  } else {
    kv_send_failed(agent, channel->id, failed, channel->path);
  }
  kv_channel_drop(agent, channel);
}

/* Opens a file to be read, and nothing else: its descriptor, or a negative errno. */
static int open_regular(const char *path, uint32_t *mode) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return -errno;
  struct stat status;
  int failed = fstat(fd, &status) != 0 ? errno : 0;
  if (failed == 0 && S_ISREG(status.st_mode)) {
    *mode = status.st_mode & 07777;
    return fd;
  }
  close(fd);
  if (failed != 0) return -failed;
  return S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL;
}

void kv_get_start(struct kv_agent *agent, uint32_t id, const struct kv_get_request *request) {
  struct kv_channel *channel = kv_channel_take(agent, id, KV_CHANNEL_GET);
  if (channel == NULL) {
    kv_send_failed(agent, id, EAGAIN, "too many requests at once");
    return;
  }
  int fd = open_regular(request->path, &channel->mode);
  channel->path = strdup(request->path);
  if (fd >= 0 && channel->path != NULL) {
    kv_outflow_open(&channel->out[0], fd, KV_SOURCE_FILE, KV_WIRE_STDOUT, request->credit);
    return;
  }
  if (fd >= 0) close(fd);
  kv_send_failed(agent, id, fd < 0 ? -fd : ENOMEM, request->path);
  kv_channel_drop(agent, channel);
}

void kv_get_settle(struct kv_agent *agent, struct kv_channel *channel) {
  struct kv_outflow *stream = &channel->out[0];
  if (stream->fd >= 0 && stream->credit == 0) kv_outflow_look(stream);
  if (stream->fd >= 0 || !kv_port_takes(&agent->port, KV_WIRE_HEADER + 8192)) return;
  if (stream->error == 0)
    kv_send_done(agent, channel->id, channel->mode, stream->sent);
  else
    kv_send_failed(agent, channel->id, stream->error, channel->path);
  kv_channel_drop(agent, channel);
}

void kv_file_abort(struct kv_agent *agent, struct kv_channel *channel) {
  kv_send_failed(agent, channel->id, ECANCELED, channel->path);
  kv_channel_drop(agent, channel);
}

/* mkdir -p. Works on a copy that it cuts at each "/" in turn. */
static int make_folders(const char *path) {
  char copy[4096];
  if (strlen(path) >= sizeof copy) return ENAMETOOLONG;
  strcpy(copy, path);
  for (char *at = copy + 1; copy[0] != '\0'; at++) {
    if (*at != '/' && *at != '\0') continue;
    bool last = *at == '\0';
    *at = '\0';
    if (mkdir(copy, 0755) != 0 && errno != EEXIST) return errno;
    if (last) return 0;
    *at = '/';
  }
  return ENOENT;
}

void kv_mount(struct kv_agent *agent, uint32_t id, const struct kv_mount_request *request) {
  if (agent->is_init && !agent->shares_loaded) kv_boot_modules(agent->initramfs, "9p");
  agent->shares_loaded = true;
  unsigned long flags = MS_NOSUID | MS_NODEV | ((request->flags & 1) != 0 ? MS_RDONLY : 0);
  int failed = make_folders(request->target);
  if (failed == 0 && mount(request->tag, request->target, "9p", flags, SHARE_OPTIONS) != 0)
    failed = errno;
  if (failed == 0) {
    kv_send_done(agent, id, 0, 0);
    return;
  }
  agent->set_up.failed = true;
  char what[4096];
  snprintf(what, sizeof what, "mounting %s on %s", request->tag, request->target);
  kv_send_failed(agent, id, failed, what);
}
