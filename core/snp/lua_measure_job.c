#include "snp/lua_measure_job.h"

#include <stdlib.h>
#include <string.h>

#include "snp/lua_file.h"

static void keep_step(void *arg, const kv_measure_step *step) {
  kv_measure_job *job = arg;
  if (job->trace_count == job->trace_room) {
    size_t room = job->trace_room ? 2 * job->trace_room : 1024;
    kv_traced_page *larger = realloc(job->trace, room * sizeof *larger);
    if (!larger) {
      job->trace_failed = true;
      return;
    }
    job->trace = larger;
    job->trace_room = room;
  }
  kv_traced_page *page = &job->trace[job->trace_count++];
  page->type = step->type;
  page->gpa = step->gpa;
  memcpy(page->contents, step->contents, sizeof page->contents);
  memcpy(page->digest, step->digest, sizeof page->digest);
}

/* Says which file an error is about. */
static int blame(const char *path, kv_error *error) {
  kv_error cause = *error;
  return kv_fail(error, cause.kind, "%.200s: %.300s", path, cause.message);
}

static int read_image(const char *path, uint8_t **bytes, kv_ovmf *image, kv_error *error) {
  size_t size;
  *bytes = kv_file_read(path, KV_OVMF_SIZE_MAX, &size, error);
  if (!*bytes) return -1;
  return kv_ovmf_parse(*bytes, size, image, error) < 0 ? blame(path, error) : 0;
}

static int read_images(kv_measure_job *job, kv_error *error) {
  if (read_image(job->ovmf_path, &job->ovmf_bytes, &job->ovmf, error) < 0) return -1;
  job->measure.ovmf = &job->ovmf;
  if (!job->svsm_path) return 0;
  job->measure.svsm = &job->svsm;
  return read_image(job->svsm_path, &job->svsm_bytes, &job->svsm, error);
}

/* What is wrong with an image is told before large files are read. */
static int check(kv_measure_job *job, kv_error *error) {
  if (kv_measure_check(&job->measure, error) == 0) return 0;
  if (strcmp(error->kind, "io") == 0)
    return blame(job->svsm_path ? job->svsm_path : job->ovmf_path, error);
  return -1;
}

static int hash_bytes(const void *bytes, size_t size, uint8_t *digest, kv_error *error) {
  kv_hash *hash = kv_hash_open(KV_HASH_SHA256, error);
  int status = hash ? kv_hash_once(hash, bytes, size, digest, error) : -1;
  kv_hash_free(hash);
  return status;
}

/* The command line counts with its NUL, and without one that NUL alone. */
static int hash_kernel(kv_measure_job *job, kv_error *error) {
  kv_kernel_hashes *hashes = &job->measure.kernel;
  const char *append = job->append ? job->append : "";
  if (!job->measure.has_kernel) return 0;
  if (hash_bytes(append, strlen(append) + 1, hashes->cmdline, error) < 0) return -1;
  if (kv_file_sha256(job->kernel_path, &job->stop, hashes->kernel, error) < 0) return -1;
  return job->initrd_path ? 0 : hash_bytes("", 0, hashes->initrd, error);
}

/* As much of the launch as does not need the initrd. */
static int hash_firmware(kv_measure_job *job, kv_error *error) {
  if (job->measure.mode != KV_MEASURE_SNP || job->measure.ovmf_hash) return 0;
  kv_measure pages = job->measure;
  pages.mode = KV_MEASURE_SNP_OVMF_HASH;
  pages.has_kernel = false;
  size_t size;
  if (kv_measure_digest(&pages, job->ovmf_hash, &size, error) < 0) return -1;
  job->measure.ovmf_hash = job->ovmf_hash;
  return 0;
}

static int fill_vmsas(kv_measure_job *job, kv_error *error) {
  kv_measure_mode mode = job->measure.mode;
  if (mode == KV_MEASURE_SEV || mode == KV_MEASURE_SNP_OVMF_HASH) return 0;
  job->has_vmsa = true;
  if (kv_measure_vmsa(&job->measure, 0, job->vmsa[0], error) < 0) return -1;
  return kv_measure_vmsa(&job->measure, 1, job->vmsa[1], error);
}

/* ---- the parts ---- */

static int finish(kv_measure_job *job, kv_error *error) {
  if (job->images.failed || job->initrd.failed) {
    /* What made one part fail also stopped the other, which then has an empty message. */
    bool first = job->images.failed && *job->images.error.message;
    *error = first ? job->images.error : job->initrd.error;
    return -1;
  }
  if (kv_measure_digest(&job->measure, job->digest, &job->digest_size, error) < 0)
    return blame(job->ovmf_path, error);
  if (job->trace_failed) return kv_fail(error, "io", "out of memory for the trace");
  return 0;
}

static void end_part(kv_measure_part *part, int status) {
  kv_measure_job *job = part->job;
  part->failed = status < 0;
  if (part->failed) atomic_store(&job->stop, true);
  if (atomic_fetch_sub(&job->left, 1) > 1) return;
  job->failed = finish(job, &job->error) < 0;
  free(job->ovmf_bytes);
  free(job->svsm_bytes);
  job->ovmf_bytes = job->svsm_bytes = NULL;
  atomic_store(&job->done, true);
}

static void run_images(kv_work *work) {
  kv_measure_part *part = (kv_measure_part *)work;
  kv_measure_job *job = part->job;
  kv_error *error = &part->error;
  int status = read_images(job, error);
  if (status == 0) status = check(job, error);
  if (status == 0) status = fill_vmsas(job, error);
  if (status == 0) status = hash_kernel(job, error);
  if (status == 0) status = hash_firmware(job, error);
  end_part(part, status);
}

static void run_initrd(kv_work *work) {
  kv_measure_part *part = (kv_measure_part *)work;
  kv_measure_job *job = part->job;
  end_part(part,
           kv_file_sha256(job->initrd_path, &job->stop, job->measure.kernel.initrd, &part->error));
}

/* The other part may be at it, too: it is stopped with this one. */
static void stop(kv_work *work) { atomic_store(&((kv_measure_part *)work)->job->stop, true); }

int kv_measure_job_begin(kv_measure_job *job) {
  int parts = job->initrd_path ? 2 : 1;
  if (job->wants_trace) {
    job->measure.on_step = keep_step;
    job->measure.on_step_arg = job;
  }
  job->begun = true;
  job->images = (kv_measure_part){.work = {run_images, stop}, .job = job};
  job->initrd = (kv_measure_part){.work = {run_initrd, stop}, .job = job};
  atomic_init(&job->left, parts);
  atomic_init(&job->stop, false);
  return parts;
}

void kv_measure_job_free(kv_measure_job *job) {
  char **texts[] = {&job->ovmf_path, &job->svsm_path, &job->kernel_path, &job->initrd_path,
                    &job->append};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    free(*texts[i]);
    *texts[i] = NULL;
  }
  free(job->trace);
  job->trace = NULL;
  free(job->ovmf_bytes); /* there still, if not every part was run */
  free(job->svsm_bytes);
  job->ovmf_bytes = job->svsm_bytes = NULL;
}
