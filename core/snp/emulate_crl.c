/* The emulator's revocation lists: RFC 5280, chapter 5, as AMD's ARK signs them. */
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "snp/emulate_x509.h"

static bool set_dates(X509_CRL *list, const kv_emulated_crl *from) {
  ASN1_TIME *begins = ASN1_TIME_set(NULL, (time_t)from->this_update);
  ASN1_TIME *ends = ASN1_TIME_set(NULL, (time_t)from->next_update);
  bool set = begins && ends && X509_CRL_set1_lastUpdate(list, begins) == 1 &&
             X509_CRL_set1_nextUpdate(list, ends) == 1;
  ASN1_TIME_free(begins);
  ASN1_TIME_free(ends);
  return set;
}

static bool revoke(X509_CRL *list, const uint8_t *der, size_t size, int64_t when) {
  X509 *certificate = d2i_X509(NULL, &der, (long)size);
  X509_REVOKED *entry = X509_REVOKED_new();
  ASN1_TIME *date = ASN1_TIME_set(NULL, (time_t)when);
  bool added = certificate && entry && date &&
               X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate)) == 1 &&
               X509_REVOKED_set_revocationDate(entry, date) == 1 &&
               X509_CRL_add0_revoked(list, entry) == 1;
  if (!added) X509_REVOKED_free(entry);
  ASN1_TIME_free(date);
  X509_free(certificate);
  return added;
}

static bool add_number(X509_CRL *list, uint64_t number) {
  ASN1_INTEGER *value = ASN1_INTEGER_new();
  bool added = value && ASN1_INTEGER_set_uint64(value, number) == 1 &&
               X509_CRL_add1_ext_i2d(list, NID_crl_number, value, 0, 0) == 1;
  ASN1_INTEGER_free(value);
  return added;
}

static bool fill(X509_CRL *list, const kv_emulated_crl *from, X509 *ark) {
  if (X509_CRL_set_version(list, X509_CRL_VERSION_2) != 1 ||
      X509_CRL_set_issuer_name(list, X509_get_subject_name(ark)) != 1 || !set_dates(list, from))
    return false;
  for (size_t i = 0; i < from->revoked_count; i++)
    if (!revoke(list, from->revoked[i], from->revoked_sizes[i], from->this_update)) return false;
  return X509_CRL_sort(list) == 1 &&
         kv_emulate_extension(NULL, list, ark, NID_authority_key_identifier, "keyid:always") &&
         add_number(list, from->number);
}

int kv_emulate_crl(const kv_emulated_crl *from, const uint8_t *ark, size_t ark_size,
                   EVP_PKEY *ark_key, kv_emulated_bytes *der, kv_error *error) {
  if (from->next_update < from->this_update)
    return kv_fail(error, "invalid_argument", "a revocation list would end before it begins");
  int status = -1, size = -1;
  unsigned char *bytes = NULL;
  X509_CRL *list = X509_CRL_new();
  X509 *issuer = d2i_X509(NULL, &ark, (long)ark_size);
  EVP_MD_CTX *signer = kv_emulate_signer(ark_key);
  if (!list || !issuer || !signer || !fill(list, from, issuer) ||
      X509_CRL_sign_ctx(list, signer) <= 0 || (size = i2d_X509_CRL(list, &bytes)) < 0 ||
      !(der->bytes = malloc((size_t)size))) {
    kv_emulate_failed(error, "make a revocation list");
  } else {
    memcpy(der->bytes, bytes, (size_t)size);
    der->size = (size_t)size;
    status = 0;
  }
  OPENSSL_free(bytes);
  EVP_MD_CTX_free(signer);
  X509_free(issuer);
  X509_CRL_free(list);
  return status;
}
