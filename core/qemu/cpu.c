#include "qemu/cpu.h"

#if defined(__x86_64__)

#include <cpuid.h>

/* AMD64 Architecture Programmer's Manual, volume 3, appendix E: Fn8000_0001 ECX bit 2 (SVM) and
 * Fn8000_0007 EDX bit 8 (TscInvariant). Intel SDM, volume 2, CPUID: Fn1 ECX bit 5 (VMX). */
static const unsigned INTEL_FEATURES = 1, AMD_FEATURES = 0x80000001, POWER_FEATURES = 0x80000007;
static const unsigned VMX = 1u << 5, SVM = 1u << 2, TSC_INVARIANT = 1u << 8;

bool kv_cpu_has_virt(void) {
  unsigned eax, ebx, ecx, edx;
  if (__get_cpuid(INTEL_FEATURES, &eax, &ebx, &ecx, &edx) && (ecx & VMX)) return true;
  return __get_cpuid(AMD_FEATURES, &eax, &ebx, &ecx, &edx) && (ecx & SVM);
}

bool kv_cpu_has_steady_tsc(void) {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid(POWER_FEATURES, &eax, &ebx, &ecx, &edx) && (edx & TSC_INVARIANT);
}

#else

bool kv_cpu_has_virt(void) { return false; }

bool kv_cpu_has_steady_tsc(void) { return false; }

#endif
