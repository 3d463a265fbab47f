/*
 * The command that came with the initramfs, and was measured with it at the guest's launch: a guest
 * that has one runs that and nothing else, whatever its host asks for.
 */
#ifndef KV_GUEST_MEASURED_H
#define KV_GUEST_MEASURED_H

#include "request.h"

/* EXEC's payload (wire.h), without credits and size, of KV_WIRE_SHELL at most as its flags. */
#define KV_MEASURED_FILE "/etc/kavach/command"

struct kv_measured {
  bool there;                     /* else everything is allowed */
  bool sound;                     /* it could be read; else nothing is allowed */
  struct kv_exec_request request; /* its strings live as long as the agent */
  size_t size;                    /* bytes of request.strings */
};

/* Reads the command, if the file is there. One that cannot be read, or is not what it should be, is
 * told on the console. */
void kv_measured_read(struct kv_measured *measured, const char *path);

/* Whether a frame that starts something may be obeyed: EXEC of just that command (with what
 * standard input, terminal and credit the host likes), and what cannot change what it runs. One
 * that breaks the wire's rules is not refused here. */
bool kv_measured_allows(const struct kv_measured *measured, const struct kv_frame *frame);

#endif
