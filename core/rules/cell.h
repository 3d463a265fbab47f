/*
 * What the helper program does to itself before it reads a word of a policy.
 */
#ifndef KV_RULES_CELL_H
#define KV_RULES_CELL_H

#include "base/error.h"

/* Seconds of processor time that the process has in all. */
enum { KV_CELL_CPU_SECONDS = 10 };

/* Closes every descriptor but 0 and 1; limits memory, processor time, files and core dumps; gives
 * up new privileges; and leaves of all system calls read (of 0), write (to 1), exit, and those for
 * memory that is not executable: any other ends the process. Returns 0, or -1 and *error. */
int kv_cell_enter(kv_error *error);

#endif
