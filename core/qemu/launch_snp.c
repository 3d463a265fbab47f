/* SEV-SNP guests: the objects that describe them, in the words of two QEMUs. */
#include "base/encode.h"
#include "qemu/launch_parts.h"

#include <string.h>

enum { HOST_DATA_SIZE = 32, ID_BLOCK_SIZE = 96, ID_AUTH_SIZE = 4096 };

enum { CPU_NAME_MAX = 63, CBIT_MAX = 63 };

static const char USUAL_CPU[] = "EPYC-v4";

/* AMD64 APM volume 3, appendix E: Fn8000_001F EBX[11:6]. Encryption takes one bit of the physical
 * address from the guest, which is what every processor with SEV-SNP says there. */
static const char REDUCED_PHYS_BITS[] = ",reduced-phys-bits=1";

static const char *cpu_of(const kv_launch_snp *snp) { return snp->cpu ? snp->cpu : USUAL_CPU; }

/* ---- checks ------------------------------------------------------------------------------------
 */

static int check_bytes(const char *field, const char *text, size_t size, kv_error *error) {
  uint8_t bytes[ID_AUTH_SIZE + 3];
  size_t length = text ? strlen(text) : 0, written = 0;
  if (!text) return 0;
  if (length != kv_base64_length(size) ||
      kv_base64_decode(text, length, KV_SPACES_REFUSED, bytes, &written, NULL) < 0 ||
      written != size)
    return kv_fail(error, "invalid_argument", "%s must be %zu bytes in base64", field, size);
  return 0;
}

static int check_cpu(const char *cpu, kv_error *error) {
  static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";
  size_t length = strlen(cpu);
  if (length == 0 || length > CPU_NAME_MAX || strspn(cpu, LETTERS) != length || cpu[0] == '-')
    return kv_fail(error, "invalid_argument",
                   "cpu_model must be the name of a CPU model of QEMU, as EPYC-v4, not '%.64s'",
                   cpu);
  return 0;
}

static int check_blocks(const kv_launch_snp *snp, kv_error *error) {
  if (check_bytes("host_data", snp->host_data, HOST_DATA_SIZE, error) < 0 ||
      check_bytes("id_block", snp->id_block, ID_BLOCK_SIZE, error) < 0 ||
      check_bytes("id_auth", snp->id_auth, ID_AUTH_SIZE, error) < 0)
    return -1;
  if (!snp->id_block != !snp->id_auth)
    return kv_fail(error, "invalid_argument", "id_block and id_auth are needed together");
  if (snp->author_key_enabled && !snp->id_auth)
    return kv_fail(error, "invalid_argument",
                   "author_key_enabled needs id_auth, which has the author's key");
  return 0;
}

static const kv_share *task_share(const kv_launch *launch) {
  for (size_t i = 0; i < launch->share_count; i++)
    if (strcmp(launch->shares[i].tag, KV_SHARE_TASK) == 0) return &launch->shares[i];
  return NULL;
}

static int check_seed(const kv_launch *launch, kv_error *error) {
  const kv_launch_snp *snp = &launch->snp;
  const char *name = snp->host_data            ? "host_data"
                     : snp->id_block           ? "id_block"
                     : snp->author_key_enabled ? "author_key_enabled"
                     : snp->vcek_disabled      ? "vcek_disabled"
                                               : NULL;
  if (name)
    return kv_fail(error, "invalid_argument", "%s cannot be said in the dialect seed", name);
  if (!task_share(launch))
    return kv_fail(error, "invalid_argument", "the dialect seed needs the share '%s'",
                   KV_SHARE_TASK);
  return 0;
}

int kv_launch_snp_check(const kv_launch *launch, kv_error *error) {
  const kv_launch_snp *snp = &launch->snp;
  if (snp->cbit < 1 || snp->cbit > CBIT_MAX)
    return kv_fail(error, "invalid_argument", "cbit must be 1 to %d, got %u", CBIT_MAX, snp->cbit);
  if ((snp->cpu && check_cpu(snp->cpu, error) < 0) || check_blocks(snp, error) < 0) return -1;
  if (snp->dialect == KV_DIALECT_SEED) return check_seed(launch, error);
  if (snp->bare) return kv_fail(error, "invalid_argument", "bare is for the dialect seed");
  if (!snp->firmware || !*snp->firmware)
    return kv_fail(error, "invalid_argument", "firmware must be a path");
  return 0;
}

/* ---- words -------------------------------------------------------------------------------------
 */

static void add_memory(kv_words *words, const char *type, uint64_t memory_mb) {
  kv_words_add(words, "-object");
  kv_words_text(words, type);
  kv_words_text(words, ",id=ram1,size=");
  kv_words_number(words, memory_mb);
  kv_words_text(words, "M");
  kv_words_end(words);
}

/* The beginning of the guest's object; more properties may follow. */
static void begin_guest(kv_words *words, const kv_launch_snp *snp) {
  kv_words_add(words, "-object");
  kv_words_text(words, "sev-snp-guest,id=sev0,policy=");
  kv_words_hex(words, snp->policy);
  kv_words_text(words, ",cbitpos=");
  kv_words_number(words, snp->cbit);
  kv_words_text(words, REDUCED_PHYS_BITS);
}

static void add_property(kv_words *words, const char *name, const char *value) {
  if (!value) return;
  kv_words_text(words, name);
  kv_words_value(words, value);
}

/* kernel-hashes: kernel, initrd and command line become part of the launch digest. */
void kv_launch_snp_objects(kv_words *words, const kv_launch *launch) {
  const kv_launch_snp *snp = &launch->snp;
  kv_launch_option(words, "-cpu", cpu_of(snp));
  add_memory(words, "memory-backend-memfd", launch->memory_mb);
  begin_guest(words, snp);
  kv_words_text(words, ",kernel-hashes=on");
  add_property(words, ",host-data=", snp->host_data);
  add_property(words, ",id-block=", snp->id_block);
  add_property(words, ",id-auth=", snp->id_auth);
  if (snp->author_key_enabled) kv_words_text(words, ",author-key-enabled=on");
  if (snp->vcek_disabled) kv_words_text(words, ",vcek-disabled=on");
  kv_words_end(words);
}

void kv_launch_seed(kv_words *words, const kv_launch *launch) {
  kv_words_add(words, "-enable-kvm");
  kv_launch_option(words, "-cpu", cpu_of(&launch->snp));
  kv_launch_option(words, "-machine", "q35,confidential-guest-support=sev0,memory-backend=ram1");
  add_memory(words, "memory-backend-memfd-private", launch->memory_mb);
  begin_guest(words, &launch->snp);
  kv_words_end(words);
  kv_launch_size(words, launch);
  kv_words_add(words, "-nographic");
  kv_words_add(words, "-no-reboot");
  kv_launch_option(words, "-kernel", launch->kernel);
  kv_launch_share(words, task_share(launch));
}
