/* Revocation: the lists that came with the evidence and those of the verifier (RFC 5280, chapter 5;
 * AMD 57230 for what AMD puts in them). */
#include <string.h>

#include "snp/verify_case.h"

/* How the lists of the chain's ARK came out, together. */
typedef struct tally {
  size_t given, of_this_ark;
  const char *unsigned_by, *extension; /* what is wrong with one; NULL: nothing */
  int64_t latest_this, latest_next;    /* of the one that lives longest */
  bool has_current, lists_ask, lists_vek;
} tally;

static kv_check *check_of(kv_case *c, kv_check_id id) { return &c->result->checks[id]; }

static bool is_signed(kv_case *c, const kv_crl *crl, const kv_credential *ark) {
  return crl->pss_sha384 && ark->rsa &&
         kv_rsa_pss_verify(&c->verifier->digests, ark->rsa, crl->tbs, crl->signature);
}

/* The same, remembered with the list. */
static bool is_held_signed(kv_case *c, kv_held_crl *held, const kv_credential *ark) {
  if (atomic_load(&held->verified))
    if (memcmp(held->verified_by, ark->key_id, KV_SHA256_SIZE) == 0) return true;
  if (!is_signed(c, &held->crl, ark)) return false;
  pthread_mutex_lock(&c->verifier->crl_lock);
  if (!atomic_load(&held->verified) && c->result->root) {
    memcpy(held->verified_by, ark->key_id, KV_SHA256_SIZE);
    atomic_store(&held->verified, true);
  }
  pthread_mutex_unlock(&c->verifier->crl_lock);
  return true;
}

static void count(kv_case *c, const kv_crl *crl, kv_held_crl *held, tally *t) {
  const kv_credential *ark = c->ark.credential;
  t->given++;
  if (!ark || !kv_slice_equal(crl->issuer, ark->certificate.subject)) return;
  t->of_this_ark++;
  if (!(held ? is_held_signed(c, held, ark) : is_signed(c, crl, ark)))
    t->unsigned_by = "not by the ARK's key";
  if (crl->problem[0]) t->extension = "an unknown critical or a malformed one";
  if (crl->authority.size > 0 && ark->certificate.key_id.size > 0 &&
      !kv_slice_equal(crl->authority, ark->certificate.key_id))
    t->extension = "authorityKeyIdentifier is not the ARK's";
  if (t->of_this_ark == 1 || crl->next_update > t->latest_next) {
    t->latest_this = crl->this_update;
    t->latest_next = crl->next_update;
  }
  t->has_current |= crl->this_update <= c->input->now && c->input->now <= crl->next_update;
  if (c->ask.credential) t->lists_ask |= kv_crl_lists(crl, c->ask.credential->certificate.serial);
  if (c->vek.credential) t->lists_vek |= kv_crl_lists(crl, c->vek.credential->certificate.serial);
}

/* Reads what came with the evidence. *error: what is wrong with one of them. */
static void count_given(kv_case *c, tally *t, kv_error *error) {
  for (size_t i = 0; i < c->input->crl_count; i++) {
    kv_crl crl;
    kv_error why = {0};
    if (kv_crl_parse(c->input->crls[i], &crl, &why) == 0) {
      count(c, &crl, NULL, t);
    } else {
      t->given++;
      *error = why;
    }
  }
}

static void skip_from(kv_case *c, kv_check_id from, bool optional, const char *why) {
  for (int i = (int)from; i <= KV_CHECK_CRL_VEK; i++)
    kv_check_skip(check_of(c, (kv_check_id)i), optional, why);
}

static void check_revoked(kv_case *c, kv_check_id id, const kv_slot *slot, bool listed) {
  kv_check *check = check_of(c, id);
  if (!slot->credential) {
    kv_check_skip(check, false, "there is no readable certificate");
    return;
  }
  kv_slice serial = slot->credential->certificate.serial;
  check->expected = "a serial number that is not listed";
  check->found = kv_say_hex(c, serial.bytes, serial.size);
  kv_check_judge(check, !listed);
  if (listed) kv_check_explain(check, "revoked");
}

static void check_contents(kv_case *c, const tally *t) {
  kv_check *check = check_of(c, KV_CHECK_CRL_SIGNATURE);
  check->expected = "by the ARK's key";
  check->found = t->unsigned_by ? t->unsigned_by : check->expected;
  kv_check_judge(check, !t->unsigned_by);

  check = check_of(c, KV_CHECK_CRL_EXTENSIONS);
  check->expected = "none unknown and critical, the ARK's key identifier";
  check->found = t->extension ? t->extension : check->expected;
  kv_check_judge(check, !t->extension);

  check = check_of(c, KV_CHECK_CRL_VALIDITY);
  char from[KV_TIME_TEXT], to[KV_TIME_TEXT];
  check->expected =
      kv_say(c, "%s to %s", kv_time_text(t->latest_this, from), kv_time_text(t->latest_next, to));
  check->found = kv_say(c, "%s", kv_time_text(c->input->now, from));
  kv_check_judge(check, t->has_current);
  if (!t->has_current)
    kv_check_explain(check, c->input->now > t->latest_next ? "stale" : "not yet valid");

  check_revoked(c, KV_CHECK_CRL_ASK, &c->ask, t->lists_ask);
  check_revoked(c, KV_CHECK_CRL_VEK, &c->vek, t->lists_vek);
}

void kv_case_check_crls(kv_case *c) {
  tally t = {0};
  kv_error error = {{0}, {0}};
  count_given(c, &t, &error);
  for (size_t i = 0; i < c->verifier->crl_count; i++)
    count(c, &c->verifier->crls[i].crl, &c->verifier->crls[i], &t);
  if (t.given == 0) {
    skip_from(c, KV_CHECK_CRL_ENCODING, true, "no CRL was given");
    return;
  }
  kv_check *check = check_of(c, KV_CHECK_CRL_ENCODING);
  check->expected = "X.509 v2, DER";
  check->found = error.message[0] ? kv_say(c, "%s", error.message) : check->expected;
  kv_check_judge(check, !error.message[0]);
  if (!c->ark.credential) {
    skip_from(c, KV_CHECK_CRL_ISSUER, false, "there is no readable ARK");
    return;
  }
  check = check_of(c, KV_CHECK_CRL_ISSUER);
  kv_slice cn = c->ark.credential->certificate.subject_cn;
  check->expected = kv_say(c, "%.*s", (int)cn.size, (const char *)cn.bytes);
  kv_check_judge(check, t.of_this_ark > 0);
  if (t.of_this_ark > 0)
    check->found = check->expected;
  else
    check->found = "other issuers only";
  if (t.of_this_ark > 0)
    check_contents(c, &t);
  else
    skip_from(c, KV_CHECK_CRL_SIGNATURE, false, "no CRL of this ARK was given");
}
