/* Which of the certificates that were given are the three of the chain. */
#include <string.h>

#include "snp/verify_case.h"

enum { ROLES = KV_PART_CRL + 1 };

typedef struct candidate {
  kv_slice der;
  unsigned others;
} candidate;

/* By the subject, which a hostile certificate may choose: it only chooses the place. */
static kv_part_role role_of(kv_slice der) {
  kv_certificate certificate;
  kv_error ignored;
  if (kv_certificate_parse(der, &certificate, &ignored) < 0) return KV_PART_UNKNOWN;
  kv_slice cn = certificate.subject_cn;
  if (KV_SLICE_IS(cn, "SEV-VCEK")) return KV_PART_VCEK;
  if (KV_SLICE_IS(cn, "SEV-VLEK")) return KV_PART_VLEK;
  if (cn.size > 9 && memcmp(cn.bytes, "SEV-VLEK-", 9) == 0) return KV_PART_ASVK;
  if (cn.size > 4 && memcmp(cn.bytes, "SEV-", 4) == 0) return KV_PART_ASK;
  if (cn.size > 4 && memcmp(cn.bytes, "ARK-", 4) == 0) return KV_PART_ARK;
  return KV_PART_UNKNOWN;
}

static void collect(kv_case *c, candidate found[ROLES]) {
  for (size_t i = 0; i < c->input->certificate_count; i++) {
    const kv_verify_certificate *given = &c->input->certificates[i];
    kv_part_role role = given->role;
    if (role == KV_PART_UNKNOWN) role = role_of(given->der);
    candidate *to = &found[role];
    if (!to->der.bytes)
      to->der = given->der;
    else if (!kv_slice_equal(to->der, given->der))
      to->others++;
  }
}

/* Of two kinds the wanted one, else the other. */
static const candidate *prefer(const candidate *wanted, const candidate *other) {
  return wanted->der.bytes ? wanted : other;
}

static void fill(kv_case *c, kv_slot *slot, kv_keyring *keyring, const candidate *chosen) {
  slot->der = chosen->der;
  slot->others = chosen->others;
  slot->given = chosen->der.bytes != NULL;
  if (slot->given)
    slot->credential = kv_verifier_load(c->verifier, keyring, slot->der, &slot->error);
}

/* Where the evidence has none: one whose subject is the issuer of `below`. */
static void fill_from_pool(kv_case *c, kv_slot *slot, const kv_slot *below) {
  const kv_verifier *v = c->verifier;
  if (slot->given || !below->credential) return;
  for (size_t i = 0; i < v->pool_count; i++) {
    if (!kv_slice_equal(v->pool[i]->certificate.subject, below->credential->certificate.issuer))
      continue;
    /* Through the keyring: the one there is known to be verified. */
    slot->der = v->pool[i]->certificate.der;
    slot->credential = kv_verifier_load(c->verifier, v->authorities, slot->der, &slot->error);
    slot->given = true;
    return;
  }
}

static bool ends_with(kv_slice text, size_t skip, const char *name) {
  return text.size == skip + strlen(name) && memcmp(text.bytes + skip, name, strlen(name)) == 0;
}

/* The product of "<prefix><product>", exactly. */
static kv_product product_after(kv_slice cn, const char *prefix) {
  size_t skip = strlen(prefix);
  if (cn.size < skip || memcmp(cn.bytes, prefix, skip) != 0) return KV_PRODUCT_UNKNOWN;
  for (int p = KV_PRODUCT_MILAN; p <= KV_PRODUCT_TURIN; p++)
    if (ends_with(cn, skip, kv_product_name((kv_product)p))) return (kv_product)p;
  return KV_PRODUCT_UNKNOWN;
}

static void describe_kind(kv_case *c, bool vlek_by_role) {
  c->vlek = vlek_by_role;
  if (!c->vek.credential) return;
  kv_slice cn = c->vek.credential->certificate.subject_cn;
  if (KV_SLICE_IS(cn, "SEV-VLEK")) c->vlek = true;
  if (KV_SLICE_IS(cn, "SEV-VCEK")) c->vlek = false;
}

/* By the VEK's issuer; without a VEK by the name of the next one up, so that it can be checked. */
static kv_product find_product(const kv_case *c) {
  const char *prefix = c->vlek ? "SEV-VLEK-" : "SEV-";
  if (c->vek.credential) return product_after(c->vek.credential->certificate.issuer_cn, prefix);
  if (c->ask.credential) return product_after(c->ask.credential->certificate.subject_cn, prefix);
  if (c->ark.credential) return product_after(c->ark.credential->certificate.subject_cn, "ARK-");
  return KV_PRODUCT_UNKNOWN;
}

void kv_case_select(kv_case *c) {
  candidate found[ROLES] = {{{0}, 0}};
  collect(c, found);
  bool wanted = c->result->readable && kv_report_signing_key(&c->report) == KV_SIGNING_KEY_VLEK;
  const candidate *vcek = &found[KV_PART_VCEK], *vlek = &found[KV_PART_VLEK];
  const candidate *vek = wanted ? prefer(vlek, vcek) : prefer(vcek, vlek);
  fill(c, &c->vek, c->verifier->veks, vek);
  describe_kind(c, c->vek.given ? vek == vlek : wanted);
  const candidate *ask = &found[KV_PART_ASK], *asvk = &found[KV_PART_ASVK];
  fill(c, &c->ask, c->verifier->authorities, c->vlek ? prefer(asvk, ask) : prefer(ask, asvk));
  fill_from_pool(c, &c->ask, &c->vek);
  fill(c, &c->ark, c->verifier->authorities, &found[KV_PART_ARK]);
  fill_from_pool(c, &c->ark, &c->ask);
  c->product = find_product(c);
}
