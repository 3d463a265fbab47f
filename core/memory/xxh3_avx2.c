#include "memory/xxh3_avx2.h"

/* Built with -mavx2, by which xxhash.h chooses its instructions: see core/CMakeLists.txt. */
#define XXH_INLINE_ALL
#include <xxhash.h>

void kv_xxh3_update_avx2(void *state, const void *bytes, size_t size) {
  XXH3_128bits_update(state, bytes, size);
}
