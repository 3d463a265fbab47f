/*
 * sev-probe: prints the SNP status of the SEV firmware in hex, and exits with 0; or a line that
 * says why there is none, and exits with 1. A program of its own, since the firmware may take long.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/encode.h"
#include "qemu/sev_device.h"

enum { LAST_RESORT_SECONDS = 5 };

int main(void) {
  alarm(LAST_RESORT_SECONDS); /* in case nobody waits */
  uint8_t status[KV_SEV_STATUS_SIZE];
  char text[2 * KV_SEV_STATUS_SIZE + 1];
  kv_error error;
  if (kv_sev_snp_status(status, &error) < 0) {
    puts(error.message);
    return 1;
  }
  kv_hex_encode(status, sizeof status, text);
  puts(text);
  return 0;
}
