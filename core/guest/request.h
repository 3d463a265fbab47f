/*
 * The payloads of the frames that start something: EXEC, PUT, GET and MOUNT. Pure.
 *
 * Each parser gives back false if the payload breaks wire.h's rules. Strings point into the
 * frame's payload and live as long as it does.
 */
#ifndef KV_GUEST_REQUEST_H
#define KV_GUEST_REQUEST_H

#include "frame.h"

struct kv_exec_request {
  uint32_t flags;         /* enum kv_wire_exec_flag */
  uint32_t credit[2];     /* bytes: standard output, standard error */
  uint32_t rows, columns; /* of a pty; 0: its default */
  uint32_t argc, envc;
  const char *directory; /* "": / */
  const char *user;      /* "": root */
  const char *strings;   /* argc + envc strings, each with its NUL, one behind the other */
};

/* Refuses: an unknown flag, SHELL with argc other than 1, SHELL with TOOL, no argument, an
 * environment string without "=" or that starts with it. */
bool kv_exec_parse(const struct kv_frame *frame, struct kv_exec_request *request);

/* Writes pointers to `count` strings from `strings` on to out[0..count] (NULL last), and gives
 * back the string behind them. The strings must have been parsed. */
const char *kv_strings_split(const char *strings, uint32_t count, const char **out);

struct kv_put_request {
  uint32_t mode; /* permission bits: at most 07777 */
  const char *path;
};
bool kv_put_parse(const struct kv_frame *frame, struct kv_put_request *request);

struct kv_get_request {
  uint32_t credit; /* bytes */
  const char *path;
};
bool kv_get_parse(const struct kv_frame *frame, struct kv_get_request *request);

struct kv_mount_request {
  uint32_t flags; /* 1: read-only */
  const char *tag, *target;
};
bool kv_mount_parse(const struct kv_frame *frame, struct kv_mount_request *request);

#endif
