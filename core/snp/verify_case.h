/* One verification while it goes on: what the parts of verify.h share. */
#ifndef KV_SNP_VERIFY_CASE_H
#define KV_SNP_VERIFY_CASE_H

#include <pthread.h>

#include "snp/credential.h"
#include "snp/crl.h"
#include "snp/report.h"
#include "snp/verify.h"

/* A revocation list that was given with the verifier. */
typedef struct kv_held_crl {
  kv_crl crl;
  uint8_t *der;
  atomic_bool verified; /* set after verified_by */
  uint8_t verified_by[KV_SHA256_SIZE];
} kv_held_crl;

struct kv_verifier {
  kv_digests digests;
  kv_p384 *curve;
  kv_keyring *authorities, *veks;
  kv_credential **pool; /* the roots that were given, then the certificates */
  size_t root_count, pool_count;
  kv_held_crl *crls;
  size_t crl_count;
  pthread_mutex_t crl_lock; /* to set verified_by */
};

/* The place of a certificate in the chain. */
typedef struct kv_slot {
  kv_slice der; /* as chosen from what was given; empty: none */
  bool given;
  unsigned others;           /* different certificates that were given for the same place */
  kv_credential *credential; /* NULL: there is none, or it is unreadable */
  kv_error error;            /* why it is unreadable */
} kv_slot;

typedef struct kv_case {
  kv_verifier *verifier;
  const kv_verify_input *input;
  kv_verify_result *result;
  kv_report report; /* if result->readable */
  kv_slot vek, ask, ark;
  bool vlek;          /* the chain is a VLEK's */
  kv_product product; /* of the chain, by the VEK's issuer */
} kv_case;

/* The credential of a certificate: from the keyring, or made. NULL and *error. */
kv_credential *kv_verifier_load(kv_verifier *verifier, kv_keyring *keyring, kv_slice der,
                                kv_error *error);

/* A text for a check of the result. */
const char *kv_say(kv_case *c, const char *format, ...) KV_PRINTF(2, 3);
const char *kv_say_hex(kv_case *c, const uint8_t *bytes, size_t size);

/* Chooses the three certificates, and fills vek, ask, ark, vlek and product. */
void kv_case_select(kv_case *c);

void kv_case_check_report(kv_case *c);
void kv_case_check_chain(kv_case *c);
void kv_case_check_crls(kv_case *c);
void kv_case_check_binding(kv_case *c);
void kv_case_check_signature(kv_case *c);
void kv_case_check_policy(kv_case *c);

#endif
