/* The emulator's certificates: RFC 5280 in the form of AMD 57230, chapter 3. */
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snp/emulate_x509.h"

enum { PSS_SALT = 48, SERIAL_SIZE = 8, CHIP_ID_SIZE = 64, CHIP_ID_SIZE_TURIN = 8 };

/* ---- signing, for certificates and revocation lists
 * ---------------------------------------------- */

EVP_MD_CTX *kv_emulate_signer(EVP_PKEY *key) {
  EVP_MD_CTX *signer = EVP_MD_CTX_new();
  EVP_PKEY_CTX *options; /* the signer's */
  if (signer && EVP_DigestSignInit(signer, &options, EVP_sha384(), NULL, key) == 1 &&
      EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
      EVP_PKEY_CTX_set_rsa_pss_saltlen(options, PSS_SALT) == 1 &&
      EVP_PKEY_CTX_set_rsa_mgf1_md(options, EVP_sha384()) == 1)
    return signer;
  EVP_MD_CTX_free(signer);
  return NULL;
}

bool kv_emulate_extension(X509 *certificate, X509_CRL *list, X509 *issuer, int nid,
                          const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, NULL, list, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  bool added = extension && (list ? X509_CRL_add_ext(list, extension, -1)
                                  : X509_add_ext(certificate, extension, -1)) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

/* ---- names and dates
 * ------------------------------------------------------------------------------ */

/* The commonName is AMD's, since chains are checked by it; all the rest is not. The order of the
 * attributes is. */
static bool set_name(X509_NAME *name, const kv_emulated_subject *subject) {
  static const char *const CNS[KV_EMULATED_ROLES] = {"ARK-", "SEV-", "SEV-VLEK-", "SEV-VCEK",
                                                     "SEV-VLEK"};
  char cn[32];
  snprintf(cn, sizeof cn, "%s%s", CNS[subject->role],
           subject->role <= KV_EMULATED_ASVK ? kv_product_name(subject->product) : "");
  const struct {
    int nid;
    const char *value;
  } attributes[] = {{NID_organizationalUnitName, KV_EMULATOR_UNIT},
                    {NID_organizationName, KV_EMULATOR_ORGANIZATION},
                    {NID_commonName, cn}};
  for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
    if (X509_NAME_add_entry_by_NID(name, attributes[i].nid, MBSTRING_ASC,
                                   (const unsigned char *)attributes[i].value, -1, -1, 0) != 1)
      return false;
  return true;
}

/* Authorities have random serial numbers; those of VCEK and VLEK are 0, as AMD's are. */
static bool set_serial(X509 *certificate, kv_emulated_role role) {
  uint64_t serial = 0;
  uint8_t random[SERIAL_SIZE];
  if (role <= KV_EMULATED_ASVK) {
    if (RAND_bytes(random, sizeof random) != 1) return false;
    for (size_t i = 0; i < sizeof random; i++) serial = serial << 8 | random[i];
    serial = serial >> 1 | 1; /* positive, not 0 */
  }
  return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial) == 1;
}

static bool set_dates(X509 *certificate, const kv_emulated_subject *subject) {
  return ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)subject->not_before) &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)subject->not_after);
}

/* ---- extensions of authorities
 * --------------------------------------------------------------------- */

/* As AMD's, but for the address of a revocation list: there is none to fetch. */
static bool add_authority_extensions(X509 *certificate, X509 *issuer, kv_emulated_role role) {
  bool root = role == KV_EMULATED_ARK;
  return kv_emulate_extension(certificate, NULL, issuer, NID_key_usage,
                              root ? "critical,keyCertSign,cRLSign" : "critical,keyCertSign") &&
         kv_emulate_extension(certificate, NULL, issuer, NID_subject_key_identifier, "hash") &&
         (root || kv_emulate_extension(certificate, NULL, issuer, NID_authority_key_identifier,
                                       "keyid:always")) &&
         kv_emulate_extension(certificate, NULL, issuer, NID_basic_constraints,
                              root ? "critical,CA:TRUE" : "critical,CA:TRUE,pathlen:0");
}

/* ---- AMD's extensions: 1.3.6.1.4.1.3704.1.*, AMD 57230, table 8
 * ------------------------------------ */

static bool add_amd(X509 *certificate, const char *arc, const uint8_t *value, size_t size) {
  char oid[40];
  snprintf(oid, sizeof oid, "1.3.6.1.4.1.3704.1.%s", arc);
  ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
  ASN1_OCTET_STRING *content = ASN1_OCTET_STRING_new();
  X509_EXTENSION *extension = NULL;
  bool added = object && content && ASN1_OCTET_STRING_set(content, value, (int)size) == 1 &&
               (extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, content)) &&
               X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  ASN1_OCTET_STRING_free(content);
  ASN1_OBJECT_free(object);
  return added;
}

/* An INTEGER of 0 to 255: DER needs a leading zero from 128 on. */
static bool add_number(X509 *certificate, const char *arc, uint8_t number) {
  const uint8_t narrow[] = {V_ASN1_INTEGER, 1, number}, wide[] = {V_ASN1_INTEGER, 2, 0, number};
  return number < 0x80 ? add_amd(certificate, arc, narrow, sizeof narrow)
                       : add_amd(certificate, arc, wide, sizeof wide);
}

static bool add_text(X509 *certificate, const char *arc, const char *text) {
  uint8_t value[2 + 127] = {V_ASN1_IA5STRING, (uint8_t)strlen(text)};
  memcpy(value + 2, text, value[1]);
  return add_amd(certificate, arc, value, 2u + value[1]);
}

/* The security versions, in the order in which AMD's certificates of each product have them. */
static bool add_versions(X509 *certificate, const kv_emulated_subject *subject) {
  enum { UNUSED = KV_TCB_PARTS };
  static const struct {
    const char *arc;
    unsigned part;
  } MILAN[] = {{"3.1", KV_TCB_BOOT_LOADER},
               {"3.2", KV_TCB_TEE},
               {"3.4", UNUSED},
               {"3.5", UNUSED},
               {"3.6", UNUSED},
               {"3.7", UNUSED},
               {"3.3", KV_TCB_SNP},
               {"3.8", KV_TCB_MICROCODE}},
    TURIN[] = {{"3.9", KV_TCB_FMC}, {"3.1", KV_TCB_BOOT_LOADER},
               {"3.2", KV_TCB_TEE}, {"3.3", KV_TCB_SNP},
               {"3.5", UNUSED},     {"3.6", UNUSED},
               {"3.7", UNUSED},     {"3.8", KV_TCB_MICROCODE}};
  bool turin = subject->product == KV_PRODUCT_TURIN;
  kv_tcb tcb = kv_tcb_parse(kv_tcb_layout_of(subject->product), subject->tcb);
  for (size_t i = 0; i < sizeof MILAN / sizeof *MILAN; i++) {
    unsigned part = turin ? TURIN[i].part : MILAN[i].part;
    if (!add_number(certificate, turin ? TURIN[i].arc : MILAN[i].arc,
                    part == UNUSED ? 0 : tcb.part[part]))
      return false;
  }
  return true;
}

/* The hardware id is bare in its extension, not wrapped in another string. */
static bool add_vek_extensions(X509 *certificate, const kv_emulated_subject *subject) {
  bool turin = subject->product == KV_PRODUCT_TURIN, vlek = subject->role == KV_EMULATED_VLEK;
  const char *name = subject->product_name;
  if (!name && !vlek && subject->product == KV_PRODUCT_MILAN) name = "Milan-B0";
  if (!name) name = kv_product_name(subject->product);
  return add_number(certificate, "1", turin && !vlek) && add_text(certificate, "2", name) &&
         add_versions(certificate, subject) &&
         (vlek ? add_text(certificate, "5", subject->csp_id)
               : add_amd(certificate, "4", subject->chip_id,
                         turin ? CHIP_ID_SIZE_TURIN : CHIP_ID_SIZE));
}

/* ---- the whole
 * ------------------------------------------------------------------------------------ */

static int check(const kv_emulated_subject *subject, kv_error *error) {
  enum { TEXT_MAX = 127 };
  if (kv_tcb_layout_of(subject->product) == KV_TCB_UNKNOWN)
    return kv_fail(error, "invalid_argument", "the emulator makes Milan, Genoa and Turin");
  if (subject->not_after < subject->not_before)
    return kv_fail(error, "invalid_argument", "a certificate would expire before it is valid");
  if (subject->role == KV_EMULATED_VLEK && !subject->csp_id)
    return kv_fail(error, "invalid_argument", "a VLEK needs a csp_id");
  if ((subject->csp_id && strlen(subject->csp_id) > TEXT_MAX) ||
      (subject->product_name && strlen(subject->product_name) > TEXT_MAX))
    return kv_fail(error, "invalid_argument", "csp_id and product_name have at most %d characters",
                   TEXT_MAX);
  return 0;
}

static bool fill(X509 *certificate, const kv_emulated_subject *subject, EVP_PKEY *key,
                 X509 *issuer) {
  return X509_set_version(certificate, X509_VERSION_3) == 1 &&
         set_serial(certificate, subject->role) && set_dates(certificate, subject) &&
         set_name(X509_get_subject_name(certificate), subject) &&
         X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
         X509_set_pubkey(certificate, key) == 1 &&
         (subject->role <= KV_EMULATED_ASVK
              ? add_authority_extensions(certificate, issuer, subject->role)
              : add_vek_extensions(certificate, subject));
}

int kv_emulate_certificate(const kv_emulated_subject *subject, EVP_PKEY *key, const uint8_t *issuer,
                           size_t issuer_size, EVP_PKEY *issuer_key, kv_emulated_bytes *der,
                           kv_error *error) {
  if (check(subject, error) < 0) return -1;
  int status = -1, size = -1;
  unsigned char *bytes = NULL;
  X509 *certificate = X509_new(), *signed_by = certificate;
  EVP_MD_CTX *signer = kv_emulate_signer(issuer_key);
  if (issuer) signed_by = d2i_X509(NULL, &issuer, (long)issuer_size);
  if (!certificate || !signed_by || !signer || !fill(certificate, subject, key, signed_by) ||
      X509_sign_ctx(certificate, signer) <= 0 || (size = i2d_X509(certificate, &bytes)) < 0 ||
      !(der->bytes = malloc((size_t)size))) {
    kv_emulate_failed(error, "make a certificate");
  } else {
    memcpy(der->bytes, bytes, (size_t)size);
    der->size = (size_t)size;
    status = 0;
  }
  OPENSSL_free(bytes);
  EVP_MD_CTX_free(signer);
  if (signed_by != certificate) X509_free(signed_by);
  X509_free(certificate);
  return status;
}
