/* Whatever a path contains, it stays one value of one option: read as QEMU reads it, the option of
 * a share, or of a disk, gives back the path and nothing else. What an SEV-SNP guest is launched
 * with is refused, or a value as well. */
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

/* The word behind an option; `which` counts from 0. */
static const char *word_behind(const kv_argv *argv, const char *option, int which) {
  for (size_t i = 1; i + 1 < argv->count; i++)
    if (strcmp(argv->items[i], option) == 0 && which-- == 0) return argv->items[i + 1];
  abort();
}

static void expect(bool fine) {
  if (!fine) abort();
}

static void check_plain(const kv_launch *launch, const char *path) {
  kv_error error;
  kv_argv argv;
  if (kv_launch_argv(launch, &argv, &error) < 0) return;
  check_share(&argv, path);
  kv_argv_free(&argv);
}

/* The same text as firmware, as the model of the processors, and as bytes of the guest's object. */
static void check_snp(kv_launch launch, const char *path) {
  static const char OBJECT[] =
      "sev-snp-guest,id=sev0,policy=0x30000,cbitpos=51,reduced-phys-bits=1,kernel-hashes=on";
  kv_error error;
  kv_argv argv;
  launch.backend = KV_BACKEND_SEV_SNP;
  launch.snp = (kv_launch_snp){.policy = 0x30000, .cbit = 51, .firmware = path};
  if (kv_launch_argv(&launch, &argv, &error) == 0) {
    expect(strcmp(word_behind(&argv, "-bios", 0), path) == 0);
    expect(strcmp(word_behind(&argv, "-object", 1), OBJECT) == 0);
    kv_argv_free(&argv);
  }
  launch.snp.firmware = "f";
  launch.snp.cpu = path;
  if (kv_launch_argv(&launch, &argv, &error) == 0) {
    expect(strcmp(word_behind(&argv, "-cpu", 0), path) == 0 && strchr(path, ',') == NULL);
    kv_argv_free(&argv);
  }
  launch.snp.cpu = NULL;
  launch.snp.host_data = path;
  if (kv_launch_argv(&launch, &argv, &error) == 0) {
    const char *value = word_behind(&argv, "-object", 1) + sizeof OBJECT - 1;
    expect(strncmp(value, ",host-data=", 11) == 0 && strcmp(value + 11, path) == 0);
    expect(strlen(path) == 44 && strchr(path, ',') == NULL);
    kv_argv_free(&argv);
  }
}

static const char NODE[] = "{\"driver\":\"raw\",\"node-name\":\"d\",\"read-only\":true,"
                           "\"file\":{\"driver\":\"file\",\"read-only\":true,\"filename\":\"";

/* The string goes up to the first quote that is not written as an escape. */
static void check_disk(const kv_argv *argv, const char *path) {
  const char *at = argv->items[argv->count - 3];
  if (strcmp(argv->items[argv->count - 4], "-blockdev") != 0) abort();
  if (strncmp(at, NODE, sizeof NODE - 1) != 0) abort();
  for (at += sizeof NODE - 1; *at && *at != '"'; at++) {
    char byte = *at;
    if ((unsigned char)byte < ' ') abort();
    if (byte == '\\') {
      char digits[5] = {0};
      if (strncmp(at, "\\u00", 4) != 0) abort();
      strncpy(digits, at + 2, 4);
      byte = (char)strtoul(digits, NULL, 16);
      at += 5;
    }
    if (byte != *path++) abort();
  }
  if (*path || strcmp(at, "\"}}") != 0) abort();
}

static void check_as_disk(const char *path) {
  kv_error error;
  kv_argv argv;
  kv_disk disk = {.serial = "d", .path = path, .format = "raw", .readonly = true};
  kv_launch launch = {
      .qemu = "q", .cpus = 1, .memory_mb = 64, .kernel = "k", .disks = &disk, .disk_count = 1};
  if (kv_launch_argv(&launch, &argv, &error) == 0) {
    check_disk(&argv, path);
    kv_argv_free(&argv);
  } else {
    expect(!*path);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *path = malloc(size + 1);
  if (!path) return 0;
  if (size) memcpy(path, data, size);
  path[size] = '\0';
  kv_share share = {.tag = "t", .path = path, .readonly = true};
  kv_launch launch = {.qemu = "q",
                      .cpus = 1,
                      .memory_mb = 64,
                      .kernel = "k",
                      .append = "a",
                      .agent_socket = "s",
                      .shares = &share,
                      .share_count = 1};
  check_snp(launch, path);
  launch.qemu = launch.append = launch.agent_socket = path;
  check_plain(&launch, path);
  check_as_disk(path);
  free(path);
  return 0;
}
