/*
 * Large buffers in few pages: where a fault is dear, as in a VM in a VM, the first use of a buffer
 * of small pages takes longer than all that is done with it.
 */
#ifndef KV_RULES_LARGE_H
#define KV_RULES_LARGE_H

#include <stddef.h>

/* As malloc; from some size on, at least *size bytes in huge pages, if the system has them: *size
 * is then how many. The first `used` bytes of `old`, which may be NULL, are copied, and it is
 * freed. NULL if there is no memory: then `old` is as it was. */
void *kv_large_realloc(void *old, size_t used, size_t *size);

#endif
