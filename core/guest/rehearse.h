/*
 * A command before the first command. Under emulation, code that runs for the first time costs
 * tens of times what it costs later, since it must be translated; and what one virtual processor
 * has had translated serves the others too. So while the boot loads modules on one processor, an
 * idle one goes through the motions of a shell that does nothing.
 */
#ifndef KV_GUEST_REHEARSE_H
#define KV_GUEST_REHEARSE_H

/* Runs "/bin/sh -c :" as a command of the host's would run, in a control group below
 * `mounted`, and waits for it. Does nothing on a machine with one processor. A shell that is
 * missing or fails is no matter. */
void kv_rehearse(const char *mounted);

#endif
