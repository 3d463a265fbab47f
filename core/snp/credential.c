#include "snp/credential.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- one ---- */

static bool read_key(kv_credential *c, const kv_digests *digests, kv_p384 *curve) {
  const kv_certificate *certificate = &c->certificate;
  if (certificate->key == KV_KEY_P384)
    c->p384 = kv_p384_key_new(curve, certificate->key_bytes.bytes);
  if (certificate->key != KV_KEY_RSA_4096) return true;
  c->rsa = kv_rsa_key(certificate->key_bytes);
  return c->rsa && kv_digest(digests->sha256, certificate->spki, c->key_id);
}

kv_credential *kv_credential_new(kv_slice der, const uint8_t *id, const kv_digests *digests,
                                 kv_p384 *curve, kv_error *error) {
  kv_certificate probe;
  if (der.size > KV_X509_SIZE_MAX) {
    kv_certificate_parse(der, &probe, error);
    return NULL;
  }
  kv_credential *c = calloc(1, sizeof *c + der.size);
  if (!c) {
    kv_fail(error, "io", "out of memory");
    return NULL;
  }
  atomic_init(&c->references, 1);
  memcpy(c->id, id, sizeof c->id);
  if (der.size > 0) memcpy(c->der, der.bytes, der.size);
  if (kv_certificate_parse((kv_slice){c->der, der.size}, &c->certificate, error) == 0) {
    if (read_key(c, digests, curve)) return c;
    kv_fail(error, "invalid_argument", "libcrypto refuses its key");
  }
  kv_credential_release(c);
  return NULL;
}

kv_credential *kv_credential_hold(kv_credential *c) {
  atomic_fetch_add_explicit(&c->references, 1, memory_order_relaxed);
  return c;
}

void kv_credential_release(kv_credential *c) {
  if (!c || atomic_fetch_sub(&c->references, 1) != 1) return;
  EVP_PKEY_free(c->rsa);
  kv_p384_key_free(c->p384);
  free(c);
}

/* ---- many: sets of four, found by the first bytes of the id, the oldest of a set goes ---- */

enum { WAYS = 4 };

typedef struct set {
  kv_credential *way[WAYS];
  unsigned next;
} set;

struct kv_keyring {
  pthread_rwlock_t lock;
  size_t count;
  set sets[];
};

kv_keyring *kv_keyring_new(size_t sets) {
  kv_keyring *keyring = calloc(1, sizeof *keyring + sets * sizeof keyring->sets[0]);
  if (!keyring) return NULL;
  pthread_rwlock_init(&keyring->lock, NULL);
  keyring->count = sets;
  return keyring;
}

void kv_keyring_free(kv_keyring *keyring) {
  if (!keyring) return;
  for (size_t i = 0; i < keyring->count; i++)
    for (size_t j = 0; j < WAYS; j++) kv_credential_release(keyring->sets[i].way[j]);
  pthread_rwlock_destroy(&keyring->lock);
  free(keyring);
}

static set *set_of(kv_keyring *keyring, const uint8_t *id) {
  size_t number;
  memcpy(&number, id, sizeof number);
  return &keyring->sets[number & (keyring->count - 1)];
}

static kv_credential *find(const set *in, const uint8_t *id) {
  for (size_t i = 0; i < WAYS; i++)
    if (in->way[i] && memcmp(in->way[i]->id, id, KV_SHA256_SIZE) == 0) return in->way[i];
  return NULL;
}

kv_credential *kv_keyring_get(kv_keyring *keyring, const uint8_t *id) {
  pthread_rwlock_rdlock(&keyring->lock);
  kv_credential *found = find(set_of(keyring, id), id);
  if (found) kv_credential_hold(found);
  pthread_rwlock_unlock(&keyring->lock);
  return found;
}

void kv_keyring_put(kv_keyring *keyring, kv_credential *credential) {
  kv_credential *old = NULL;
  pthread_rwlock_wrlock(&keyring->lock);
  set *in = set_of(keyring, credential->id);
  if (!find(in, credential->id)) {
    old = in->way[in->next];
    in->way[in->next] = kv_credential_hold(credential);
    in->next = (in->next + 1) % WAYS;
  }
  pthread_rwlock_unlock(&keyring->lock);
  kv_credential_release(old);
}
