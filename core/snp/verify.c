#include "snp/verify.h"

#include <stdlib.h>
#include <string.h>

#include "snp/verify_case.h"

/* Places for 4 times as many credentials: about 10 KiB each. */
enum { AUTHORITY_SETS = 16, VEK_SETS = 256 };

/* ---- the verifier ---- */

kv_credential *kv_verifier_load(kv_verifier *v, kv_keyring *keyring, kv_slice der,
                                kv_error *error) {
  uint8_t id[KV_SHA256_SIZE] = {0};
  if (der.size > KV_X509_SIZE_MAX) return kv_credential_new(der, id, &v->digests, v->curve, error);
  if (!kv_digest(v->digests.sha256, der, id)) {
    kv_fail(error, "io", "out of memory");
    return NULL;
  }
  kv_credential *known = kv_keyring_get(keyring, id);
  return known ? known : kv_credential_new(der, id, &v->digests, v->curve, error);
}

static int add_to_pool(kv_verifier *v, kv_slice der, const char *what, size_t number,
                       kv_error *error) {
  kv_error why = {0};
  kv_credential *c = kv_verifier_load(v, v->authorities, der, &why);
  if (!c)
    return kv_fail(error, "invalid_argument", "%s %zu cannot be read: %s", what, number,
                   why.message);
  v->pool[v->pool_count++] = c;
  if (!c->rsa)
    return kv_fail(error, "invalid_argument", "the key of %s %zu must be RSA-4096, but is %s", what,
                   number, c->certificate.key_text);
  return 0;
}

static int fill_pool(kv_verifier *v, const kv_verifier_options *options, kv_error *error) {
  size_t count = options->root_count + options->certificate_count;
  v->pool = calloc(count + 1, sizeof *v->pool);
  if (!v->pool) return kv_fail(error, "io", "out of memory");
  for (size_t i = 0; i < options->root_count; i++)
    if (add_to_pool(v, options->roots[i], "root", i + 1, error) < 0) return -1;
  v->root_count = options->root_count;
  for (size_t i = 0; i < options->certificate_count; i++)
    if (add_to_pool(v, options->certificates[i], "certificate", i + 1, error) < 0) return -1;
  return 0;
}

static int hold_crls(kv_verifier *v, const kv_verifier_options *options, kv_error *error) {
  v->crls = calloc(options->crl_count + 1, sizeof *v->crls);
  if (!v->crls) return kv_fail(error, "io", "out of memory");
  for (size_t i = 0; i < options->crl_count; i++) {
    kv_held_crl *held = &v->crls[v->crl_count++];
    kv_slice der = options->crls[i];
    kv_error why = {0};
    held->der = malloc(der.size + 1);
    if (!held->der) return kv_fail(error, "io", "out of memory");
    if (der.size > 0) memcpy(held->der, der.bytes, der.size);
    if (kv_crl_parse((kv_slice){held->der, der.size}, &held->crl, &why) < 0)
      return kv_fail(error, "invalid_argument", "revocation list %zu cannot be read: %s", i + 1,
                     why.message);
  }
  return 0;
}

kv_verifier *kv_verifier_new(const kv_verifier_options *options, kv_error *error) {
  kv_verifier *v = calloc(1, sizeof *v);
  if (!v) {
    kv_fail(error, "io", "out of memory");
    return NULL;
  }
  pthread_mutex_init(&v->crl_lock, NULL);
  bool fetched = kv_digests_fetch(&v->digests);
  v->curve = kv_p384_new();
  v->authorities = kv_keyring_new(AUTHORITY_SETS);
  v->veks = kv_keyring_new(VEK_SETS);
  if (!fetched || !v->curve || !v->authorities || !v->veks)
    kv_fail(error, "io", "out of memory");
  else if (fill_pool(v, options, error) == 0 && hold_crls(v, options, error) == 0)
    return v;
  kv_verifier_free(v);
  return NULL;
}

void kv_verifier_free(kv_verifier *v) {
  if (!v) return;
  for (size_t i = 0; i < v->crl_count; i++) free(v->crls[i].der);
  free(v->crls);
  for (size_t i = 0; i < v->pool_count; i++) kv_credential_release(v->pool[i]);
  free(v->pool);
  kv_keyring_free(v->veks);
  kv_keyring_free(v->authorities);
  kv_p384_free(v->curve);
  kv_digests_free(&v->digests);
  pthread_mutex_destroy(&v->crl_lock);
  free(v);
}

/* ---- a verification ---- */

static void read_report(kv_case *c) {
  kv_verify_result *r = c->result;
  const uint8_t *b = c->input->report.bytes;
  kv_error ignored;
  r->report_version = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
  r->readable = kv_report_parse(b, c->input->report.size, &c->report, &ignored) == 0;
}

/* What the certificates say about themselves: told even if they turn out not to be genuine. */
static void describe(kv_case *c) {
  kv_verify_result *r = c->result;
  r->product = c->product;
  if (r->product == KV_PRODUCT_UNKNOWN) r->product = c->input->product;
  if (r->product == KV_PRODUCT_UNKNOWN && r->readable)
    r->product = kv_product_of_report(&c->report);
  r->missing = !c->vek.given ? "vek" : !c->ask.given ? "ask" : !c->ark.given ? "ark" : NULL;
  if (!c->vek.credential) return;
  r->signed_by = c->vlek ? "vlek" : "vcek";
  const kv_amd_extension *csp = &c->vek.credential->certificate.amd[KV_AMD_CSP_ID];
  if (csp->state == KV_AMD_PRESENT && csp->value.size < sizeof r->csp_id)
    memcpy(r->csp_id, csp->value.bytes, csp->value.size);
}

static bool is_genuine(const kv_verify_result *r) {
  for (size_t i = 0; i < KV_CHECK_TCB_REPORTED; i++) {
    const kv_check *check = &r->checks[i];
    if (check->status == KV_FAIL) return false;
    if (check->status == KV_NOT_CHECKED && !check->optional) return false;
  }
  return true;
}

static void clear(kv_verify_result *r) {
  r->genuine = false;
  r->product = KV_PRODUCT_UNKNOWN;
  r->signed_by = r->root = r->missing = NULL;
  memset(r->csp_id, 0, sizeof r->csp_id);
  for (size_t i = 0; i < KV_CHECKS; i++)
    r->checks[i] = (kv_check){.expected = "", .found = "", .reason = ""};
  r->texts.used = 0;
}

const char *kv_say(kv_case *c, const char *format, ...) {
  va_list words;
  va_start(words, format);
  const char *text = kv_texts_add(&c->result->texts, format, words);
  va_end(words);
  return text;
}

const char *kv_say_hex(kv_case *c, const uint8_t *bytes, size_t size) {
  return kv_texts_add_hex(&c->result->texts, bytes, size);
}

int kv_verify(kv_verifier *verifier, const kv_verify_input *input, kv_verify_result *result,
              kv_error *error) {
  if (input->report.size != KV_REPORT_SIZE)
    return kv_fail(error, "invalid_argument", "a report has %d bytes, not %zu", KV_REPORT_SIZE,
                   input->report.size);
  kv_case c = {.verifier = verifier, .input = input, .result = result};
  clear(result);
  read_report(&c);
  kv_case_select(&c);
  describe(&c);
  kv_case_check_report(&c);
  kv_case_check_chain(&c);
  kv_case_check_crls(&c);
  kv_case_check_binding(&c);
  kv_case_check_signature(&c);
  kv_case_check_policy(&c);
  result->genuine = is_genuine(result);
  kv_credential_release(c.vek.credential);
  kv_credential_release(c.ask.credential);
  kv_credential_release(c.ark.credential);
  return 0;
}
