/*
 * Whether a report is genuine: signed by a key that AMD certified, for this chip and this TCB.
 * No files, no network, no clock: certificates, revocation lists and the time are given.
 */
#ifndef KV_SNP_VERIFY_H
#define KV_SNP_VERIFY_H

#include "base/error.h"
#include "snp/checks.h"
#include "snp/evidence.h"
#include "snp/product.h"

enum { KV_CSP_ID_SIZE = 128 };

/* What is trusted, and what is known from verifications before. For any number of threads. */
typedef struct kv_verifier kv_verifier;

typedef struct kv_verifier_options {
  const kv_slice *roots; /* certificates to trust beside AMD's root keys, DER */
  size_t root_count;
  const kv_slice *certificates; /* not trusted: taken where evidence lacks an ASK, ASVK or ARK */
  size_t certificate_count;
  const kv_slice *crls; /* for all evidence, DER */
  size_t crl_count;
} kv_verifier_options;

/* Copies what it keeps. NULL and *error (`invalid_argument`): one of them does not parse, or a root
 * has no RSA-4096 key. */
kv_verifier *kv_verifier_new(const kv_verifier_options *options, kv_error *error);
void kv_verifier_free(kv_verifier *verifier); /* when no thread uses it any more */

typedef struct kv_verify_certificate {
  kv_part_role role; /* the slot it is meant for; KV_PART_UNKNOWN: by its subject */
  kv_slice der;
} kv_verify_certificate;

typedef struct kv_verify_input {
  kv_slice report;
  const kv_verify_certificate *certificates;
  size_t certificate_count;
  const kv_slice *crls; /* that came with the evidence */
  size_t crl_count;
  int64_t now;        /* seconds since 1970 */
  kv_product product; /* KV_PRODUCT_UNKNOWN: any */
} kv_verify_input;

typedef struct kv_verify_result {
  bool genuine; /* every check but those of stage "policy" passed, or is optional and not checked */
  bool readable; /* the version is known: fields of the report mean something */
  uint32_t report_version;
  kv_product product;    /* of the certificates; without them the one asked for, or the report's */
  const char *signed_by; /* "vcek" or "vlek": what the certificate is; NULL: there is none */
  const char *root;      /* "amd", "given", or NULL: not trusted */
  const char *missing;   /* NULL; "vek", "ask" or "ark": the first certificate that is missing */
  char csp_id[KV_CSP_ID_SIZE]; /* empty: none */
  kv_check checks[KV_CHECKS];  /* by kv_check_id */
  kv_texts texts;              /* of the checks: a result is not to be copied or moved */
} kv_verify_result;

/* Fills *result. Returns 0; or -1 and *error (`invalid_argument`): the report has not 1184 bytes,
 * or
 * (`io`) out of memory. */
int kv_verify(kv_verifier *verifier, const kv_verify_input *input, kv_verify_result *result,
              kv_error *error);

#endif
