#include "snp/emulate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "snp/emulate_x509.h"
#include "snp/sev_key.h"

enum { RSA_BITS = 4096 }; /* AMD 57230, chapter 3: ARK and ASK */

const char *kv_emulated_role_name(kv_emulated_role role) {
  static const char *const NAMES[KV_EMULATED_ROLES] = {"ark", "ask", "asvk", "vcek", "vlek"};
  return NAMES[role];
}

static bool is_authority(kv_emulated_role role) { return role <= KV_EMULATED_ASVK; }

int kv_emulate_failed(kv_error *error, const char *what) {
  ERR_clear_error();
  return kv_fail(error, "io", "libcrypto failed to %s", what);
}

/* ---- keys ---------------------------------------------------------------------------------------
 */

/* Moves what was written into memory of our own, with a NUL behind it. */
static int take_text(BIO *from, kv_emulated_bytes *text, kv_error *error) {
  char *data;
  long size = BIO_get_mem_data(from, &data);
  text->bytes = size > 0 ? malloc((size_t)size + 1) : NULL;
  if (!text->bytes) return kv_emulate_failed(error, "write a key");
  memcpy(text->bytes, data, (size_t)size);
  text->bytes[size] = 0;
  text->size = (size_t)size;
  return 0;
}

int kv_emulate_key(kv_emulated_role role, kv_emulated_bytes *pem, kv_error *error) {
  EVP_PKEY *key = is_authority(role) ? EVP_RSA_gen(RSA_BITS) : EVP_EC_gen("secp384r1");
  BIO *text = BIO_new(BIO_s_secmem());
  int status = -1;
  if (!key || !text || PEM_write_bio_PKCS8PrivateKey(text, key, NULL, NULL, 0, NULL, NULL) != 1)
    kv_emulate_failed(error, "make a key");
  else
    status = take_text(text, pem, error);
  BIO_free(text);
  EVP_PKEY_free(key);
  return status;
}

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *buffer, int size, int writing, void *arg) {
  (void)buffer, (void)size, (void)writing, (void)arg;
  return -1;
}

static EVP_PKEY *read_rsa(const char *pem, size_t size, kv_error *error) {
  BIO *text = size < INT32_MAX ? BIO_new_mem_buf(pem, (int)size) : NULL;
  EVP_PKEY *key = text ? PEM_read_bio_PrivateKey(text, NULL, no_passphrase, NULL) : NULL;
  BIO_free(text);
  ERR_clear_error();
  if (key && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) == RSA_BITS) return key;
  kv_fail(error, "io", key ? "the key is not RSA-4096" : "no private key in PEM");
  EVP_PKEY_free(key);
  return NULL;
}

EVP_PKEY *kv_emulate_key_read(kv_emulated_role role, const char *pem, size_t size,
                              kv_error *error) {
  return is_authority(role) ? read_rsa(pem, size, error) : kv_sev_key_read(pem, size, error);
}

int kv_emulate_key_check(kv_emulated_role role, const char *pem, size_t size, const uint8_t *der,
                         size_t der_size, kv_error *error) {
  EVP_PKEY *key = kv_emulate_key_read(role, pem, size, error);
  if (!key) return -1;
  X509 *certificate = der_size < INT32_MAX ? d2i_X509(NULL, &der, (long)der_size) : NULL;
  int status = 0;
  if (!certificate || X509_check_private_key(certificate, key) != 1)
    status = kv_fail(error, "invalid_argument", "the key is not its certificate's");
  X509_free(certificate);
  EVP_PKEY_free(key);
  ERR_clear_error();
  return status;
}

/* ---- reports ------------------------------------------------------------------------------------
 */

int kv_emulate_sign(uint8_t report[KV_REPORT_SIZE], EVP_PKEY *key, kv_error *error) {
  return kv_sev_sign(key, report, KV_REPORT_SIGNED_SIZE, report + KV_REPORT_SIGNED_SIZE, error);
}

/* ---- telling
 * -------------------------------------------------------------------------------------- */

static bool says_simulated(const X509_NAME *name) {
  int at = X509_NAME_get_index_by_NID(name, NID_organizationName, -1);
  const X509_NAME_ENTRY *entry = at >= 0 ? X509_NAME_get_entry(name, at) : NULL;
  const ASN1_STRING *text = entry ? X509_NAME_ENTRY_get_data(entry) : NULL;
  const size_t length = sizeof KV_EMULATOR_ORGANIZATION - 1;
  return text && (size_t)ASN1_STRING_length(text) == length &&
         memcmp(ASN1_STRING_get0_data(text), KV_EMULATOR_ORGANIZATION, length) == 0;
}

bool kv_is_simulated(const uint8_t *der, size_t size) {
  X509 *certificate = size < INT32_MAX ? d2i_X509(NULL, &der, (long)size) : NULL;
  bool simulated = certificate && (says_simulated(X509_get_subject_name(certificate)) ||
                                   says_simulated(X509_get_issuer_name(certificate)));
  X509_free(certificate);
  ERR_clear_error();
  return simulated;
}
