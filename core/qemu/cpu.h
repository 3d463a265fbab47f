/*
 * What the host's processor can do, asked of the processor itself.
 */
#ifndef KV_QEMU_CPU_H
#define KV_QEMU_CPU_H

#include <stdbool.h>
#include <stdint.h>

/* Whether it has AMD's or Intel's virtualisation. */
bool kv_cpu_has_virt(void);

/* The rate of its time stamp counter in kHz, measured against the clock in two milliseconds; 0 if
 * it does not run at one rate in all states, alike on all processors. */
uint32_t kv_cpu_tsc_khz(void);

#endif
