#include "qemu/sev_device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEVICE "/dev/sev"

/* include/uapi/linux/psp-sev.h of Linux 6.11; older headers lack the command. */
typedef struct __attribute__((packed)) issue_cmd {
  uint32_t cmd;
  uint64_t data;
  uint32_t error; /* the firmware's, if it refused */
} issue_cmd;

#define ISSUE_CMD _IOWR('S', 0x0, issue_cmd)

enum { SNP_PLATFORM_STATUS = 9 };

static int fail(kv_error *error, const char *what, int number, unsigned firmware) {
  if (firmware)
    return kv_fail(error, "backend_unavailable", DEVICE ": %s: %s (the firmware says 0x%x)", what,
                   strerror(number), firmware);
  return kv_fail(error, "backend_unavailable", DEVICE ": %s%s%s", what, *what ? ": " : "",
                 strerror(number));
}

int kv_sev_snp_status(uint8_t status[KV_SEV_STATUS_SIZE], kv_error *error) {
  int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
  if (fd < 0) return fail(error, "", errno, 0);
  issue_cmd command = {.cmd = SNP_PLATFORM_STATUS, .data = (uint64_t)(uintptr_t)status};
  memset(status, 0, KV_SEV_STATUS_SIZE);
  int failed = ioctl(fd, ISSUE_CMD, &command) < 0 ? errno : 0;
  close(fd);
  return failed ? fail(error, "its SNP status", failed, command.error) : 0;
}
