/*
 * How the supervisor starts a process.
 */
#ifndef KV_LOOP_SUPERVISOR_START_H
#define KV_LOOP_SUPERVISOR_START_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* `path` is searched for an argv[0] without a slash; an empty `cwd` means the supervisor's. The
 * descriptors of `stdio` are above 2. `program`: the file to run, open and closed on exec; -1: the
 * one that argv[0] names. `files`, above 2 + KV_SUP_FILES_MAX, become 3 and up. */
typedef struct kv_sup_command {
  char *cwd, *path, **argv, **envp;
  int stdio[3];
  const int *files;
  size_t file_count;
  int program;
  bool plain_files; /* supervisor_plain_files.h */
} kv_sup_command;

/* Starts it with vfork as the leader of a session of its own, bound by a death signal to
 * `supervisor`, the caller. Returns its pid, once it has become the program; or -1 with *error (an
 * errno) and *step (enum kv_sup_step). */
pid_t kv_supervisor_start(pid_t supervisor, const kv_sup_command *c, uint32_t *step, int *error);

#endif
