/*
 * XXH3 for processors with AVX2, which takes half the time. What a state holds does not depend on
 * the instructions that it was made with.
 */
#ifndef KV_MEMORY_XXH3_AVX2_H
#define KV_MEMORY_XXH3_AVX2_H

#include <stddef.h>

/* XXH3_128bits_update on a state of this version of xxhash.h. */
void kv_xxh3_update_avx2(void *state, const void *bytes, size_t size);

#endif
