#define _GNU_SOURCE
#include "rules/large.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The size of a huge page on x86-64, and on arm64 with pages of 4 KiB. */
enum { HUGE_PAGE = 2 << 20, LARGE = 512 << 10 };

void *kv_large_realloc(void *old, size_t used, size_t *size) {
  if (*size < LARGE) return realloc(old, *size);
  size_t whole = (*size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
  void *found = aligned_alloc(HUGE_PAGE, whole);
  if (!found) return NULL;
  madvise(found, whole, MADV_HUGEPAGE); /* small pages do as well */
  if (used) memcpy(found, old, used);
  free(old);
  *size = whole;
  return found;
}
