/*
 * X.509 certificates (RFC 5280) of AMD's key hierarchy (AMD 57230, chapter 3): bytes to a struct.
 * Only what this hierarchy uses is understood; strictly DER. That a certificate was read says
 * nothing about whether it is genuine.
 */
#ifndef KV_SNP_CERTIFICATE_H
#define KV_SNP_CERTIFICATE_H

#include "base/error.h"
#include "snp/der.h"

enum {
  KV_X509_SIZE_MAX = 16 << 10, /* AMD's have less than 2 KiB */
  KV_X509_EXTENSIONS_MAX = 64, /* AMD's have at most 12 */
  KV_RSA_SIZE = 512,           /* 4096 bits: modulus and signature, in bytes */
  KV_P384_POINT_SIZE = 97,     /* 04, x, y (SEC 1, 2.3.3) */
};

typedef enum kv_key_kind { KV_KEY_OTHER, KV_KEY_RSA_4096, KV_KEY_P384 } kv_key_kind;

/* 1.3.6.1.4.1.3704.1.*: AMD 57230, table 8; AMD 58369 for .5. */
typedef enum kv_amd_id {
  KV_AMD_STRUCT_VERSION, /* .1, INTEGER */
  KV_AMD_PRODUCT_NAME,   /* .2, IA5String */
  KV_AMD_HWID,           /* .4, 64 or 8 bytes: bare, or in an OCTET STRING */
  KV_AMD_CSP_ID,         /* .5, IA5String */
  KV_AMD_BL_SPL,         /* .3.1, and so on: INTEGERs */
  KV_AMD_TEE_SPL,
  KV_AMD_SNP_SPL,
  KV_AMD_SPL4,
  KV_AMD_SPL5,
  KV_AMD_SPL6,
  KV_AMD_SPL7,
  KV_AMD_UCODE_SPL,
  KV_AMD_FMC_SPL, /* .3.9 */
} kv_amd_id;

enum { KV_AMD_IDS = KV_AMD_FMC_SPL + 1 };

typedef enum kv_amd_state {
  KV_AMD_ABSENT,
  KV_AMD_PRESENT,
  KV_AMD_MALFORMED, /* not DER, another type, not 0 to 255, another size */
  KV_AMD_REPEATED,
} kv_amd_state;

typedef struct kv_amd_extension {
  kv_amd_state state;
  uint8_t number; /* of an INTEGER */
  kv_slice value; /* of a string or the hardware id */
} kv_amd_extension;

typedef struct kv_certificate {
  kv_slice der, tbs, signature;
  kv_slice serial; /* content of the INTEGER */
  kv_slice issuer, subject;
  kv_slice issuer_cn, subject_cn; /* empty unless there is exactly one, of printable ASCII */
  int64_t not_before, not_after;  /* seconds since 1970, both included */
  bool pss_sha384;                /* signed with RSASSA-PSS, SHA-384, MGF1 SHA-384, salt 48 */
  kv_slice spki;                  /* SubjectPublicKeyInfo */
  kv_key_kind key;
  kv_slice key_bytes;   /* RSA: the modulus without leading zero; P-384: the point */
  const char *key_text; /* what key it is, for people */
  bool has_basic_constraints, ca;
  int path_length; /* -1: none */
  bool has_key_usage;
  unsigned key_usage; /* bit n of RFC 5280, 4.2.1.3, as 1 << n */
  kv_slice key_id;    /* subjectKeyIdentifier; empty: none */
  kv_amd_extension amd[KV_AMD_IDS];
  char problem[96]; /* what is wrong with the extensions in general; empty: nothing */
} kv_certificate;

enum { KV_KEY_USAGE_CERT_SIGN = 1 << 5, KV_KEY_USAGE_CRL_SIGN = 1 << 6 };

/* Reads one certificate, which must fill `der`; *certificate points into it. What is wrong with
 * keys, algorithms, names and extensions is in the fields; only what is no X.509 v3 certificate in
 * DER, or too large, makes it fail. Returns 0, or -1 and *error (`invalid_argument`). */
int kv_certificate_parse(kv_slice der, kv_certificate *certificate, kv_error *error);

/* For kv_certificate_parse: reads the content of Extensions. */
void kv_certificate_extensions(kv_slice extensions, kv_certificate *certificate);

/* For certificates and revocation lists: an AlgorithmIdentifier (whole) that is exactly RSASSA-PSS
 * with SHA-384, MGF1 with SHA-384, salt length 48 and trailer 1 (RFC 4055). */
bool kv_is_pss_sha384(kv_slice algorithm);

/* A Name (whole) that is well formed; *cn as in kv_certificate. */
bool kv_name_parse(kv_slice name, kv_slice *cn);

/* An object identifier's content as dotted decimal, cut if it does not fit. Returns `text`. */
char *kv_oid_text(kv_slice oid, char *text, size_t size);

/* "blSPL" and so on, as AMD 57230 names them. */
const char *kv_amd_name(kv_amd_id id);

#endif
