/*
 * A launch digest from files: what lua_measure.c hands to other threads, in one part or two. The
 * initrd is most of what there is to hash, so it is a part of its own. The job owns all it needs.
 * It knows files and kv_work for Lua's sake, not Lua itself; measure.h knows neither.
 */
#ifndef KV_SNP_LUA_MEASURE_JOB_H
#define KV_SNP_LUA_MEASURE_JOB_H

#include <stdatomic.h>

#include "loop/work.h"
#include "snp/measure.h"

/* One page of the launch, kept for Lua. */
typedef struct kv_traced_page {
  kv_page_type type;
  uint64_t gpa;
  uint8_t contents[KV_SHA384_SIZE], digest[KV_SHA384_SIZE];
} kv_traced_page;

struct kv_measure_job;

typedef struct kv_measure_part {
  kv_work work; /* first: runs this part */
  struct kv_measure_job *job;
  bool failed;
  kv_error error;
} kv_measure_part;

typedef struct kv_measure_job {
  kv_measure_part images; /* firmware, kernel, command line */
  kv_measure_part initrd; /* if there is one */
  atomic_int left;        /* parts that are not done; who is the last finishes the job */
  atomic_bool stop;       /* a part failed: the other need not go on */
  kv_measure measure;
  char *ovmf_path, *svsm_path, *kernel_path, *initrd_path, *append; /* owned; NULL: not given */
  uint8_t ovmf_hash[KV_LAUNCH_DIGEST_SIZE]; /* given, or computed while the initrd is read */
  bool wants_trace;
  bool begun, failed; /* the caller's; the last part's */
  atomic_bool done;   /* set by the last part, after everything else */
  kv_error error;     /* if failed; else there is a digest */
  uint8_t digest[KV_LAUNCH_DIGEST_SIZE];
  size_t digest_size;
  uint8_t vmsa[2][KV_PAGE_SIZE]; /* the first CPU's and the others', where CPUs are measured */
  bool has_vmsa;
  kv_traced_page *trace;
  size_t trace_count, trace_room;
  bool trace_failed;
  kv_ovmf ovmf, svsm;
  uint8_t *ovmf_bytes, *svsm_bytes; /* freed when it is done */
} kv_measure_job;

/* Makes the parts, when all that is asked for is in place. Returns how many: 1, without an initrd,
 * or
 * 2. Each of them is run once, in any order, on any thread. */
int kv_measure_job_begin(kv_measure_job *job);

void kv_measure_job_free(kv_measure_job *job);

#endif
