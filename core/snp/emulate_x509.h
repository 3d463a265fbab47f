/*
 * What emulate.c and the files that make certificates and revocation lists for it share.
 */
#ifndef KV_SNP_EMULATE_X509_H
#define KV_SNP_EMULATE_X509_H

#include <openssl/x509.h>

#include "snp/emulate.h"

/* Fills *error with "libcrypto failed to WHAT", empties its queue of errors, returns -1. */
int kv_emulate_failed(kv_error *error, const char *what);

/* A context that signs as AMD's authorities do; EVP_MD_CTX_free it. NULL: libcrypto failed. */
EVP_MD_CTX *kv_emulate_signer(EVP_PKEY *key);

/* Adds an extension in the notation of openssl.cnf ("critical,CA:TRUE"). Exactly one of
 * `certificate` and `list` is not NULL. */
bool kv_emulate_extension(X509 *certificate, X509_CRL *list, X509 *issuer, int nid,
                          const char *value);

#endif
