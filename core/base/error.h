/*
 * How C tells what went wrong: a kind (one of those of lua/kavach/err.lua) and a message for a
 * person. A function that can fail returns -1 or NULL after it has filled the kv_error it was
 * given.
 */
#ifndef KV_BASE_ERROR_H
#define KV_BASE_ERROR_H

#if defined(__GNUC__)
#define KV_PRINTF(string, first) __attribute__((__format__(printf, string, first)))
#else
#define KV_PRINTF(string, first)
#endif

typedef struct kv_error {
  char kind[24];
  char message[512];
} kv_error;

/* Fills *e (which may be NULL) and returns -1, so that callers can `return kv_fail(...)`. A message
 * that is too long is cut. */
int kv_fail(kv_error *e, const char *kind, const char *format, ...) KV_PRINTF(3, 4);

/* The same for a system call that failed: kind "io", "WHAT: strerror(number)". */
int kv_fail_errno(kv_error *e, int number, const char *format, ...) KV_PRINTF(3, 4);

#endif
