/*
 * Memory of one policy VM: a region in which everything of its Lua state lies, so that an image of
 * the region, copied back, is the state as it was. Blocks of a size go into a list of that size
 * when they are freed; where a block comes from depends on nothing but what was asked before.
 */
#ifndef KV_RULES_ARENA_H
#define KV_RULES_ARENA_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct kv_arena {
  uint8_t *mapping; /* of `mapped` bytes; the region is the part of it that is aligned */
  size_t mapped;
  uint8_t *region; /* of `size` bytes; begins with a struct of its own */
  size_t size;
  uint8_t *image; /* NULL until there is one */
  size_t image_size;
} kv_arena;

/* Reserves `size` bytes. Returns 0, or -1 and *error. */
int kv_arena_open(kv_arena *a, size_t size, kv_error *error);
void kv_arena_close(kv_arena *a);

/* As realloc, where the old size is told: 0 where `block` is NULL. NULL if there is no room, and
 * then `block` is as it was; a smaller size always has room. A new size of 0 frees. */
void *kv_arena_realloc(kv_arena *a, void *block, size_t old_size, size_t new_size);

/* The most bytes that were in use since the image was taken, beyond those of the image. */
size_t kv_arena_peak(const kv_arena *a);

/* Keeps what the region holds. Returns 0, or -1 and *error. */
int kv_arena_keep(kv_arena *a, kv_error *error);

/* The region as it was kept. */
void kv_arena_restore(kv_arena *a);

#endif
