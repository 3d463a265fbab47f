/*
 * What bytes are that somebody hands in as evidence, and the parts in them: a report, certificates,
 * a revocation list. Nothing is trusted: every offset and size is checked, and what is left over is
 * an error.
 */
#ifndef KV_SNP_EVIDENCE_H
#define KV_SNP_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "snp/report.h"

enum {
  KV_EVIDENCE_SIZE_MAX = 1 << 20,     /* of the input, as text or not */
  KV_CERTIFICATE_SIZE_MAX = 64 << 10, /* of one certificate or revocation list, DER */
  KV_EVIDENCE_PARTS_MAX = 32,
  KV_GUID_SIZE = 16,
};

typedef enum kv_evidence_kind {
  KV_EVIDENCE_REPORT,          /* 1184 bytes */
  KV_EVIDENCE_EXTENDED_REPORT, /* a report, then a certificate table */
  KV_EVIDENCE_TABLE,           /* a certificate table: auxblob of configfs-tsm */
  KV_EVIDENCE_HCL,             /* Azure's, from the vTPM's NV index 0x01400001 */
  KV_EVIDENCE_RESPONSE,        /* MSG_REPORT_RSP: what /dev/sev-guest answers */
  KV_EVIDENCE_PEM,             /* certificates and revocation lists */
  KV_EVIDENCE_DER,             /* the same, one or several, each after the other */
  KV_EVIDENCE_JSON,            /* begins as a JSON object: not read here */
} kv_evidence_kind;

typedef enum kv_evidence_encoding {
  KV_ENCODING_NONE,
  KV_ENCODING_HEX,
  KV_ENCODING_BASE64
} kv_evidence_encoding;

typedef enum kv_part_role {
  KV_PART_UNKNOWN,
  KV_PART_VCEK,
  KV_PART_VLEK,
  KV_PART_ASK,
  KV_PART_ASVK,
  KV_PART_ARK,
  KV_PART_CRL,
} kv_part_role;

/* A certificate or revocation list (DER), or what a table has under a GUID that is not known. The
 * role is the one that it claims, by its GUID or subject: a verifier checks it. */
typedef struct kv_part {
  kv_part_role role;
  bool has_guid;
  uint8_t guid[KV_GUID_SIZE]; /* in textual order */
  const uint8_t *bytes;
  size_t size;
} kv_part;

typedef struct kv_evidence {
  kv_evidence_kind kind;
  kv_evidence_encoding encoding; /* of the whole */
  const uint8_t *report;         /* KV_REPORT_SIZE bytes; NULL: there is none */
  kv_part parts[KV_EVIDENCE_PARTS_MAX];
  size_t part_count;
  const uint8_t *runtime_data; /* HCL: what REPORT_DATA is a hash of; else NULL */
  size_t runtime_size;
  uint32_t runtime_hash; /* HCL: 1 SHA-256, 2 SHA-384, 3 SHA-512 */
  bool has_cpuid;        /* Google's ExtraPlatformInfo was there */
  uint32_t cpuid_eax; /* Fn0000_0001_EAX: tells the product, where a report of version 2 does not */
  uint8_t *decoded[1 + KV_EVIDENCE_PARTS_MAX]; /* owned: text that was decoded */
  size_t decoded_count;
} kv_evidence;

/* Recognises `bytes`, which must outlive *evidence. A report in them has the right size, and a
 * version that is known. Returns 0, or -1 and *error (`invalid_argument`), which says what the
 * bytes were taken for and what is wrong with them. Free *evidence in either case. */
int kv_evidence_recognise(const uint8_t *bytes, size_t size, kv_evidence *evidence,
                          kv_error *error);

void kv_evidence_free(kv_evidence *evidence);

/* "report", "extended report", "certificate table", "Azure HCL report", "guest response", "PEM",
 * "DER", "JSON". */
const char *kv_evidence_kind_name(kv_evidence_kind kind);

/* "none", "hex", "base64". */
const char *kv_evidence_encoding_name(kv_evidence_encoding encoding);

/* "unknown", "vcek", "vlek", "ask", "asvk", "ark", "crl". */
const char *kv_part_role_name(kv_part_role role);

/* The role that a DER certificate's subject, or its form as a revocation list, claims. A
 * certificate that does not parse is KV_PART_UNKNOWN. */
kv_part_role kv_part_role_of(const uint8_t *der, size_t size);

#endif
