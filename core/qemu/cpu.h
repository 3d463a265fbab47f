/*
 * What the host's processor can do, asked of the processor itself.
 */
#ifndef KV_QEMU_CPU_H
#define KV_QEMU_CPU_H

#include <stdbool.h>

/* Whether it has AMD's or Intel's virtualisation. */
bool kv_cpu_has_virt(void);

/* Whether its time stamp counter runs at one rate in all states, alike on all processors. */
bool kv_cpu_has_steady_tsc(void);

#endif
