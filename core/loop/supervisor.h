/*
 * What a host and its supervisor say to each other.
 *
 * The supervisor is a small program of its own, one for each loop, and the parent of every process
 * that the loop starts. It exists so that nothing outlives the host, not even after kill -9: it
 * sees the host's end (its socket closes, or the host's pidfd turns readable), kills everything
 * below itself, and removes the private directories. As a child subreaper it inherits whatever
 * daemonised itself, so a double fork or a new session is no way out. A death signal binds its
 * own children to it, should it be killed itself. It starts them with vfork from its few pages,
 * so the size of the host does not matter, and it waits for them, so the host needs no SIGCHLD.
 *
 * They speak over a SOCK_SEQPACKET pair; the supervisor's end is KV_SUP_FD. A request is one
 * packet: the fixed part, then `body_size` bytes of body, or, with KV_SUP_BODY_IN_FILE, none: the
 * body is then in a memory file, the last descriptor of the packet. A reply is one packet, the
 * struct. Replies to one id come in order: STARTED if it was asked for, EXITED; or FAILED. Integers
 * are the machine's own.
 */
#ifndef KV_LOOP_SUPERVISOR_H
#define KV_LOOP_SUPERVISOR_H

#include <stdint.h>

enum {
  KV_SUP_FD = 3,
  KV_SUP_INLINE_MAX = 32 * 1024,     /* a larger body goes into a file */
  KV_SUP_BODY_MAX = 8 * 1024 * 1024, /* over Linux's own limit for arguments and environment */
  KV_SUP_DIR_MAX = 4096,
  KV_SUP_FILES_MAX = 2,                 /* what a child gets beside 0, 1 and 2 */
  KV_SUP_FDS_MAX = 5 + KV_SUP_FILES_MAX /* of one packet: the child's, its program, its body */
};

enum kv_sup_request_type {
  KV_SUP_SPAWN = 1,  /* id: the host's number for the process, not in use; body: see below */
  KV_SUP_SIGNAL,     /* value: signal number, to the process group that id leads */
  KV_SUP_OWN_DIR,    /* body: absolute path, removed when the host ends, if it is there then */
  KV_SUP_DISOWN_DIR, /* body: the same path again */
  KV_SUP_HOLD,       /* id: the host's number for it; its one descriptor stays open until nothing
                        is left that the supervisor has started, however long that takes */
  KV_SUP_RELEASE     /* id: that one is closed */
};

/* SPAWN: bit i of `descriptors` says that a descriptor for the child's i (0, 1, 2) comes along, in
 * order; what is missing is /dev/null. Bit KV_SUP_PROGRAM: behind them comes the file to run,
 * whatever argv[0] says. Behind that come `files` more, which are the child's 3 and up. Its body is
 * strings, each with its NUL: the working directory, PATH to search, `argc` arguments, `envc`
 * environment entries. */
typedef struct kv_sup_request {
  uint32_t type, id, value, descriptors, files, argc, envc, flags, body_size;
} kv_sup_request;

enum { KV_SUP_PROGRAM = 3 };

enum {
  KV_SUP_BODY_IN_FILE = 1,
  KV_SUP_TELL_START = 2, /* send STARTED, which costs a wake-up */
  KV_SUP_PLAIN_FILES =
      4, /* it can give no file more rights than its own: supervisor_plain_files.h */
};

enum kv_sup_reply_type {
  KV_SUP_STARTED = 1, /* code: pid */
  KV_SUP_FAILED,      /* code: errno; value: enum kv_sup_step */
  KV_SUP_EXITED       /* code: exit code; value: signal or 0; cpu_us and max_rss_kb of the process
                         and the children it waited for */
};

enum kv_sup_step { KV_SUP_STEP_START, KV_SUP_STEP_CHDIR, KV_SUP_STEP_EXEC };

typedef struct kv_sup_reply {
  uint32_t type, id;
  int32_t code;
  uint32_t value;
  uint64_t cpu_us, max_rss_kb;
} kv_sup_reply;

#endif
