#include "qemu/cpu.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <time.h>
#include <x86intrin.h>

/* AMD64 Architecture Programmer's Manual, volume 3, appendix E: Fn8000_0001 ECX bit 2 (SVM) and
 * Fn8000_0007 EDX bit 8 (TscInvariant). Intel SDM, volume 2, CPUID: Fn1 ECX bit 5 (VMX). */
static const unsigned INTEL_FEATURES = 1, AMD_FEATURES = 0x80000001, POWER_FEATURES = 0x80000007;
static const unsigned VMX = 1u << 5, SVM = 1u << 2, TSC_INVARIANT = 1u << 8;

bool kv_cpu_has_virt(void) {
  unsigned eax, ebx, ecx, edx;
  if (__get_cpuid(INTEL_FEATURES, &eax, &ebx, &ecx, &edx) && (ecx & VMX)) return true;
  return __get_cpuid(AMD_FEATURES, &eax, &ebx, &ecx, &edx) && (ecx & SVM);
}

/* Fn8000_001F EAX bits 1, 3 and 4; ECX: NumEncryptedGuests; EDX: MinSevNoEsAsid. */
static const unsigned ENCRYPTED_MEMORY = 0x8000001f, SEV = 1u << 1, SEV_ES = 1u << 3,
                      SEV_SNP = 1u << 4;

kv_cpu_sev kv_cpu_sev_features(void) {
  unsigned eax, ebx, ecx, edx;
  if (!__get_cpuid(ENCRYPTED_MEMORY, &eax, &ebx, &ecx, &edx)) return (kv_cpu_sev){0};
  return (kv_cpu_sev){.sev = (eax & SEV) != 0,
                      .sev_es = (eax & SEV_ES) != 0,
                      .snp = (eax & SEV_SNP) != 0,
                      .guests = ecx,
                      .sev_from = edx};
}

static bool has_steady_tsc(void) {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(POWER_FEATURES, &eax, &ebx, &ecx, &edx) && (edx & TSC_INVARIANT);
}

typedef struct moment {
  uint64_t ticks, ns;
} moment;

/* Counter and clock at one moment: of several readings the quickest, during which nothing else ran.
 */
static moment look(void) {
  moment best = {0, 0};
  uint64_t least = UINT64_MAX;
  for (int i = 0; i < 5; i++) {
    struct timespec now;
    uint64_t before = __rdtsc();
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t after = __rdtsc();
    if (after - before >= least) continue;
    least = after - before;
    best.ticks = before + least / 2;
    best.ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
  }
  return best;
}

uint32_t kv_cpu_tsc_khz(void) {
  if (!has_steady_tsc()) return 0;
  moment begun = look();
  nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
  moment ended = look();
  return (uint32_t)((ended.ticks - begun.ticks) * 1000000u / (ended.ns - begun.ns));
}

#else

bool kv_cpu_has_virt(void) { return false; }

kv_cpu_sev kv_cpu_sev_features(void) { return (kv_cpu_sev){0}; }

uint32_t kv_cpu_tsc_khz(void) { return 0; }

#endif
