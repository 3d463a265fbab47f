/*
 * SAVE: making a guest fit to be saved.
 */
#ifndef KV_GUEST_SAVE_H
#define KV_GUEST_SAVE_H

#include "agent.h"

/* Answers it; false if it is not its turn. */
bool kv_save(struct kv_agent *agent, uint32_t id);

#endif
