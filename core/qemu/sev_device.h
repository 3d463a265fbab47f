/*
 * What the SEV firmware says of itself, asked through /dev/sev.
 */
#ifndef KV_QEMU_SEV_DEVICE_H
#define KV_QEMU_SEV_DEVICE_H

#include <stdint.h>

#include "base/error.h"

/* struct sev_user_data_snp_status of the kernel's include/uapi/linux/psp-sev.h, which is STRUCT
 * SNP_PLATFORM_STATUS of AMD 56860. */
enum { KV_SEV_STATUS_SIZE = 32 };

/* Has the firmware write its SNP status to `status`. The firmware may take long, and may be brought
 * up for it: call it in a process of its own, with a timeout. Returns 0, or -1 and *error
 * (`backend_unavailable`). */
int kv_sev_snp_status(uint8_t status[KV_SEV_STATUS_SIZE], kv_error *error);

#endif
