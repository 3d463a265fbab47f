#include "snp/cbit.h"

#if defined(__x86_64__)

#include <cpuid.h>

static const unsigned ENCRYPTED_MEMORY = 0x8000001f, SEV = 1u << 1, POSITION = 0x3f;

int kv_cbit_position(void) {
  unsigned eax, ebx, ecx, edx;
  if (__get_cpuid(ENCRYPTED_MEMORY, &eax, &ebx, &ecx, &edx) && (eax & SEV) && (ebx & POSITION))
    return (int)(ebx & POSITION);
  return KV_CBIT_USUAL;
}

#else

int kv_cbit_position(void) { return KV_CBIT_USUAL; }

#endif
