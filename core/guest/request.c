#include "request.h"

#include <string.h>

#define EXEC_FLAGS ((uint32_t)(KV_WIRE_SHELL | KV_WIRE_WANT_STDIN | KV_WIRE_PTY | KV_WIRE_TOOL))
#define PROGRAMS ((uint32_t)(KV_WIRE_SHELL | KV_WIRE_TOOL))

/* Checks `count` strings; each takes at least its NUL, so a huge count ends early. */
static bool skip_strings(struct kv_fields *fields, uint32_t count, bool assignments) {
  for (uint32_t i = 0; i < count && !fields->bad; i++) {
    const char *string = kv_take_string(fields);
    if (assignments && (string[0] == '=' || strchr(string, '=') == NULL)) return false;
  }
  return !fields->bad;
}

bool kv_exec_parse(const struct kv_frame *frame, struct kv_exec_request *request) {
  struct kv_fields fields = kv_fields_of(frame);
  request->flags = kv_take_u32(&fields);
  request->credit[0] = kv_take_u32(&fields);
  request->credit[1] = kv_take_u32(&fields);
  request->rows = kv_take_u16(&fields);
  request->columns = kv_take_u16(&fields);
  request->argc = kv_take_u32(&fields);
  request->envc = kv_take_u32(&fields);
  request->directory = kv_take_string(&fields);
  request->user = kv_take_string(&fields);
  request->strings = (const char *)fields.at;
  if (fields.bad || (request->flags & ~EXEC_FLAGS) != 0 || request->argc == 0) return false;
  if ((request->flags & KV_WIRE_SHELL) != 0 && request->argc != 1) return false;
  if ((request->flags & PROGRAMS) == PROGRAMS) return false;
  return skip_strings(&fields, request->argc, false) &&
         skip_strings(&fields, request->envc, true) && kv_fields_end(&fields);
}

const char *kv_strings_split(const char *strings, uint32_t count, const char **out) {
  for (uint32_t i = 0; i < count; i++) {
    out[i] = strings;
    strings += strlen(strings) + 1;
  }
  out[count] = NULL;
  return strings;
}

bool kv_put_parse(const struct kv_frame *frame, struct kv_put_request *request) {
  struct kv_fields fields = kv_fields_of(frame);
  request->mode = kv_take_u32(&fields);
  request->path = kv_take_string(&fields);
  return kv_fields_end(&fields) && request->path[0] != '\0' && request->mode <= 07777;
}

bool kv_get_parse(const struct kv_frame *frame, struct kv_get_request *request) {
  struct kv_fields fields = kv_fields_of(frame);
  request->credit = kv_take_u32(&fields);
  request->path = kv_take_string(&fields);
  return kv_fields_end(&fields) && request->path[0] != '\0';
}

bool kv_mount_parse(const struct kv_frame *frame, struct kv_mount_request *request) {
  struct kv_fields fields = kv_fields_of(frame);
  request->flags = kv_take_u32(&fields);
  request->tag = kv_take_string(&fields);
  request->target = kv_take_string(&fields);
  return kv_fields_end(&fields) && request->flags <= 1 && request->tag[0] != '\0' &&
         request->target[0] != '\0';
}
