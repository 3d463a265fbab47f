#include "snp/rsa_pss.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "snp/certificate.h"

enum { SALT_SIZE = 48, SHA384_SIZE = 48 };

bool kv_digests_fetch(kv_digests *digests) {
  digests->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
  digests->sha384 = EVP_MD_fetch(NULL, "SHA384", NULL);
  return digests->sha256 && digests->sha384;
}

void kv_digests_free(kv_digests *digests) {
  EVP_MD_free(digests->sha256);
  EVP_MD_free(digests->sha384);
}

bool kv_digest(const EVP_MD *md, kv_slice bytes, uint8_t *digest) {
  return EVP_Digest(bytes.bytes, bytes.size, digest, NULL, md, NULL) == 1;
}

EVP_PKEY *kv_rsa_key(kv_slice modulus) {
  /* OSSL_PARAM has integers in the machine's order: x86-64's, little-endian. */
  uint8_t n[KV_RSA_SIZE];
  for (size_t i = 0; i < sizeof n; i++) n[i] = modulus.bytes[sizeof n - 1 - i];
  unsigned e = 65537;
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, n, sizeof n),
      OSSL_PARAM_uint(OSSL_PKEY_PARAM_RSA_E, &e),
      OSSL_PARAM_END,
  };
  EVP_PKEY *key = NULL;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
  if (context && EVP_PKEY_fromdata_init(context) == 1)
    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
  EVP_PKEY_CTX_free(context);
  return key;
}

bool kv_rsa_pss_verify(const kv_digests *digests, EVP_PKEY *key, kv_slice bytes,
                       kv_slice signature) {
  uint8_t digest[SHA384_SIZE];
  if (signature.size != KV_RSA_SIZE || !kv_digest(digests->sha384, bytes, digest)) return false;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
  bool good = context && EVP_PKEY_verify_init(context) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
              EVP_PKEY_CTX_set_signature_md(context, digests->sha384) == 1 &&
              EVP_PKEY_CTX_set_rsa_mgf1_md(context, digests->sha384) == 1 &&
              EVP_PKEY_CTX_set_rsa_pss_saltlen(context, SALT_SIZE) == 1 &&
              EVP_PKEY_verify(context, signature.bytes, signature.size, digest, sizeof digest) == 1;
  EVP_PKEY_CTX_free(context);
  return good;
}
