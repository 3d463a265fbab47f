/* The root that commands see. */
#define _GNU_SOURCE
#include "root.h"
#include "agent.h"
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "boot.h"
#include "identity.h"

/* All is put together below a memory file system on /mnt, an empty folder of the initramfs. */
#define SITE "/mnt"
#define LOWER SITE "/lower"
#define SCRATCH SITE "/scratch"
#define NEW SITE "/new"

/* msize: as in files.c. cache=loose: what was read once is not asked for again; a perl starts in
 * two thirds of the time. Whoever changes the folder on the host while the guest runs may not be
 * seen.
 */
#define SHARE_OPTIONS "trans=virtio,version=9p2000.L,msize=512000,cache=loose"

/* Nothing that a plain overlay does without: each would be more to ask of a layer not ours. */
#define OVERLAY_OPTIONS                                                                            \
  "lowerdir=" LOWER ",upperdir=" SCRATCH "/upper,workdir=" SCRATCH "/work,"                        \
  "redirect_dir=off,metacopy=off,index=off"

/* linux/mount.h; not in every C library's headers. */
#define MOVE_MOUNT 429         /* the same number on every architecture */
#define FROM_DESCRIPTOR 4u     /* MOVE_MOUNT_F_EMPTY_PATH */
#define TO_FOLLOWS_LINKS 0x10u /* MOVE_MOUNT_T_SYMLINKS */

bool kv_root_parse(const struct kv_frame *frame, struct kv_root_request *request) {
  struct kv_fields fields = kv_fields_of(frame);
  request->kind = kv_take_u32(&fields);
  request->source = kv_take_string(&fields);
  request->scratch = kv_take_string(&fields);
  bool own = request->kind == KV_WIRE_ROOT_OWN;
  return kv_fields_end(&fields) && request->kind <= KV_WIRE_ROOT_DISK &&
         own == (request->source[0] == '\0');
}

static int mounted(int result) { return result == 0 ? 0 : errno; }

static int mount_lower(struct kv_agent *agent, const struct kv_root_request *request,
                       const char **what) {
  *what = "mounting the root";
  if (request->kind == KV_WIRE_ROOT_OWN) return mounted(mount("/", LOWER, NULL, MS_BIND, NULL));
  if (request->kind == KV_WIRE_ROOT_DISK)
    return kv_disk_mount(agent->initramfs, request->source, LOWER, what);
  kv_boot_modules(agent->initramfs, "9p");
  agent->shares_loaded = true;
  return mounted(mount(request->source, LOWER, "9p", MS_RDONLY | MS_NODEV, SHARE_OPTIONS));
}

static int make_folder(const char *path, mode_t mode) {
  /* chmod: whatever the umask is. */
  return mkdir(path, mode) != 0 || chmod(path, mode) != 0 ? errno : 0;
}

static int mount_scratch(struct kv_agent *agent, const char *serial) {
  int failed = serial[0] == '\0'
                   ? mounted(mount("tmpfs", SCRATCH, "tmpfs", MS_NODEV, "mode=0700,size=50%"))
                   : kv_disk_format(agent->initramfs, serial, SCRATCH);
  if (failed == 0) failed = make_folder(SCRATCH "/upper", 0755);
  if (failed == 0) failed = make_folder(SCRATCH "/work", 0700);
  if (failed != 0 || serial[0] == '\0') return failed;
  failed = make_folder(SCRATCH "/tmp", 01777);
  if (failed == 0) failed = mounted(mount(SCRATCH "/tmp", "/tmp", NULL, MS_BIND, NULL));
  return failed != 0 ? failed
                     : mounted(mount(NULL, "/tmp", NULL,
                                     MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV, NULL));
}

static int build(struct kv_agent *agent, const struct kv_root_request *request, const char **what) {
  *what = "a place to build the root in";
  int failed = mounted(mount("tmpfs", SITE, "tmpfs", 0, "mode=0700,size=1m"));
  if (failed == 0) failed = make_folder(LOWER, 0755);
  if (failed == 0) failed = make_folder(SCRATCH, 0700);
  if (failed == 0) failed = make_folder(NEW, 0755);
  if (failed != 0) return failed;
  failed = mount_lower(agent, request, what);
  if (failed != 0) return failed;
  *what = request->scratch[0] == '\0' ? "the memory that is written to" : "the scratch disk";
  failed = mount_scratch(agent, request->scratch);
  if (failed != 0) return failed;
  *what = "the overlay over the root";
  kv_boot_modules(agent->initramfs, "overlay");
  return mounted(mount("overlay", NEW, "overlay", MS_NODEV, OVERLAY_OPTIONS));
}

/* Moves what is mounted on the initramfs to the same places of the new root, where links lead no
 * further than it reaches. */
static int carry_over(const int mounts[], const char *const places[], size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (mkdir(places[i], 0755) != 0 && errno != EEXIST) return errno;
    if (syscall(MOVE_MOUNT, mounts[i], "", AT_FDCWD, places[i],
                FROM_DESCRIPTOR | TO_FOLLOWS_LINKS) != 0)
      return errno;
  }
  return 0;
}

static int enter(const char **what) {
  static const char *const places[] = {"/dev", "/proc", "/sys", "/run", "/tmp"};
  enum { COUNT = sizeof places / sizeof *places };
  int mounts[COUNT], failed = 0;
  for (size_t i = 0; i < COUNT; i++) {
    mounts[i] = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (mounts[i] < 0) failed = errno;
  }
  *what = "entering the root";
  /* The kernel's own threads share the root and the working directory with the first process, and
   * start programs in them ("/sbin/modprobe", "/sbin/request-key"): theirs stays the initramfs. */
  if (failed == 0 && unshare(CLONE_FS) != 0) failed = errno;
  if (failed == 0 && (chdir(NEW) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 ||
                      chroot(".") != 0 || chdir("/") != 0))
    failed = errno;
  if (failed == 0) {
    *what = "mounting /dev, /proc, /sys, /run and /tmp in the root";
    failed = carry_over(mounts, places, COUNT);
  }
  for (size_t i = 0; i < COUNT; i++)
    if (mounts[i] >= 0) close(mounts[i]);
  return failed;
}

void kv_root(struct kv_agent *agent, uint32_t id, const struct kv_root_request *request) {
  const char *what = "the root comes once, and before anything runs";
  int failed = agent->set_up.rooted || agent->set_up.limited || agent->set_up.begun ? EBUSY : 0;
  agent->set_up.rooted = true;
  if (failed == 0 && !agent->is_init) {
    what = "the root is not a guest's";
    failed = EPERM;
  }
  if (failed == 0) failed = build(agent, request, &what);
  if (failed == 0) failed = enter(&what);
  if (failed == 0) failed = kv_identity_write(agent, &what);
  agent->set_up.failed |= failed != 0;
  if (failed == 0)
    kv_send_done(agent, id, 0, 0);
  else
    kv_send_failed(agent, id, failed, what);
}
