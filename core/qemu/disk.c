#include "qemu/disk.h"

#include <stdio.h>
#include <string.h>

/* VIRTIO_BLK_ID_BYTES of linux/virtio_blk.h. */
enum { SERIAL_MAX = 20 };

int kv_disk_check(const kv_disk *disk, kv_error *error) {
  size_t length = strlen(disk->serial);
  if (length == 0 || length > SERIAL_MAX ||
      strspn(disk->serial, "abcdefghijklmnopqrstuvwxyz0123456789") != length)
    return kv_fail(error, "invalid_argument",
                   "the serial number of a disk must be 1 to %d of a-z and 0-9: '%s'", SERIAL_MAX,
                   disk->serial);
  if (!*disk->path)
    return kv_fail(error, "invalid_argument", "the disk '%s' has an empty path", disk->serial);
  if (strcmp(disk->format, "raw") != 0 && strcmp(disk->format, "qcow2") != 0)
    return kv_fail(error, "invalid_argument", "the disk '%s' must be raw or qcow2, not '%s'",
                   disk->serial, disk->format);
  return 0;
}

/* A string of JSON. QEMU takes it for UTF-8; bytes that are none it refuses. */
static void add_string(kv_words *words, const char *text) {
  char one[8];
  kv_words_text(words, "\"");
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c < 0x20 || c == '"' || c == '\\')
      snprintf(one, sizeof one, "\\u%04x", c);
    else
      snprintf(one, sizeof one, "%c", c);
    kv_words_text(words, one);
  }
  kv_words_text(words, "\"");
}

void kv_disk_add(kv_words *words, const kv_disk *disk, const char *bus) {
  bool qcow2 = strcmp(disk->format, "qcow2") == 0;
  const char *readonly = disk->readonly ? "true" : "false";
  kv_words_add(words, "-blockdev");
  /* In JSON, which alone can say that there is no backing file, whatever the header has. */
  kv_words_text(words, "{\"driver\":");
  add_string(words, disk->format);
  kv_words_text(words, ",\"node-name\":");
  add_string(words, disk->serial);
  kv_words_text(words, ",\"read-only\":");
  kv_words_text(words, readonly);
  if (qcow2) kv_words_text(words, ",\"backing\":null");
  /* What a guest writes lives no longer than the guest: nobody needs it on the host's disk. */
  if (!disk->readonly) kv_words_text(words, ",\"cache\":{\"no-flush\":true}");
  kv_words_text(words, ",\"file\":{\"driver\":\"file\",\"read-only\":");
  kv_words_text(words, readonly);
  kv_words_text(words, ",\"filename\":");
  add_string(words, disk->path);
  kv_words_text(words, "}}");
  kv_words_end(words);
  kv_words_add(words, "-device");
  kv_words_text(words, "virtio-blk-");
  kv_words_text(words, bus);
  kv_words_text(words, ",drive=");
  kv_words_text(words, disk->serial);
  kv_words_text(words, ",serial=");
  kv_words_text(words, disk->serial);
  /* A host that has no room left is an error for the guest, not a guest that stands still. */
  kv_words_text(words, ",werror=report,rerror=report");
  kv_words_end(words);
}
