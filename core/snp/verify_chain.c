/* The chain: ARK, ASK or ASVK, VCEK or VLEK (AMD 57230, chapter 3; 58369 for the VLEK). */
#include <stdio.h>
#include <string.h>

#include "snp/verify_case.h"

/* What is different in each of the three places. */
typedef struct place {
  kv_check_id first; /* of its seven checks */
  const char *who;
  kv_slot *slot, *issuer;
  kv_key_kind key;
  char subject[32], issuer_cn[32];
} place;

/* SHA-256 of the SubjectPublicKeyInfo of AMD's root keys, from the certificates at
 * https://kdsintf.amd.com/vcek/v1/<product>/cert_chain. */
static const struct {
  kv_product product;
  uint8_t key_id[KV_SHA256_SIZE];
} PINS[] = {
    {KV_PRODUCT_MILAN, {0x9f, 0x05, 0x6b, 0xee, 0x44, 0x37, 0x7e, 0x29, 0x30, 0x8c, 0xb5,
                        0xff, 0xa8, 0x95, 0xbd, 0xfb, 0x62, 0xd1, 0x88, 0x81, 0xfa, 0x6b,
                        0xed, 0x8d, 0x6f, 0x07, 0x5b, 0x02, 0x04, 0x08, 0x9c, 0xb9}},
    {KV_PRODUCT_GENOA, {0x42, 0x9a, 0x69, 0xc9, 0x42, 0x2a, 0xa2, 0x58, 0xee, 0x4d, 0x8d,
                        0xb5, 0xfc, 0xda, 0x9c, 0x64, 0x70, 0xef, 0x15, 0xf8, 0xcd, 0x5a,
                        0x9c, 0xeb, 0xd6, 0xcb, 0xc7, 0xd9, 0x0b, 0x86, 0x38, 0x31}},
    {KV_PRODUCT_TURIN, {0x4f, 0x12, 0x54, 0x10, 0x56, 0x3a, 0x2a, 0xb9, 0xa5, 0x03, 0x56,
                        0xf9, 0x24, 0x3f, 0x6f, 0xe0, 0xb6, 0xf7, 0x3d, 0xe9, 0x86, 0x03,
                        0xf5, 0x3f, 0x90, 0x33, 0x9c, 0x70, 0xe9, 0xd7, 0xad, 0x08}},
};

static kv_check *check_of(kv_case *c, const place *at, int which) {
  return &c->result->checks[(int)at->first + which];
}

static bool is_word(kv_slice text, const char *word) {
  return kv_slice_is(text, word, strlen(word));
}

/* ---- each on its own ---- */

static void check_names(kv_case *c, const place *at) {
  kv_check *check = check_of(c, at, KV_OF_NAMES);
  const kv_certificate *x = &at->slot->credential->certificate;
  check->expected = kv_say(c, "%s, issued by %s", at->subject, at->issuer_cn);
  check->found =
      kv_say(c, "%.*s, issued by %.*s", (int)x->subject_cn.size, (const char *)x->subject_cn.bytes,
             (int)x->issuer_cn.size, (const char *)x->issuer_cn.bytes);
  if (c->product == KV_PRODUCT_UNKNOWN) {
    kv_check_explain(check, "no product of AMD's is named as the VCEK's or VLEK's issuer");
    return;
  }
  kv_check_judge(check,
                 is_word(x->subject_cn, at->subject) && is_word(x->issuer_cn, at->issuer_cn));
  if (check->status == KV_FAIL || !at->issuer->credential) return;
  if (!kv_slice_equal(x->issuer, at->issuer->credential->certificate.subject))
    kv_check_explain(check, "its issuer's name is not that of the certificate above it");
}

static void check_key(kv_case *c, const place *at) {
  kv_check *check = check_of(c, at, KV_OF_KEY);
  const kv_credential *x = at->slot->credential;
  bool usable = at->key == KV_KEY_P384 ? x->p384 != NULL : x->rsa != NULL;
  check->expected = at->key == KV_KEY_P384 ? "EC P-384" : "RSA-4096";
  check->found = x->certificate.key_text;
  kv_check_judge(check, x->certificate.key == at->key && usable);
  if (x->certificate.key == at->key && !usable)
    kv_check_explain(check, "its point is not on the curve");
}

static void check_algorithm(kv_case *c, const place *at) {
  static const char PSS[] = "RSASSA-PSS, SHA-384, MGF1 SHA-384, salt 48";
  kv_check *check = check_of(c, at, KV_OF_ALGORITHM);
  bool good = at->slot->credential->certificate.pss_sha384;
  check->expected = PSS;
  check->found = good ? PSS : "another";
  kv_check_judge(check, good);
}

static void check_validity(kv_case *c, const place *at) {
  kv_check *check = check_of(c, at, KV_OF_VALIDITY);
  const kv_certificate *x = &at->slot->credential->certificate;
  int64_t now = c->input->now;
  char from[KV_TIME_TEXT], to[KV_TIME_TEXT];
  check->expected =
      kv_say(c, "%s to %s", kv_time_text(x->not_before, from), kv_time_text(x->not_after, to));
  check->found = kv_say(c, "%s", kv_time_text(now, from));
  kv_check_judge(check, x->not_before <= now && now <= x->not_after);
  if (now < x->not_before) kv_check_explain(check, "not yet valid");
  if (now > x->not_after) kv_check_explain(check, "expired");
}

/* Of an authority: RFC 5280, 4.2.1.3 and 4.2.1.9. NULL: good. */
static const char *authority_problem(const kv_certificate *x, bool root) {
  if (!x->has_basic_constraints || !x->ca) return "basicConstraints does not say CA";
  if (!root && x->path_length > 0) return "basicConstraints allows a longer chain";
  if (!x->has_key_usage || !(x->key_usage & KV_KEY_USAGE_CERT_SIGN))
    return "keyUsage has no keyCertSign";
  return NULL;
}

static void check_extensions(kv_case *c, const place *at) {
  kv_check *check = check_of(c, at, KV_OF_EXTENSIONS);
  const kv_certificate *x = &at->slot->credential->certificate;
  const char *wrong = x->problem[0] ? x->problem : NULL;
  bool vek = at->key == KV_KEY_P384;
  check->expected =
      vek ? "no unknown critical one, none twice" : "CA, keyCertSign, none unknown and critical";
  if (!wrong && !vek) wrong = authority_problem(x, at->slot == &c->ark);
  if (!wrong && vek && x->ca) wrong = "basicConstraints says CA";
  check->found = wrong ? kv_say(c, "%s", wrong) : check->expected;
  kv_check_judge(check, !wrong);
}

/* ---- signatures ---- */

static bool is_verified_by(const kv_credential *x, const kv_credential *issuer) {
  return x->verified && memcmp(x->verified_by, issuer->key_id, KV_SHA256_SIZE) == 0;
}

static bool verify(kv_case *c, kv_credential *x, const kv_credential *issuer) {
  return is_verified_by(x, issuer) ||
         kv_rsa_pss_verify(&c->verifier->digests, issuer->rsa, x->certificate.tbs,
                           x->certificate.signature);
}

static void check_signature(kv_case *c, const place *at) {
  kv_check *check = check_of(c, at, KV_OF_SIGNATURE);
  const kv_credential *issuer = at->issuer->credential;
  check->expected = "by the issuer's key";
  if (!issuer) {
    kv_check_skip(check, false, "there is no readable certificate of its issuer");
  } else if (!issuer->rsa) {
    kv_check_skip(check, false, "its issuer's key is not RSA-4096");
  } else if (!at->slot->credential->certificate.pss_sha384) {
    kv_check_skip(check, false, "it is signed with another algorithm");
  } else {
    bool good = verify(c, at->slot->credential, issuer);
    check->found = good ? check->expected : "not by the issuer's key";
    kv_check_judge(check, good);
  }
}

/* ---- the places ---- */

static void skip_all(kv_case *c, const place *at, int from, const char *why) {
  for (int i = from; i <= KV_OF_SIGNATURE; i++) kv_check_skip(check_of(c, at, i), false, why);
}

static void check_place(kv_case *c, const place *at) {
  kv_check *encoding = check_of(c, at, KV_OF_ENCODING);
  if (!at->slot->given) {
    skip_all(c, at, KV_OF_ENCODING, kv_say(c, "no %s was given", at->who));
    return;
  }
  encoding->expected = "X.509 v3, DER";
  if (!at->slot->credential) {
    encoding->found = kv_say(c, "%s", at->slot->error.message);
    kv_check_judge(encoding, false);
    skip_all(c, at, KV_OF_NAMES, kv_say(c, "the %s cannot be read", at->who));
    return;
  }
  encoding->found = encoding->expected;
  kv_check_judge(encoding, true);
  check_names(c, at);
  check_key(c, at);
  check_algorithm(c, at);
  check_validity(c, at);
  check_extensions(c, at);
  check_signature(c, at);
}

static void name_places(kv_case *c, place *vek, place *ask, place *ark) {
  const char *product = kv_product_name(c->product), *kind = c->vlek ? "SEV-VLEK" : "SEV";
  snprintf(vek->subject, sizeof vek->subject, "%s", c->vlek ? "SEV-VLEK" : "SEV-VCEK");
  snprintf(ask->subject, sizeof ask->subject, "%s-%s", kind, product);
  snprintf(ark->subject, sizeof ark->subject, "ARK-%s", product);
  memcpy(vek->issuer_cn, ask->subject, sizeof vek->issuer_cn);
  memcpy(ask->issuer_cn, ark->subject, sizeof ask->issuer_cn);
  memcpy(ark->issuer_cn, ark->subject, sizeof ark->issuer_cn);
}

static void check_count(kv_case *c) {
  kv_check *check = &c->result->checks[KV_CHECK_CERTIFICATES];
  const kv_slot *slots[] = {&c->vek, &c->ask, &c->ark};
  static const char *const NAMES[] = {"VCEK or VLEK", "ASK or ASVK", "ARK"};
  const char *missing = NULL;
  unsigned others = 0;
  check->expected = "one VCEK or VLEK, one ASK or ASVK, one ARK";
  for (size_t i = 0; i < 3; i++) {
    others += slots[i]->others;
    if (!slots[i]->given && !missing) missing = NAMES[i];
  }
  kv_check_judge(check, others == 0);
  check->found = others ? "different certificates for one place" : check->expected;
  if (!missing) return;
  check->found = kv_say(c, "no %s", missing);
  if (others == 0)
    kv_check_skip(
        check, false,
        kv_say(c, c->vek.given ? "no %s was given" : "no %s to verify with was given", missing));
}

/* ---- trust ---- */

/* Whose root it is, as kv_verify_result.root has it. The name must be of the product that the key
 * is pinned for; check_names has compared it with the chain's product. */
static const char *root_of(kv_case *c, const kv_credential *ark) {
  if (!ark->rsa) return NULL;
  for (size_t i = 0; i < sizeof PINS / sizeof *PINS; i++)
    if (memcmp(PINS[i].key_id, ark->key_id, KV_SHA256_SIZE) == 0)
      return PINS[i].product == c->product ? "amd" : NULL;
  for (size_t i = 0; i < c->verifier->root_count; i++)
    if (memcmp(c->verifier->pool[i]->key_id, ark->key_id, KV_SHA256_SIZE) == 0) return "given";
  return NULL;
}

static void check_trust(kv_case *c) {
  kv_check *check = &c->result->checks[KV_CHECK_ARK_TRUSTED];
  const kv_credential *ark = c->ark.credential;
  if (!ark) {
    kv_check_skip(check, false, "there is no readable ARK");
    return;
  }
  check->expected = kv_say(c, "the public key of AMD's %s root%s", kv_product_name(c->product),
                           c->verifier->root_count ? ", or of a root that was given" : "");
  if (ark->rsa)
    check->found = kv_say_hex(c, ark->key_id, KV_SHA256_SIZE);
  else
    check->found = ark->certificate.key_text;
  c->result->root = root_of(c, ark);
  kv_check_judge(check, c->result->root != NULL);
}

/* ---- what is remembered ---- */

static void remember(kv_keyring *keyring, kv_credential *x, const kv_credential *issuer) {
  if (is_verified_by(x, issuer)) return;
  if (x->verified) return; /* in a keyring, by another key: it does not change any more */
  memcpy(x->verified_by, issuer->key_id, KV_SHA256_SIZE);
  x->verified = true;
  kv_keyring_put(keyring, x);
}

/* Only chains to a trusted root, so that nobody else fills the keyrings. */
static void remember_chain(kv_case *c) {
  const kv_check *checks = c->result->checks;
  if (!c->result->root || checks[KV_CHECK_ARK + KV_OF_SIGNATURE].status != KV_PASS) return;
  remember(c->verifier->authorities, c->ark.credential, c->ark.credential);
  if (checks[KV_CHECK_ASK + KV_OF_SIGNATURE].status != KV_PASS) return;
  remember(c->verifier->authorities, c->ask.credential, c->ark.credential);
  if (checks[KV_CHECK_VEK + KV_OF_SIGNATURE].status != KV_PASS) return;
  remember(c->verifier->veks, c->vek.credential, c->ask.credential);
}

void kv_case_check_chain(kv_case *c) {
  place vek = {.first = KV_CHECK_VEK,
               .who = "VCEK or VLEK",
               .slot = &c->vek,
               .issuer = &c->ask,
               .key = KV_KEY_P384};
  place ask = {.first = KV_CHECK_ASK,
               .who = "ASK or ASVK",
               .slot = &c->ask,
               .issuer = &c->ark,
               .key = KV_KEY_RSA_4096};
  place ark = {.first = KV_CHECK_ARK,
               .who = "ARK",
               .slot = &c->ark,
               .issuer = &c->ark,
               .key = KV_KEY_RSA_4096};
  name_places(c, &vek, &ask, &ark);
  check_count(c);
  check_place(c, &vek);
  check_place(c, &ask);
  check_place(c, &ark);
  check_trust(c);
  remember_chain(c);
}
