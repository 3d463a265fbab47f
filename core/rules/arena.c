#define _GNU_SOURCE
#include "rules/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Up to SMALL_MAX, a class for each multiple of STEP; beyond, four for each doubling. */
enum { STEP = 16, SMALL_MAX = 1024, SMALL = SMALL_MAX / STEP, LARGE = 4 * 30 };

/* More than this above the image is given back to the system when it is restored. */
enum { SLACK = 1 << 20 };

enum { HUGE_PAGE = 2 << 20 }; /* of x86-64, and of arm64 with pages of 4 KiB */

typedef struct block {
  struct block *next;
} block;

/* What stands at the beginning of the region: it is part of the image. */
typedef struct head {
  size_t top, used, base, peak; /* `used` was `base` when the image was taken */
  block *free[SMALL + LARGE];
} head;

static head *head_of(const kv_arena *a) { return (head *)(void *)a->region; }

/* The class of a size, which becomes that of the class. */
static size_t class_of(size_t *size) {
  if (*size <= SMALL_MAX) {
    size_t class = (*size + STEP - 1) / STEP;
    *size = class * STEP;
    return class - 1;
  }
  unsigned doubling = 63U - (unsigned)__builtin_clzll((unsigned long long)*size - 1);
  size_t quarter = (size_t)1 << (doubling - 2);
  size_t quarters = (*size + quarter - 1) / quarter; /* 5 to 8 of them */
  *size = quarters * quarter;
  return SMALL + 4 * (doubling - 10) + (quarters - 5);
}

int kv_arena_open(kv_arena *a, size_t size, kv_error *error) {
  *a = (kv_arena){0};
  size_t mapped = size + HUGE_PAGE;
  void *mapping = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED)
    return kv_fail(error, "io", "no memory for a policy VM of %zu bytes", size);
  a->mapping = mapping;
  a->mapped = mapped;
  a->region = a->mapping + (HUGE_PAGE - (uintptr_t)mapping % HUGE_PAGE) % HUGE_PAGE;
  a->size = size;
  /* Most policies stay below; one that does not is to come to its end soon. */
  if (size > HUGE_PAGE) madvise(a->region + HUGE_PAGE, size - HUGE_PAGE, MADV_HUGEPAGE);
  head_of(a)->top = (sizeof(head) + STEP - 1) / STEP * STEP;
  return 0;
}

void kv_arena_close(kv_arena *a) {
  if (a->mapping) munmap(a->mapping, a->mapped);
  free(a->image);
  *a = (kv_arena){0};
}

static void *take(kv_arena *a, size_t size) {
  head *h = head_of(a);
  if (size == 0 || size > a->size / 2) return NULL;
  size_t class = class_of(&size);
  block *found = h->free[class];
  if (found) {
    h->free[class] = found->next;
  } else {
    if (size > a->size - h->top) return NULL;
    found = (block *)(void *)(a->region + h->top);
    h->top += size;
  }
  h->used += size;
  if (h->used > h->peak) h->peak = h->used;
  return found;
}

static void give_back(kv_arena *a, void *address, size_t size) {
  head *h = head_of(a);
  if (!address || size == 0) return;
  size_t class = class_of(&size);
  block *freed = address;
  freed->next = h->free[class];
  h->free[class] = freed;
  h->used -= size;
}

void *kv_arena_realloc(kv_arena *a, void *address, size_t old_size, size_t new_size) {
  if (new_size == 0) {
    give_back(a, address, old_size);
    return NULL;
  }
  size_t old_room = old_size, new_room = new_size;
  if (address && old_size > 0 && new_size <= a->size / 2 &&
      class_of(&old_room) == class_of(&new_room))
    return address;
  void *moved = take(a, new_size);
  if (!moved && address && new_size < old_size) { /* Lua counts on it that to shrink cannot fail */
    head_of(a)->used -= old_room - new_room;
    return address;
  }
  if (!moved) return NULL;
  if (address && old_size > 0) memcpy(moved, address, old_size < new_size ? old_size : new_size);
  give_back(a, address, old_size);
  return moved;
}

size_t kv_arena_peak(const kv_arena *a) { return head_of(a)->peak - head_of(a)->base; }

int kv_arena_keep(kv_arena *a, kv_error *error) {
  head *h = head_of(a);
  h->base = h->peak = h->used;
  uint8_t *image = malloc(h->top);
  if (!image) return kv_fail(error, "io", "no memory for the image of a policy VM");
  memcpy(image, a->region, h->top);
  free(a->image);
  a->image = image;
  a->image_size = h->top;
  return 0;
}

void kv_arena_restore(kv_arena *a) {
  size_t top = head_of(a)->top, page = 4096;
  if (top > a->image_size + SLACK) {
    size_t from = (a->image_size + page - 1) / page * page;
    madvise(a->region + from, a->size - from, MADV_DONTNEED);
  }
  memcpy(a->region, a->image, a->image_size);
}
