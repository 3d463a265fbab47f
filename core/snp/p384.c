/* EC_GROUP_precompute_mult is deprecated since OpenSSL 3.0 and has no successor, but nothing else
 * makes P-384 faster there: with its tables a verification takes half the time of libcrypto's own
 * (3.0.19 on an EPYC: 0.33 ms against 0.67, all of it). Should a libcrypto make no tables,
 * everything is verified libcrypto's way. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "snp/p384.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>

enum { SIGNATURE_MAX = 2 + 2 * (2 + KV_P384_SIZE + 1) };

struct kv_p384 {
  EC_GROUP *group;
  const BIGNUM *order;
  pthread_mutex_t lock;     /* while tables are made */
  EC_GROUP *_Atomic tables; /* the group with the multiples of its generator; NULL: not yet */
  atomic_uint prepared;     /* keys that have tables */
};

struct kv_p384_key {
  kv_p384 *curve;
  EVP_PKEY *pkey;
  EC_POINT *point;
  atomic_uint uses;
  EC_GROUP *_Atomic tables; /* the group with this point as its generator, and its multiples */
};

kv_p384 *kv_p384_new(void) {
  kv_p384 *curve = calloc(1, sizeof *curve);
  if (!curve) return NULL;
  curve->group = EC_GROUP_new_by_curve_name(NID_secp384r1);
  if (!curve->group) {
    free(curve);
    return NULL;
  }
  curve->order = EC_GROUP_get0_order(curve->group);
  pthread_mutex_init(&curve->lock, NULL);
  return curve;
}

void kv_p384_free(kv_p384 *curve) {
  if (!curve) return;
  EC_GROUP_free(atomic_load(&curve->tables));
  EC_GROUP_free(curve->group);
  pthread_mutex_destroy(&curve->lock);
  free(curve);
}

/* ---- keys ---- */

static EVP_PKEY *make_pkey(const uint8_t *point) {
  char name[] = "P-384";
  uint8_t bytes[2 * KV_P384_SIZE + 1];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = point[i];
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name - 1),
      OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, bytes, sizeof bytes),
      OSSL_PARAM_END,
  };
  EVP_PKEY *pkey = NULL;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  if (context && EVP_PKEY_fromdata_init(context) == 1)
    EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters);
  EVP_PKEY_CTX_free(context);
  return pkey;
}

kv_p384_key *kv_p384_key_new(kv_p384 *curve, const uint8_t *point) {
  kv_p384_key *key = calloc(1, sizeof *key);
  if (!key) return NULL;
  key->curve = curve;
  key->point = EC_POINT_new(curve->group);
  if (key->point &&
      EC_POINT_oct2point(curve->group, key->point, point, 2 * KV_P384_SIZE + 1, NULL) == 1)
    key->pkey = make_pkey(point);
  if (key->pkey) return key;
  kv_p384_key_free(key);
  return NULL;
}

void kv_p384_key_free(kv_p384_key *key) {
  if (!key) return;
  EC_GROUP *tables = atomic_load(&key->tables);
  if (tables) atomic_fetch_sub(&key->curve->prepared, 1);
  EC_GROUP_free(tables);
  EC_POINT_free(key->point);
  EVP_PKEY_free(key->pkey);
  free(key);
}

/* ---- a key that is new ---- */

bool kv_p384_in_range(const kv_p384 *curve, const uint8_t *scalar) {
  BIGNUM *number = BN_bin2bn(scalar, KV_P384_SIZE, NULL);
  bool in_range = number && !BN_is_zero(number) && BN_cmp(number, curve->order) < 0;
  BN_free(number);
  return in_range;
}

/* An INTEGER of DER; its size. */
static size_t write_integer(uint8_t *to, const uint8_t *number) {
  size_t skip = 0;
  while (skip < KV_P384_SIZE - 1 && number[skip] == 0) skip++;
  size_t zero = number[skip] >> 7, size = KV_P384_SIZE - skip;
  to[0] = 0x02;
  to[1] = (uint8_t)(zero + size);
  to[2] = 0;
  for (size_t i = 0; i < size; i++) to[2 + zero + i] = number[skip + i];
  return 2 + zero + size;
}

int kv_p384_verify_plain(kv_p384_key *key, const uint8_t *digest, const uint8_t *r,
                         const uint8_t *s) {
  uint8_t der[SIGNATURE_MAX] = {0x30}; /* SEQUENCE { r, s } (RFC 3279, 2.2.3) */
  size_t size = 2 + write_integer(der + 2, r);
  size += write_integer(der + size, s);
  der[1] = (uint8_t)(size - 2);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key->pkey, NULL);
  int result = -1;
  if (context && EVP_PKEY_verify_init(context) == 1)
    result = EVP_PKEY_verify(context, der, size, digest, KV_P384_SIZE) == 1;
  EVP_PKEY_CTX_free(context);
  return result;
}

/* ---- a key that comes back ---- */

/* The group with `point` as its generator (NULL: its own) and tables of the generator's multiples.
 * For multiplying only: no other use of such a group makes sense. */
static EC_GROUP *make_tables(const kv_p384 *curve, const EC_POINT *point) {
  EC_GROUP *group = EC_GROUP_dup(curve->group);
  if (group &&
      (!point || EC_GROUP_set_generator(group, point, curve->order, BN_value_one()) == 1) &&
      EC_GROUP_precompute_mult(group, NULL) == 1 && EC_GROUP_have_precompute_mult(group) == 1)
    return group;
  EC_GROUP_free(group);
  return NULL;
}

/* Makes the tables that are missing. False: out of memory, or libcrypto makes none. */
static bool prepare(kv_p384_key *key) {
  kv_p384 *curve = key->curve;
  pthread_mutex_lock(&curve->lock);
  if (!atomic_load(&curve->tables)) atomic_store(&curve->tables, make_tables(curve, NULL));
  if (!atomic_load(&key->tables)) {
    EC_GROUP *tables = make_tables(curve, key->point);
    if (tables) atomic_fetch_add(&curve->prepared, 1);
    atomic_store(&key->tables, tables);
  }
  pthread_mutex_unlock(&curve->lock);
  return atomic_load(&curve->tables) && atomic_load(&key->tables);
}

/* u1 = e/s and u2 = r/s modulo n (SEC 1, 4.1.4, steps 3 to 4). */
static bool scalars(const kv_p384 *curve, const uint8_t *digest, const BIGNUM *r, const BIGNUM *s,
                    BIGNUM *u1, BIGNUM *u2, BN_CTX *context) {
  BIGNUM *e = BN_CTX_get(context), *w = BN_CTX_get(context);
  return w && BN_bin2bn(digest, KV_P384_SIZE, e) && BN_mod_inverse(w, s, curve->order, context) &&
         BN_mod_mul(u1, e, w, curve->order, context) && BN_mod_mul(u2, r, w, curve->order, context);
}

/* u1 G + u2 Q as (u1 - 1) G + (u2 Q + G): each of the two multiplies its own generator, from its
 * tables, and adds a point. (Without a point to add, libcrypto takes its slow way for secrets.) */
static bool add_up(const kv_p384_key *key, BIGNUM *u1, const BIGNUM *u2, EC_POINT *sum,
                   BN_CTX *context) {
  const EC_GROUP *g = atomic_load(&key->curve->tables), *q = atomic_load(&key->tables);
  const EC_POINT *generator = EC_GROUP_get0_generator(g);
  const BIGNUM *order = key->curve->order;
  EC_POINT *part = EC_POINT_new(key->curve->group);
  bool done = part && EC_POINT_mul(q, part, u2, generator, BN_value_one(), context) == 1 &&
              BN_mod_sub(u1, u1, BN_value_one(), order, context) == 1 &&
              EC_POINT_mul(g, sum, u1, part, BN_value_one(), context) == 1;
  EC_POINT_free(part);
  return done;
}

/* SEC 1, 4.1.4, with r and s in range. */
static int verify_with_tables(const kv_p384_key *key, const uint8_t *digest, const BIGNUM *r,
                              const BIGNUM *s, BN_CTX *context) {
  const kv_p384 *curve = key->curve;
  BIGNUM *u1 = BN_CTX_get(context), *u2 = BN_CTX_get(context), *x = BN_CTX_get(context);
  EC_POINT *sum = EC_POINT_new(curve->group);
  int result = -1;
  if (x && sum && scalars(curve, digest, r, s, u1, u2, context) &&
      add_up(key, u1, u2, sum, context)) {
    result = 0;
    if (!EC_POINT_is_at_infinity(curve->group, sum))
      result = EC_POINT_get_affine_coordinates(curve->group, sum, x, NULL, context) == 1 &&
                       BN_nnmod(x, x, curve->order, context) == 1
                   ? BN_cmp(x, r) == 0
                   : -1;
  }
  EC_POINT_free(sum);
  return result;
}

int kv_p384_verify_prepared(kv_p384_key *key, const uint8_t *digest, const uint8_t *r,
                            const uint8_t *s) {
  if (!kv_p384_in_range(key->curve, r) || !kv_p384_in_range(key->curve, s)) return 0;
  if (!atomic_load(&key->tables) && !prepare(key)) return -1;
  BN_CTX *context = BN_CTX_new();
  if (!context) return -1;
  BN_CTX_start(context);
  BIGNUM *a = BN_CTX_get(context), *b = BN_CTX_get(context);
  int result = -1;
  if (b && BN_bin2bn(r, KV_P384_SIZE, a) && BN_bin2bn(s, KV_P384_SIZE, b))
    result = verify_with_tables(key, digest, a, b, context);
  BN_CTX_end(context);
  BN_CTX_free(context);
  return result;
}

int kv_p384_verify(kv_p384_key *key, const uint8_t *digest, const uint8_t *r, const uint8_t *s) {
  bool prepared = atomic_load(&key->tables);
  if (!prepared && atomic_fetch_add(&key->uses, 1) >= KV_P384_PREPARE_AFTER)
    prepared = atomic_load(&key->curve->prepared) < KV_P384_PREPARED_MAX && prepare(key);
  return prepared ? kv_p384_verify_prepared(key, digest, r, s)
                  : kv_p384_verify_plain(key, digest, r, s);
}
