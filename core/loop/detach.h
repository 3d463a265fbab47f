/*
 * A program that outlives this one and its terminal.
 *
 * What a loop starts ends with it: its supervisor sees to that. This is the one way out, and it
 * goes around the supervisor: the program is in a session of its own that it does not lead (so that
 * no terminal can become its own), and not a child of this process.
 */
#ifndef KV_LOOP_DETACH_H
#define KV_LOOP_DETACH_H

#include <sys/types.h>

#include "base/error.h"

enum { KV_DETACH_FD = 3 }; /* the program's end of the channel */

/* Starts argv[0], a path, with this process's environment and working directory. Its standard input
 * is /dev/null; its output and errors go to the file OUTPUT, made new with mode 0600. Nothing else
 * is inherited but one end of a socket, as descriptor KV_DETACH_FD. Returns the other end, and the
 * process's number in *pid, once it has become the program; or -1 with *e filled, and no file. */
int kv_detach(char *const argv[], const char *output, pid_t *pid, kv_error *e);

#endif
