/*
 * Certificate revocation lists (RFC 5280, chapter 5) as AMD's root keys sign them: bytes to a
 * struct, and whether a serial number is in them.
 */
#ifndef KV_SNP_CRL_H
#define KV_SNP_CRL_H

#include "base/error.h"
#include "snp/der.h"

enum { KV_CRL_SIZE_MAX = 64 << 10 }; /* AMD's have less than 1 KiB */

typedef struct kv_crl {
  kv_slice der, tbs, signature;
  kv_slice issuer, issuer_cn;
  bool pss_sha384; /* as in kv_certificate */
  int64_t this_update, next_update;
  kv_slice revoked;   /* entries of revokedCertificates; empty: none */
  kv_slice authority; /* keyIdentifier of authorityKeyIdentifier; empty: none */
  kv_slice number;    /* cRLNumber, content of its INTEGER; empty: none */
  char problem[96];   /* what is wrong with the extensions; empty: nothing */
} kv_crl;

/* Reads one list of version 2, which must fill `der`, with every entry of it. Returns 0, or -1 and
 * *error (`invalid_argument`). */
int kv_crl_parse(kv_slice der, kv_crl *crl, kv_error *error);

/* Whether it lists this serial number (content of the INTEGER). */
bool kv_crl_lists(const kv_crl *crl, kv_slice serial);

#endif
