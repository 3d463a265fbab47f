/*
 * IDENTITY: what tells this guest from every other, be it a copy of the same saved one: what its
 * random numbers come from, the time, its names.
 */
#ifndef KV_GUEST_IDENTITY_H
#define KV_GUEST_IDENTITY_H

#include "agent.h"

struct kv_identity_request {
  uint64_t time; /* nanoseconds since 1970, UTC */
  const uint8_t *entropy;
  const char *machine_id, *host_name;
};

/* False if the payload breaks wire.h's rules. */
bool kv_identity_parse(const struct kv_frame *frame, struct kv_identity_request *request);

void kv_identity(struct kv_agent *agent, uint32_t id, const struct kv_identity_request *request);

/* Writes the names to /etc of the root as it is now: once more, if that has changed. Nothing if the
 * guest has no identity, or the root no /etc. Gives back 0, or an errno and the file's name. */
int kv_identity_write(const struct kv_agent *agent, const char **what);

/* Sets the clock to so many nanoseconds since 1970, where `back` is not said only forward. */
void kv_clock_set(const struct kv_agent *agent, uint64_t time, bool back);

#endif
