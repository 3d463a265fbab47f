/*
 * What the host's processor can do, asked of the processor itself.
 */
#ifndef KV_QEMU_CPU_H
#define KV_QEMU_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* Whether it has AMD's or Intel's virtualisation. */
bool kv_cpu_has_virt(void);

/* Memory encryption for guests: AMD64 APM volume 3, appendix E, Fn8000_001F. */
typedef struct kv_cpu_sev {
  bool sev, sev_es, snp;
  uint32_t guests;   /* how many can be encrypted at once */
  uint32_t sev_from; /* numbers (ASIDs) below this one are for SEV-ES and SEV-SNP guests */
} kv_cpu_sev;

kv_cpu_sev kv_cpu_sev_features(void);

/* The rate of its time stamp counter in kHz, measured against the clock in two milliseconds; 0 if
 * it does not run at one rate in all states, alike on all processors. */
uint32_t kv_cpu_tsc_khz(void);

#endif
