#define _GNU_SOURCE
#include "identity.h"

#include "text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static bool is_host_name(const char *name) {
  size_t length = strlen(name);
  return length > 0 && length <= KV_WIRE_HOST_NAME_MOST &&
         strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

static bool is_machine_id(const char *id) {
  return strlen(id) == KV_WIRE_MACHINE_ID && strspn(id, "0123456789abcdef") == KV_WIRE_MACHINE_ID;
}

bool kv_identity_parse(const struct kv_frame *frame, struct kv_identity_request *request) {
  struct kv_fields fields = kv_fields_of(frame);
  const uint8_t *time = kv_take_bytes(&fields, 8);
  request->time = time == NULL ? 0 : kv_get_u64(time);
  request->entropy = kv_take_bytes(&fields, KV_WIRE_ENTROPY);
  request->machine_id = kv_take_string(&fields);
  request->host_name = kv_take_string(&fields);
  return kv_fields_end(&fields) && is_machine_id(request->machine_id) &&
         is_host_name(request->host_name);
}

void kv_clock_set(const struct kv_agent *agent, uint64_t time, bool back) {
  const uint64_t second = 1000000000u;
  struct timespec now, set = {.tv_sec = (time_t)(time / second), .tv_nsec = (long)(time % second)};
  clock_gettime(CLOCK_REALTIME, &now);
  bool later = set.tv_sec > now.tv_sec || (set.tv_sec == now.tv_sec && set.tv_nsec > now.tv_nsec);
  /* Only a guest's: on a test's socket this would be the machine's own. */
  if (agent->is_init && (later || back) && clock_settime(CLOCK_REALTIME, &set) != 0)
    dprintf(2, "kavach agent: the time: %s\n", strerror(errno));
}

/* Gives the kernel's pool what is only known here and to the host, and has all random numbers that
 * come after be made of it (random(4); the kernel's drivers/char/random.c). */
static int stir(const uint8_t *entropy) {
  union {
    struct rand_pool_info info;
    uint8_t room[sizeof(struct rand_pool_info) + KV_WIRE_ENTROPY];
  } pool = {.info = {.entropy_count = 8 * KV_WIRE_ENTROPY, .buf_size = KV_WIRE_ENTROPY}};
  memcpy(pool.info.buf, entropy, KV_WIRE_ENTROPY);
  int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int failed = ioctl(fd, RNDADDENTROPY, &pool) != 0 || ioctl(fd, RNDRESEEDCRNG, 0) != 0 ? errno : 0;
  close(fd);
  explicit_bzero(&pool, sizeof pool);
  return failed;
}

/* In the guest image's own root nothing unforeseen stands in the way, and each step saved is time
 * in every copy of a saved guest. */
static int write_name(const struct kv_agent *agent, const char *path, const char *name) {
  char line[KV_WIRE_HOST_NAME_MOST + 2];
  snprintf(line, sizeof line, "%s\n", name);
  int failed = agent->set_up.rooted ? kv_text_replace(path, line)
                                    : kv_text_write(path, O_TRUNC | O_NOFOLLOW, line);
  return failed == ENOENT || failed == ENOTDIR ? 0 : failed;
}

int kv_identity_write(const struct kv_agent *agent, const char **what) {
  if (!agent->is_init || agent->host_name[0] == '\0') return 0;
  *what = "/etc/hostname";
  int failed = write_name(agent, *what, agent->host_name);
  if (failed != 0) return failed;
  *what = "/etc/machine-id";
  return write_name(agent, *what, agent->machine_id);
}

void kv_identity(struct kv_agent *agent, uint32_t id, const struct kv_identity_request *request) {
  const char *what = "the identity comes once, and before all else";
  int failed = agent->host_name[0] != '\0' || agent->set_up.begun || agent->set_up.rooted ||
                       agent->set_up.limited
                   ? EBUSY
                   : 0;
  if (failed == 0) {
    snprintf(agent->machine_id, sizeof agent->machine_id, "%s", request->machine_id);
    snprintf(agent->host_name, sizeof agent->host_name, "%s", request->host_name);
    if (request->time != 0) kv_clock_set(agent, request->time, true);
  }
  if (failed == 0 && agent->is_init) {
    what = "the random numbers";
    failed = stir(request->entropy);
  }
  if (failed == 0 && agent->is_init) {
    what = "the host name";
    failed = sethostname(agent->host_name, strlen(agent->host_name)) != 0 ? errno : 0;
  }
  if (failed == 0) failed = kv_identity_write(agent, &what);
  agent->set_up.saved &= failed != 0;
  agent->set_up.failed |= failed != 0;
  if (failed == 0)
    kv_send_done(agent, id, 0, 0);
  else
    kv_send_failed(agent, id, failed, what);
}
