/*
 * QEMU's command line: configuration in, argument vector out. Pure: looks at no file and no
 * environment, so what --dry-run shows is what runs.
 *
 * QEMU runs in the sandbox's private directory and connects to sockets there that the host
 * listens on. Nothing of a command, its environment or its secrets is ever part of this.
 */
#ifndef KV_QEMU_LAUNCH_H
#define KV_QEMU_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "qemu/argv.h"
#include "qemu/disk.h"
#include "qemu/launch_net.h"

typedef enum kv_backend { KV_BACKEND_TCG, KV_BACKEND_KVM, KV_BACKEND_SEV_SNP } kv_backend;

/* A folder of the host that the guest can mount (9p over virtio). */
typedef struct kv_share {
  const char *tag;  /* what the guest mounts it by: 1 to 31 of A-Z a-z 0-9 . _ - */
  const char *path; /* absolute, or relative to the private directory */
  bool readonly;
  bool remap; /* tells apart the files of several file systems below the path */
} kv_share;

/* How a QEMU wants an SEV-SNP guest described: `upstream` as released (9.1 and later), `seed` as
 * AMD's early branch. */
typedef enum kv_dialect { KV_DIALECT_UPSTREAM, KV_DIALECT_SEED } kv_dialect;

/* What is for sev-snp guests alone. Bytes are in base64, of exactly as many as stand here; NULL:
 * none. `seed` takes none of them, nor the two switches. */
typedef struct kv_launch_snp {
  kv_dialect dialect;
  uint64_t policy;                            /* the guest policy */
  unsigned cbit;                              /* the position of the C-bit: 1 to 63 */
  const char *cpu;                            /* QEMU's model; NULL: EPYC-v4 */
  const char *firmware;                       /* path of an OVMF that can be measured */
  const char *host_data, *id_block, *id_auth; /* 32, 96 and 4096 bytes */
  bool author_key_enabled, vcek_disabled;
  bool bare; /* `seed`: its vector, and nothing behind it */
} kv_launch_snp;

typedef struct kv_launch {
  kv_backend backend;
  const char *qemu;        /* argv[0] */
  double cpus;             /* above 0; a fraction is rounded up here and enforced in the guest */
  uint64_t memory_mb;      /* MiB, above 0 */
  const char *memory_file; /* what the guest's memory is mapped from: as long as that; NULL: none.
                            * Not for sev-snp */
  bool clone;              /* memory_file is a saved guest's, of which this one is to have a copy of
                            * its own. It does not boot but waits for the saved state, which is to
                            * be given to it by QMP, and takes no kernel */
  const char *kernel;      /* path */
  const char *initrd;      /* path; NULL: none */
  const char *append;      /* added to the profile's kernel command line; NULL: nothing */
  const char *agent_socket; /* unix socket that the agent's port is connected to; NULL: no port */
  const char *qmp_socket;   /* unix socket for QMP; NULL: no monitor */
  bool console;             /* the guest's console on QEMU's standard output */
  uint64_t tsc_khz;       /* rate of the host's time stamp counter, if it is steady; 0: it is not */
  const kv_share *shares; /* `seed` needs the one with the tag "task" */
  size_t share_count;
  const kv_network *network; /* NULL: no network device at all */
  const kv_disk *disks;
  size_t disk_count;
  kv_launch_snp snp;
} kv_launch;

enum { KV_LAUNCH_CPUS_MAX = 255, KV_LAUNCH_MEMORY_MB_MAX = 16 * 1024 * 1024 };

/* "tcg", "kvm" or "sev-snp". Returns 0 or -1. */
int kv_backend_parse(const char *name, kv_backend *backend, kv_error *error);

/* "upstream" or "seed". Returns 0 or -1. */
int kv_dialect_parse(const char *name, kv_dialect *dialect, kv_error *error);

/* Builds *argv, which the caller frees. Returns 0, or -1 and *error (`invalid_argument` naming the
 * field). */
int kv_launch_argv(const kv_launch *launch, kv_argv *argv, kv_error *error);

#endif
