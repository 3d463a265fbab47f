/* The two ways to verify a P-384 signature agree: libcrypto's own, and the one with tables. So they
 * do for keys and nonces next to the generator, where sums of points meet their exceptions.
 *
 * An input is a byte for the private key, one for the nonce, then what is added, byte by byte, to
 * the digest (of zeros) before it is signed, and to the digest, r and s afterwards: 48 bytes
 * each. What is missing is zero. */
#include "snp/p384.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER = 2, SCALARS = 4, POINT_SIZE = 2 * KV_P384_SIZE + 1 };

typedef struct signature {
  uint8_t digest[KV_P384_SIZE], r[KV_P384_SIZE], s[KV_P384_SIZE];
} signature;

static void check(bool holds) {
  if (!holds) abort();
}

/* 1 to 127, as many less than the order, or (0, 128) one in the middle. */
static BIGNUM *scalar_of(const BIGNUM *order, uint8_t choice) {
  BIGNUM *number = BN_dup(order);
  if ((choice & 0x7f) == 0)
    check(BN_rshift(number, number, 1 + (choice >> 7)) == 1);
  else if (choice & 0x80)
    check(BN_sub_word(number, choice & 0x7f) == 1);
  else
    check(BN_set_word(number, choice) == 1);
  return number;
}

/* The coordinates of number * G, as a key's point. */
static void multiply(const EC_GROUP *group, const BIGNUM *number, uint8_t *bytes) {
  EC_POINT *point = EC_POINT_new(group);
  check(point && EC_POINT_mul(group, point, number, NULL, NULL, NULL) == 1);
  check(EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, bytes, POINT_SIZE, NULL) ==
        POINT_SIZE);
  EC_POINT_free(point);
}

/* r = x(kG), s = (e + r d) / k modulo n (SEC 1, 4.1.3). */
static void sign(const EC_GROUP *group, const BIGNUM *d, const BIGNUM *k, signature *to) {
  const BIGNUM *n = EC_GROUP_get0_order(group);
  uint8_t point[POINT_SIZE];
  BN_CTX *context = BN_CTX_new();
  multiply(group, k, point);
  BIGNUM *r = BN_bin2bn(point + 1, KV_P384_SIZE, NULL), *s = BN_new();
  BIGNUM *e = BN_bin2bn(to->digest, KV_P384_SIZE, NULL), *inverse = BN_new();
  check(BN_nnmod(r, r, n, context) == 1 && BN_mod_mul(s, r, d, n, context) == 1 &&
        BN_mod_add(s, s, e, n, context) == 1 && BN_mod_inverse(inverse, k, n, context) != NULL &&
        BN_mod_mul(s, s, inverse, n, context) == 1);
  check(BN_bn2binpad(r, to->r, KV_P384_SIZE) > 0 && BN_bn2binpad(s, to->s, KV_P384_SIZE) > 0);
  BN_free(r), BN_free(s), BN_free(e), BN_free(inverse);
  BN_CTX_free(context);
}

static void change(uint8_t *scalar, const uint8_t *by) {
  for (size_t i = 0; i < KV_P384_SIZE; i++) scalar[i] = (uint8_t)(scalar[i] + by[i]);
}

/* Kept, since its tables take long to make. */
static kv_p384_key *key_of(kv_p384 *curve, const EC_GROUP *group, const BIGNUM *d, uint8_t choice) {
  static kv_p384_key *keys[UINT8_MAX + 1];
  uint8_t point[POINT_SIZE];
  if (!keys[choice]) {
    multiply(group, d, point);
    keys[choice] = kv_p384_key_new(curve, point);
    check(keys[choice] != NULL);
  }
  return keys[choice];
}

static void compare(const kv_p384 *curve, kv_p384_key *key, const signature *given, bool changed) {
  bool in_range = kv_p384_in_range(curve, given->r) && kv_p384_in_range(curve, given->s);
  int plain = kv_p384_verify_plain(key, given->digest, given->r, given->s);
  check(plain == kv_p384_verify_prepared(key, given->digest, given->r, given->s));
  if (!changed) check(plain == in_range); /* s may be 0: then there is no such signature */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static kv_p384 *curve;
  static EC_GROUP *group;
  if (!curve) curve = kv_p384_new();
  if (!group) group = EC_GROUP_new_by_curve_name(NID_secp384r1);
  check(curve && group);
  uint8_t in[HEADER + SCALARS * KV_P384_SIZE] = {0};
  if (size > 0) memcpy(in, data, size < sizeof in ? size : sizeof in);
  const uint8_t *by = in + HEADER;
  const BIGNUM *n = EC_GROUP_get0_order(group);
  BIGNUM *d = scalar_of(n, in[0]), *k = scalar_of(n, in[1]);
  signature it = {{0}, {0}, {0}};
  change(it.digest, by);
  sign(group, d, k, &it);
  signature before = it;
  change(it.digest, by + KV_P384_SIZE);
  change(it.r, by + 2 * KV_P384_SIZE);
  change(it.s, by + 3 * KV_P384_SIZE);
  compare(curve, key_of(curve, group, d, in[0]), &it, memcmp(&it, &before, sizeof it) != 0);
  BN_free(d), BN_free(k);
  return 0;
}
