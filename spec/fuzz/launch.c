/* Whatever a path contains, it stays one value of one option: read as QEMU reads it, the option of
 * a share gives back the path and nothing else. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "qemu/launch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char BEFORE[] = "local,path=";
static const char AFTER[] = ",mount_tag=t,security_model=none,readonly=on";

/* Undoes the escaping up to the value's end. Returns what follows, or aborts if it is not PATH. */
static const char *read_value(const char *option, const char *path) {
  for (; *option; option++) {
    if (*option == ',' && *++option != ',') {
      option--;
      break;
    }
    if (*option != *path++) abort();
  }
  if (*path) abort();
  return option;
}

static void check_share(const kv_argv *argv, const char *path) {
  const char *option = argv->items[argv->count - 1];
  if (strcmp(argv->items[argv->count - 2], "-virtfs") != 0) abort();
  if (strncmp(option, BEFORE, sizeof BEFORE - 1) != 0) abort();
  if (strcmp(read_value(option + sizeof BEFORE - 1, path), AFTER) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *path = malloc(size + 1);
  if (!path) return 0;
  if (size) memcpy(path, data, size);
  path[size] = '\0';
  kv_share share = {.tag = "t", .path = path, .readonly = true};
  kv_launch launch = {.qemu = path,
                      .cpus = 1,
                      .memory_mb = 64,
                      .kernel = "k",
                      .append = path,
                      .agent_socket = path,
                      .shares = &share,
                      .share_count = 1};
  kv_error error;
  kv_argv argv;
  if (kv_launch_argv(&launch, &argv, &error) == 0) {
    check_share(&argv, path);
    kv_argv_free(&argv);
  }
  free(path);
  return 0;
}
