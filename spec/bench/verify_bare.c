/*
 * verify_bare DIR SECONDS: verifies DIR/report.bin with DIR/vcek.der, ask.der and ark.der again and
 * again, everything anew each time, by libcrypto's own calls and nothing else: the certificates are
 * read, each of them is verified by the one above it, and the report by the first. Prints how many
 * nanoseconds of processor time each took.
 */
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { REPORT_SIZE = 1184, SIGNED_SIZE = 0x2a0, SCALAR_SIZE = 72, FILE_MAX = 16 << 10 };

typedef struct bytes {
  unsigned char at[FILE_MAX];
  long size;
} bytes;

static void need(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "verify_bare: %s\n", what);
  exit(1);
}

static void read_file(const char *folder, const char *name, bytes *to) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  need(file != NULL, path);
  to->size = (long)fread(to->at, 1, sizeof to->at, file);
  fclose(file);
}

static X509 *read_certificate(const bytes *der) {
  const unsigned char *at = der->at;
  X509 *certificate = d2i_X509(NULL, &at, der->size);
  need(certificate != NULL, "a certificate cannot be read");
  return certificate;
}

/* Little-endian, 48 bytes of 72, and as ECDSA_SIG has it. */
static BIGNUM *scalar(const unsigned char *at) { return BN_lebin2bn(at, SCALAR_SIZE, NULL); }

static void verify_report(const bytes *report, X509 *vcek) {
  ECDSA_SIG *pair = ECDSA_SIG_new();
  unsigned char *der = NULL;
  ECDSA_SIG_set0(pair, scalar(report->at + SIGNED_SIZE),
                 scalar(report->at + SIGNED_SIZE + SCALAR_SIZE));
  int size = i2d_ECDSA_SIG(pair, &der);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  need(EVP_DigestVerifyInit(context, NULL, EVP_sha384(), NULL, X509_get0_pubkey(vcek)) == 1 &&
           EVP_DigestVerify(context, der, (size_t)size, report->at, SIGNED_SIZE) == 1,
       "the report's signature is wrong");
  EVP_MD_CTX_free(context);
  OPENSSL_free(der);
  ECDSA_SIG_free(pair);
}

static void verify_chain(const bytes files[4]) {
  X509 *vcek = read_certificate(&files[1]), *ask = read_certificate(&files[2]),
       *ark = read_certificate(&files[3]);
  need(X509_verify(ark, X509_get0_pubkey(ark)) == 1, "the ARK's signature is wrong");
  need(X509_verify(ask, X509_get0_pubkey(ark)) == 1, "the ASK's signature is wrong");
  need(X509_verify(vcek, X509_get0_pubkey(ask)) == 1, "the VCEK's signature is wrong");
  verify_report(&files[0], vcek);
  X509_free(vcek);
  X509_free(ask);
  X509_free(ark);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int argc, char **argv) {
  static bytes files[4];
  static const char *const NAMES[] = {"report.bin", "vcek.der", "ask.der", "ark.der"};
  need(argc == 3, "usage: verify_bare DIR SECONDS");
  for (int i = 0; i < 4; i++) read_file(argv[1], NAMES[i], &files[i]);
  need(files[0].size == REPORT_SIZE, "a report has 1184 bytes");
  verify_chain(files); /* what libcrypto sets up once */
  double begun = now(), end = begun + atof(argv[2]) * 1e9;
  long count = 0;
  do {
    verify_chain(files);
    count++;
  } while (now() < end);
  printf("%.0f\n", (now() - begun) / (double)count);
}
