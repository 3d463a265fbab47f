/*
 * For evidence*.c only: collecting the parts of evidence.
 */
#ifndef KV_SNP_EVIDENCE_PARTS_H
#define KV_SNP_EVIDENCE_PARTS_H

#include "snp/evidence.h"

/* What a DER object is by its form alone. */
typedef enum kv_der_form { KV_DER_OTHER, KV_DER_CERTIFICATE, KV_DER_CRL } kv_der_form;

/* The form of `size` bytes, and the role that a certificate's subject claims (KV_PART_CRL for a
 * revocation list, KV_PART_UNKNOWN for the others). */
kv_der_form kv_der_form_of(const uint8_t *der, size_t size, kv_part_role *role);

/* The whole size of the DER SEQUENCE that `bytes` begin with, or 0 if they do not begin with one,
 * or end before it does. */
size_t kv_der_size(const uint8_t *bytes, size_t size);

/* Whether they begin with the header of a DER SEQUENCE of 128 bytes or more. */
bool kv_der_begins(const uint8_t *bytes, size_t size);

bool kv_all_zero(const uint8_t *bytes, size_t size);

/* Room for text to be decoded into, owned by the evidence. NULL and *error if there is none. */
uint8_t *kv_evidence_room(kv_evidence *evidence, size_t size, kv_error *error);

/* Adds a part. `guid` may be NULL. */
int kv_evidence_add(kv_evidence *evidence, kv_part_role role, const uint8_t *guid,
                    const uint8_t *bytes, size_t size, kv_error *error);

/* Adds the certificates and revocation lists of DER objects one after the other, or of PEM blocks;
 * what is left over is an error. `guid` may be NULL; if it is not, `role` is what it stands for,
 * and gives way to ASVK in the place of ASK. */
int kv_evidence_add_der(kv_evidence *evidence, kv_part_role role, const uint8_t *guid,
                        const uint8_t *bytes, size_t size, kv_error *error);
int kv_evidence_add_pem(kv_evidence *evidence, kv_part_role role, const uint8_t *guid,
                        const uint8_t *bytes, size_t size, kv_error *error);

/* Whether a line begins with "-----BEGIN ". */
bool kv_pem_begins(const uint8_t *bytes, size_t size);

/* Reads a certificate table. */
int kv_evidence_add_table(kv_evidence *evidence, const uint8_t *bytes, size_t size,
                          kv_error *error);

/* Whether the bytes begin with an entry of a GUID that is known, or with any that could be one. */
bool kv_table_known(const uint8_t *bytes, size_t size);
bool kv_table_possible(const uint8_t *bytes, size_t size);

#endif
