#include "qemu/launch_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* On a kernel command line of Linux for x86: COMMAND_LINE_SIZE, with its NUL. */
enum { COMMAND_LINE_ROOM = 2048 };

/* 9p's tag, with its NUL: MAX_TAG_LEN of QEMU's hw/9pfs. */
enum { SHARE_TAG_ROOM = 32 };

/* ---- the machine of each backend: the one place where it is chosen ----------------------------
 * Times are medians, from the exec of QEMU to the agent's first byte, with 2 processors and 512 MiB
 * under TCG: 1.3 s as it is here, 1.8 s with q35 and its defaults. 120 of 120 such boots were
 * sound. */

typedef struct profile {
  const char *accel, *machine;
  const char *cpu;      /* sev-snp: it can be chosen */
  const char *firmware; /* NULL: QEMU's default, SeaBIOS; sev-snp: it must be chosen */
  const char *bus;      /* of the virtio devices: their names' ending, and what all of them have */
  const char *command_line; /* the kernel's */
  const char *tsc;          /* added to it, and the rate, if the host's counter is steady */
} profile;

/* q35 and not microvm: with ACPI off Debian's kernels have no virtio on microvm, and with ACPI on
 * its boots hang. Not pc: its legacy interrupts make the virtio modules load in 165 ms, not 60.
 * What is off is not there to be attacked; it costs no time. */
/* The id of the guest's memory: that of a clone must be called as it was when it was saved. */
#define MEMORY "memory"

#define MACHINE "q35,sata=off,smbus=off,i8042=off,usb=off,vmport=off,graphics=off"

/* console, panic: a panic reaches the host as text on the serial port, and the reboot that follows
 * at once is, under -no-reboot, QEMU's exit. quiet: an emulated serial port is slow.
 * nowatchdog, rcu_cpu_stall_suppress: a VM that was paused or starved is no lockup.
 * audit: nobody reads it. 8250.nr_uarts: there is one. cryptomgr.notests: 1.4 times the boot. */
#define COMMAND_LINE                                                                               \
  "console=ttyS0 quiet panic=-1 nowatchdog audit=0 8250.nr_uarts=1 cryptomgr.notests "             \
  "rcupdate.rcu_cpu_stall_suppress=1"

/* For TCG alone, where they save 14 %. mitigations: emulation has nothing to mitigate. nokaslr,
 * init_on_alloc, rodata: passes over memory that is fresh and emulated; the VM is the border, not
 * the kernel's hardening. no_timer_check: the timer is known. noreplace-smp: no patching of 9 000
 * lock prefixes for one processor. clearcpuid: `rep` strings are emulated loops, unrolled code is
 * quicker. initcall_blacklist: kprobe tracing, certificates of modules, TCP cubic, a self-test. */
#define TCG_COMMAND_LINE                                                                           \
  COMMAND_LINE                                                                                     \
  " mitigations=off nokaslr init_on_alloc=0 rodata=off no_timer_check noreplace-smp"               \
  " clearcpuid=rep_good initcall_blacklist=init_kprobe_trace,load_system_certificate_list,"        \
  "cubictcp_register,crypto_kdf108_init"

static const profile PROFILES[] = {
    /* One thread for all processors. With one for each, QEMU 7.2 may go on running the translation
     * of code that another processor has patched meanwhile: one boot in 40 or so hung on a loaded
     * machine, all processors at a breakpoint in kmem_cache_alloc() that memory did not hold any
     * more. A shell's loop takes as long with one; what ran side by side, less than a tenth of the
     * boot, does not any more.
     * The processor: an Intel model has a constant counter, so that the second one is not
     * calibrated (qemu64: 8 % slower, max: 11 %), and this one has x86-64-v2 for users' programs.
     * rdrand: the random pool is ready before anything asks for it. The firmware: a small SeaBIOS,
     * 2 to 7 %. tsc=reliable: the guest reads the host's counter, which needs no watching if it is
     * steady. tsc_early_khz: its rate, which a guest that is starved while it boots gets wrong: by
     * a hundredth and more, and once so that its clock ran away. */
    [KV_BACKEND_TCG] = {.accel = "tcg,thread=single",
                        .machine = MACHINE,
                        .cpu = "Westmere,+rdrand",
                        .firmware = "bios-microvm.bin",
                        .bus = "pci",
                        .command_line = TCG_COMMAND_LINE,
                        .tsc = " tsc=reliable tsc_early_khz="},
    /* Nothing measured: there was no machine for it. Firmware and boot cost little under KVM, so it
     * is the usual one; mitigations stay on. */
    [KV_BACKEND_KVM] = {.accel = "kvm",
                        .machine = MACHINE,
                        .cpu = "host",
                        .bus = "pci",
                        .command_line = COMMAND_LINE,
                        .tsc = NULL},
    /* Nothing measured either. The devices cannot see the guest's memory, so the guest has to lay
     * out for them what they are to see: as if there were an IOMMU. QEMU has that as its default
     * for such a machine, which is why -virtfs need not say it. */
    [KV_BACKEND_SEV_SNP] = {.accel = "kvm",
                            .machine =
                                MACHINE ",confidential-guest-support=sev0,memory-backend=ram1",
                            .bus = "pci,disable-legacy=on,iommu_platform=on",
                            .command_line = COMMAND_LINE,
                            .tsc = NULL},
};

static const char *const BACKEND_NAMES[] = {
    [KV_BACKEND_TCG] = "tcg", [KV_BACKEND_KVM] = "kvm", [KV_BACKEND_SEV_SNP] = "sev-snp"};

int kv_backend_parse(const char *name, kv_backend *backend, kv_error *error) {
  for (size_t i = 0; i < sizeof BACKEND_NAMES / sizeof *BACKEND_NAMES; i++) {
    if (strcmp(name, BACKEND_NAMES[i]) == 0) {
      *backend = (kv_backend)i;
      return 0;
    }
  }
  return kv_fail(error, "invalid_argument", "unknown backend '%s' (use tcg, kvm or sev-snp)", name);
}

int kv_dialect_parse(const char *name, kv_dialect *dialect, kv_error *error) {
  static const char *const NAMES[] = {
      [KV_DIALECT_UPSTREAM] = "upstream", [KV_DIALECT_SEED] = "seed"};
  for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
    if (strcmp(name, NAMES[i]) == 0) {
      *dialect = (kv_dialect)i;
      return 0;
    }
  }
  return kv_fail(error, "invalid_argument", "unknown dialect '%s' (use upstream or seed)", name);
}

/* ---- what is asked for must be possible -------------------------------------------------------
 */

static int check_share(const kv_share *share, kv_error *error) {
  static const char TAG_LETTERS[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  size_t length = strlen(share->tag);
  if (length == 0 || length >= SHARE_TAG_ROOM || strspn(share->tag, TAG_LETTERS) != length)
    return kv_fail(error, "invalid_argument",
                   "the tag of a share must be 1 to %d letters, digits, '.', '_' or '-': '%s'",
                   SHARE_TAG_ROOM - 1, share->tag);
  if (!*share->path)
    return kv_fail(error, "invalid_argument", "the share '%s' has an empty path", share->tag);
  return 0;
}

static int check_shares(const kv_launch *launch, kv_error *error) {
  for (size_t i = 0; i < launch->share_count; i++) {
    if (check_share(&launch->shares[i], error) < 0) return -1;
    for (size_t j = 0; j < i; j++)
      if (strcmp(launch->shares[i].tag, launch->shares[j].tag) == 0)
        return kv_fail(error, "invalid_argument", "two shares have the tag '%s'",
                       launch->shares[i].tag);
  }
  return 0;
}

static int check_disks(const kv_launch *launch, kv_error *error) {
  for (size_t i = 0; i < launch->disk_count; i++) {
    if (kv_disk_check(&launch->disks[i], error) < 0) return -1;
    for (size_t j = 0; j < i; j++)
      if (strcmp(launch->disks[i].serial, launch->disks[j].serial) == 0)
        return kv_fail(error, "invalid_argument", "two disks have the serial number '%s'",
                       launch->disks[i].serial);
  }
  return 0;
}

static int check_limits(const kv_launch *launch, kv_error *error) {
  /* Written so that NaN fails. */
  if (!(launch->cpus > 0 && launch->cpus <= KV_LAUNCH_CPUS_MAX))
    return kv_fail(error, "invalid_argument", "cpus must be above 0 and at most %d, got %g",
                   KV_LAUNCH_CPUS_MAX, launch->cpus);
  if (launch->memory_mb < 1 || launch->memory_mb > KV_LAUNCH_MEMORY_MB_MAX)
    return kv_fail(error, "invalid_argument", "memory_mb must be at least 1 and at most %d",
                   KV_LAUNCH_MEMORY_MB_MAX);
  return 0;
}

/* What the counter adds to the kernel's command line. */
static size_t tsc_length(const kv_launch *launch) {
  const char *words = PROFILES[launch->backend].tsc;
  if (launch->tsc_khz == 0 || !words) return 0;
  return strlen(words) + (size_t)snprintf(NULL, 0, "%llu", (unsigned long long)launch->tsc_khz);
}

static size_t command_line_length(const kv_launch *launch) {
  return strlen(PROFILES[launch->backend].command_line) + tsc_length(launch) +
         (launch->append ? 1 + strlen(launch->append) : 0);
}

static int check(const kv_launch *launch, kv_error *error) {
  if (check_limits(launch, error) < 0) return -1;
  if (!launch->qemu || !*launch->qemu)
    return kv_fail(error, "invalid_argument", "qemu must be a path");
  if (!launch->kernel || !*launch->kernel)
    return kv_fail(error, "invalid_argument", "kernel must be a path");
  size_t length = command_line_length(launch);
  if (length >= COMMAND_LINE_ROOM)
    return kv_fail(error, "invalid_argument",
                   "the kernel command line is %zu bytes; %d are possible", length,
                   COMMAND_LINE_ROOM - 1);
  if (launch->memory_file && launch->backend == KV_BACKEND_SEV_SNP)
    return kv_fail(error, "invalid_argument",
                   "memory_file: the memory of an sev-snp guest cannot be a file");
  if (launch->clone && !launch->memory_file)
    return kv_fail(error, "invalid_argument", "a clone needs memory_file");
  if (check_shares(launch, error) < 0 || check_disks(launch, error) < 0) return -1;
  return launch->backend == KV_BACKEND_SEV_SNP ? kv_launch_snp_check(launch, error) : 0;
}

/* ---- the parts of the command line ----------------------------------------------------------- */

void kv_launch_option(kv_words *words, const char *name, const char *value) {
  kv_words_add(words, name);
  kv_words_add(words, value);
}

void kv_launch_number(kv_words *words, const char *name, uint64_t number, const char *unit) {
  kv_words_add(words, name);
  kv_words_number(words, number);
  kv_words_text(words, unit);
  kv_words_end(words);
}

void kv_launch_size(kv_words *words, const kv_launch *launch) {
  kv_launch_number(words, "-smp", (uint64_t)ceil(launch->cpus), "");
  kv_launch_number(words, "-m", launch->memory_mb, "M");
}

/* The guest's memory as a file: shared, so that what it does is there to be saved; or private, so
 * that what was saved stays. */
static void add_memory(kv_words *words, const kv_launch *launch) {
  kv_words_add(words, "-object");
  kv_words_text(words, "memory-backend-file,id=" MEMORY ",size=");
  kv_words_number(words, launch->memory_mb);
  kv_words_text(words, "M,mem-path=");
  kv_words_value(words, launch->memory_file);
  kv_words_text(words, launch->clone ? ",share=off" : ",share=on");
  kv_words_end(words);
}

static void add_machine(kv_words *words, const kv_launch *launch, const profile *chosen) {
  kv_launch_option(words, "-accel", chosen->accel);
  kv_words_add(words, "-machine");
  kv_words_text(words, chosen->machine);
  kv_words_text(words, launch->memory_file ? ",memory-backend=" MEMORY : "");
  kv_words_end(words);
  if (launch->memory_file) add_memory(words, launch);
  if (chosen->cpu)
    kv_launch_option(words, "-cpu", chosen->cpu);
  else
    kv_launch_snp_objects(words, launch);
  kv_launch_size(words, launch);
}

/* Nothing that was not asked for, and no way from a QEMU that the guest took over to the rest.
 * process: what is run by descriptor would have that descriptor's number for a name. */
static void add_confinement(kv_words *words) {
  kv_words_add(words, "-nodefaults");
  kv_words_add(words, "-no-user-config");
  kv_words_add(words, "-no-reboot");
  kv_launch_option(words, "-name", "kavach,process=kavach-qemu");
  kv_launch_option(words, "-display", "none");
  kv_launch_option(words, "-sandbox",
                   "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
}

static void add_firmware(kv_words *words, const kv_launch *launch, const profile *chosen) {
  const char *firmware =
      launch->backend == KV_BACKEND_SEV_SNP ? launch->snp.firmware : chosen->firmware;
  if (firmware) kv_launch_option(words, "-bios", firmware);
}

/* `seed`: its own part has the kernel. */
static void add_kernel(kv_words *words, const kv_launch *launch, const profile *chosen, bool seed) {
  if (!seed) kv_launch_option(words, "-kernel", launch->kernel);
  if (launch->initrd) kv_launch_option(words, "-initrd", launch->initrd);
  kv_words_add(words, "-append");
  kv_words_text(words, chosen->command_line);
  if (launch->tsc_khz > 0 && chosen->tsc) {
    kv_words_text(words, chosen->tsc);
    kv_words_number(words, launch->tsc_khz);
  }
  if (launch->append && *launch->append) {
    kv_words_text(words, " ");
    kv_words_text(words, launch->append);
  }
  kv_words_end(words);
}

static void add_socket(kv_words *words, const char *id, const char *path) {
  kv_words_add(words, "-chardev");
  kv_words_text(words, "socket,id=");
  kv_words_text(words, id);
  kv_words_text(words, ",path=");
  kv_words_value(words, path);
  kv_words_text(words, ",server=off");
  kv_words_end(words);
}

static void add_device(kv_words *words, const char *name, const char *bus, const char *options) {
  kv_words_add(words, "-device");
  kv_words_text(words, name);
  kv_words_text(words, "-");
  kv_words_text(words, bus);
  kv_words_text(words, options);
  kv_words_end(words);
}

static void add_channels(kv_words *words, const kv_launch *launch, const profile *chosen) {
  if (launch->console) {
    /* signal=off: Ctrl-C is the host's to handle, and it may be meant for the guest's command. */
    kv_launch_option(words, "-chardev", "stdio,id=console,signal=off");
    kv_launch_option(words, "-serial", "chardev:console");
  }
  if (launch->qmp_socket) {
    add_socket(words, "qmp", launch->qmp_socket);
    kv_launch_option(words, "-mon", "chardev=qmp,mode=control");
  }
  if (launch->agent_socket) {
    add_device(words, "virtio-serial", chosen->bus, "");
    add_socket(words, "agent", launch->agent_socket);
    kv_launch_option(words, "-device", "virtserialport,chardev=agent,name=org.kavach.agent");
  }
}

void kv_launch_share(kv_words *words, const kv_share *share) {
  kv_words_add(words, "-virtfs");
  kv_words_text(words, "local,path=");
  kv_words_value(words, share->path);
  kv_words_text(words, ",mount_tag=");
  kv_words_text(words, share->tag);
  kv_words_text(words, ",security_model=none");
  if (share->readonly) kv_words_text(words, ",readonly=on");
  if (share->remap) kv_words_text(words, ",multidevs=remap");
  kv_words_end(words);
}

/* Those that the backend's own part does not have already. */
static void add_shares(kv_words *words, const kv_launch *launch, bool has_task) {
  for (size_t i = 0; i < launch->share_count; i++)
    if (!has_task || strcmp(launch->shares[i].tag, KV_SHARE_TASK) != 0)
      kv_launch_share(words, &launch->shares[i]);
}

static void add_network(kv_words *words, const kv_launch *launch, const profile *chosen,
                        const char *device_options) {
  if (!launch->network) return;
  kv_network_words(words, launch->network);
  add_device(words, KV_NETWORK_DEVICE, chosen->bus, device_options);
}

int kv_launch_argv(const kv_launch *launch, kv_argv *argv, kv_error *error) {
  char net_device[KV_NETWORK_OPTIONS_ROOM];
  if (check(launch, error) < 0) return -1;
  if (launch->network && kv_network_options(launch->network, net_device, error) < 0) return -1;
  const profile *chosen = &PROFILES[launch->backend];
  bool seed = launch->backend == KV_BACKEND_SEV_SNP && launch->snp.dialect == KV_DIALECT_SEED;
  kv_words words = {0};
  kv_words_add(&words, launch->qemu);
  if (seed)
    kv_launch_seed(&words, launch);
  else
    add_machine(&words, launch, chosen);
  if (!seed || !launch->snp.bare) {
    add_confinement(&words);
    add_firmware(&words, launch, chosen);
    if (launch->clone)
      kv_launch_option(&words, "-incoming", "defer");
    else
      add_kernel(&words, launch, chosen, seed);
    add_channels(&words, launch, chosen);
    add_shares(&words, launch, seed);
    for (size_t i = 0; i < launch->disk_count; i++)
      kv_disk_add(&words, &launch->disks[i], chosen->bus);
    add_network(&words, launch, chosen, net_device);
  }
  return kv_words_finish(&words, argv, error);
}
