#include "snp/vmsa.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "base/little.h"

/* Offsets in the save area. */
enum {
  ES = 0x000,
  CS = 0x010,
  SS = 0x020,
  DS = 0x030,
  FS = 0x040,
  GS = 0x050,
  GDTR = 0x060,
  LDTR = 0x070,
  IDTR = 0x080,
  TR = 0x090,
  EFER = 0x0d0,
  CR4 = 0x148,
  CR0 = 0x158,
  DR7 = 0x160,
  DR6 = 0x168,
  RFLAGS = 0x170,
  RIP = 0x178,
  G_PAT = 0x268,
  RDX = 0x310,
  SEV_FEATURES = 0x3b0,
  XCR0 = 0x3e8,
  MXCSR = 0x408,
  X87_FCW = 0x410,
};

/* What the VMMs set differently. */
typedef struct vmm_state {
  const char *name;
  uint16_t bsp_cs, ss, tr; /* attributes */
  uint64_t g_pat;
  bool cpuid_in_rdx; /* else RDX is 0x600 */
  uint32_t mxcsr;
  uint16_t x87_fcw;
} vmm_state;

#define PAT_RESET UINT64_C(0x0007040600070406) /* APM volume 2, table 14-1 */

static const vmm_state VMMS[] = {
    [KV_VMM_QEMU] = {"QEMU", 0x9b, 0x93, 0x8b, PAT_RESET, true, 0x1f80, 0x37f},
    [KV_VMM_EC2] = {"ec2", 0x9a, 0x92, 0x83, PAT_RESET, false, 0, 0},
    [KV_VMM_GCE] = {"gce", 0x9b, 0x93, 0x8b, UINT64_C(0x00070106), false, 0, 0},
};

int kv_vmm_parse(const char *name, kv_vmm *vmm, kv_error *error) {
  for (size_t i = 0; i < sizeof VMMS / sizeof *VMMS; i++) {
    if (strcasecmp(name, VMMS[i].name) == 0) {
      *vmm = (kv_vmm)i;
      return 0;
    }
  }
  return kv_fail(error, "invalid_argument", "unknown VMM '%s' (use QEMU, ec2 or gce)", name);
}

static void put_segment(uint8_t *at, uint16_t selector, uint16_t attributes, uint32_t limit,
                        uint64_t base) {
  kv_put_le(at, selector, 2);
  kv_put_le(at + 2, attributes, 2);
  kv_put_le(at + 4, limit, 4);
  kv_put_le(at + 8, base, 8);
}

/* What every CPU begins with. */
static void put_common(uint8_t *page) {
  memset(page, 0, KV_PAGE_SIZE);
  put_segment(page + GDTR, 0, 0, 0xffff, 0);
  put_segment(page + LDTR, 0, 0x82, 0xffff, 0);
  put_segment(page + IDTR, 0, 0, 0xffff, 0);
  kv_put_le(page + EFER, 0x1000, 8); /* SVME */
  kv_put_le(page + CR4, 0x40, 8);    /* MCE */
  kv_put_le(page + DR7, 0x400, 8);
  kv_put_le(page + DR6, 0xffff0ff0, 8);
  kv_put_le(page + RFLAGS, 2, 8);
  kv_put_le(page + XCR0, 1, 8);
}

void kv_vmsa_page(kv_vmm vmm, uint32_t eip, uint32_t signature, uint64_t features,
                  uint8_t page[KV_PAGE_SIZE]) {
  static const size_t DATA_SEGMENTS[] = {ES, DS, FS, GS};
  const vmm_state *own = &VMMS[vmm];
  put_common(page);
  for (size_t i = 0; i < sizeof DATA_SEGMENTS / sizeof *DATA_SEGMENTS; i++)
    put_segment(page + DATA_SEGMENTS[i], 0, 0x93, 0xffff, 0);
  put_segment(page + CS, 0xf000, eip == KV_VMSA_RESET_EIP ? own->bsp_cs : 0x9b, 0xffff,
              eip & 0xffff0000);
  put_segment(page + SS, 0, own->ss, 0xffff, 0);
  put_segment(page + TR, 0, own->tr, 0xffff, 0);
  kv_put_le(page + CR0, 0x10, 8); /* ET */
  kv_put_le(page + RIP, eip & 0xffff, 8);
  kv_put_le(page + G_PAT, own->g_pat, 8);
  kv_put_le(page + RDX, own->cpuid_in_rdx ? signature : 0x600, 8);
  kv_put_le(page + SEV_FEATURES, features, 8);
  kv_put_le(page + MXCSR, own->mxcsr, 4);
  kv_put_le(page + X87_FCW, own->x87_fcw, 2);
}

void kv_vmsa_svsm_page(uint32_t rip, uint32_t signature, uint8_t page[KV_PAGE_SIZE]) {
  static const size_t DATA_SEGMENTS[] = {ES, SS, DS, FS};
  put_common(page);
  for (size_t i = 0; i < sizeof DATA_SEGMENTS / sizeof *DATA_SEGMENTS; i++)
    put_segment(page + DATA_SEGMENTS[i], 0x10, 0xc93, 0xffffffff, 0);
  put_segment(page + CS, 8, 0xc9b, 0xffffffff, 0);
  put_segment(page + GS, 0, 0x93, 0xffff, 0);
  put_segment(page + TR, 0, 0x8b, 0xffff, 0);
  kv_put_le(page + CR0, 0x11, 8); /* ET, PE */
  kv_put_le(page + RIP, rip, 8);
  kv_put_le(page + G_PAT, PAT_RESET, 8);
  kv_put_le(page + RDX, signature, 8);
  kv_put_le(page + SEV_FEATURES, 1, 8); /* SNPActive */
  kv_put_le(page + MXCSR, 0x1f80, 4);
}

int kv_cpu_signature(unsigned family, unsigned model, unsigned stepping, uint32_t *signature,
                     kv_error *error) {
  if (family > 0xf + 0xff)
    return kv_fail(error, "invalid_argument", "a CPU family is at most %d, not %u", 0xf + 0xff,
                   family);
  if (model > 0xff)
    return kv_fail(error, "invalid_argument", "a CPU model is at most 255, not %u", model);
  if (stepping > 0xf)
    return kv_fail(error, "invalid_argument", "a CPU stepping is at most 15, not %u", stepping);
  unsigned base = family > 0xf ? 0xf : family;
  *signature =
      (family - base) << 20 | (model >> 4) << 16 | base << 8 | (model & 0xf) << 4 | stepping;
  return 0;
}
