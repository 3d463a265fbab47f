#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(kv_error *e, const char *kind, const char *format, va_list args) {
  snprintf(e->kind, sizeof e->kind, "%s", kind);
  vsnprintf(e->message, sizeof e->message, format, args);
}

int kv_fail(kv_error *e, const char *kind, const char *format, ...) {
  if (!e) return -1;
  va_list args;
  va_start(args, format);
  fill(e, kind, format, args);
  va_end(args);
  return -1;
}

int kv_fail_errno(kv_error *e, int number, const char *format, ...) {
  if (!e) return -1;
  va_list args;
  va_start(args, format);
  fill(e, "io", format, args);
  va_end(args);
  size_t used = strlen(e->message);
  snprintf(e->message + used, sizeof e->message - used, ": %s", strerror(number));
  return -1;
}
