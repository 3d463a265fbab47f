/* Certificates and revocation lists: what is read of them lies within them, what cannot be read
 * says why, and a key that libcrypto is then given is one that it takes or refuses. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "snp/credential.h"
#include "snp/crl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
  if (!holds) abort();
}

/* A slice of `whole`, or an empty one; every byte is read. */
static void inside(kv_slice whole, kv_slice part) {
  static volatile uint8_t sink;
  if (part.size == 0) return;
  check(part.bytes >= whole.bytes && part.size <= whole.size);
  check(part.bytes + part.size <= whole.bytes + whole.size);
  for (size_t i = 0; i < part.size; i++) sink = (uint8_t)(sink ^ part.bytes[i]);
}

/* A common name is shown to people as it is. */
static void is_printable(kv_slice name) {
  for (size_t i = 0; i < name.size; i++) check(name.bytes[i] >= 0x20 && name.bytes[i] < 0x7f);
}

static void use_key(const kv_certificate *x) {
  check(x->key_text && *x->key_text);
  if (x->key == KV_KEY_P384) check(x->key_bytes.size == KV_P384_POINT_SIZE);
  if (x->key == KV_KEY_RSA_4096) check(x->key_bytes.size == KV_RSA_SIZE);
}

static void use_extensions(const kv_certificate *x) {
  for (int id = 0; id < KV_AMD_IDS; id++) {
    check(*kv_amd_name((kv_amd_id)id) != '\0');
    check(x->amd[id].state <= KV_AMD_REPEATED);
    inside(x->der, x->amd[id].value);
  }
  check(memchr(x->problem, 0, sizeof x->problem) != NULL);
  check(x->path_length >= -1);
}

static void use_certificate(const kv_certificate *x) {
  const kv_slice parts[] = {x->tbs,       x->signature,  x->serial, x->issuer,    x->subject,
                            x->issuer_cn, x->subject_cn, x->spki,   x->key_bytes, x->key_id};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) inside(x->der, parts[i]);
  is_printable(x->issuer_cn);
  is_printable(x->subject_cn);
  use_key(x);
  use_extensions(x);
}

static void has_reason(const kv_error *error) {
  check(error->message[0] != '\0' && strcmp(error->kind, "invalid_argument") == 0);
}

static void read_certificate(kv_slice der, const kv_digests *digests, kv_p384 *curve) {
  static const uint8_t id[KV_SHA256_SIZE];
  kv_certificate x;
  kv_error error = {.message = ""};
  int status = kv_certificate_parse(der, &x, &error);
  if (status == 0)
    use_certificate(&x);
  else
    has_reason(&error);

  error.message[0] = '\0';
  kv_credential *credential = kv_credential_new(der, id, digests, curve, &error);
  if (!credential) {
    has_reason(&error);
    return;
  }
  check(status == 0 && credential->certificate.key == x.key && !credential->verified);
  check((credential->rsa != NULL) == (x.key == KV_KEY_RSA_4096));
  kv_credential_release(credential);
}

static void read_crl(kv_slice der) {
  kv_crl crl;
  kv_error error = {.message = ""};
  if (kv_crl_parse(der, &crl, &error) < 0) {
    has_reason(&error);
    return;
  }
  const kv_slice parts[] = {crl.tbs,     crl.signature, crl.issuer, crl.issuer_cn,
                            crl.revoked, crl.authority, crl.number};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) inside(der, parts[i]);
  is_printable(crl.issuer_cn);
  check(memchr(crl.problem, 0, sizeof crl.problem) != NULL);
  /* Some bytes of it as a serial number: found or not, the search ends within the list. */
  kv_crl_lists(&crl, crl.number);
  kv_crl_lists(&crl, crl.revoked);
  if (crl.revoked.size == 0) check(!kv_crl_lists(&crl, crl.number));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static kv_digests digests;
  static kv_p384 *curve;
  if (!curve) {
    check(kv_digests_fetch(&digests));
    curve = kv_p384_new();
    check(curve != NULL);
  }
  /* A copy of exactly what is there, so that reading beyond it is seen. */
  uint8_t *bytes = malloc(size ? size : 1);
  if (!bytes) return 0;
  if (size) memcpy(bytes, data, size);
  read_certificate((kv_slice){bytes, size}, &digests, curve);
  read_crl((kv_slice){bytes, size});
  free(bytes);
  return 0;
}
