/*
 * Reading DER (X.690, section 10: the one encoding of a value): definite lengths in the fewest
 * bytes, low tag numbers. What BER would also allow is refused. Nothing is copied: a slice points
 * into the bytes that were given.
 */
#ifndef KV_SNP_DER_H
#define KV_SNP_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kv_slice {
  const uint8_t *bytes;
  size_t size;
} kv_slice;

/* Identifier octets (X.690, 8.1.2; X.680, table 1). */
enum {
  KV_DER_BOOLEAN = 0x01,
  KV_DER_INTEGER = 0x02,
  KV_DER_BIT_STRING = 0x03,
  KV_DER_OCTET_STRING = 0x04,
  KV_DER_NULL = 0x05,
  KV_DER_OID = 0x06,
  KV_DER_UTF8_STRING = 0x0c,
  KV_DER_PRINTABLE_STRING = 0x13,
  KV_DER_IA5_STRING = 0x16,
  KV_DER_UTC_TIME = 0x17,
  KV_DER_GENERALIZED_TIME = 0x18,
  KV_DER_SEQUENCE = 0x30,
  KV_DER_SET = 0x31,
  KV_DER_CONTEXT = 0x80,             /* [n], primitive: + n */
  KV_DER_CONTEXT_CONSTRUCTED = 0xa0, /* [n], constructed: + n */
};

/* Whether the next element of *in has this identifier. */
bool kv_der_is(const kv_slice *in, unsigned tag);

/* Takes the next element, which must have this identifier, off *in. *content (which may be NULL) is
 * what is inside it, *whole (which may be NULL) the element itself. False if there is none such or
 * its length is wrong: then *in is as it was. */
bool kv_der_take(kv_slice *in, unsigned tag, kv_slice *content, kv_slice *whole);

/* Takes an element of any kind. */
bool kv_der_take_any(kv_slice *in, kv_slice *whole);

/* Takes an INTEGER in its fewest bytes (X.690, 8.3.2). *content keeps a leading zero. */
bool kv_der_take_integer(kv_slice *in, kv_slice *content);

/* Takes an INTEGER from 0 to 255. */
bool kv_der_take_byte(kv_slice *in, uint8_t *value);

/* Takes a BIT STRING of whole bytes. */
bool kv_der_take_bits(kv_slice *in, kv_slice *content);

/* Takes a UTCTime or GeneralizedTime as RFC 5280, section 4.1.2.5, has them: to the second, in Z.
 * Seconds since 1970. */
bool kv_der_take_time(kv_slice *in, int64_t *seconds);

bool kv_slice_equal(kv_slice a, kv_slice b);

/* Whether it is these bytes of a string literal: an object identifier's content, a name. */
bool kv_slice_is(kv_slice slice, const char *bytes, size_t size);
#define KV_SLICE_IS(slice, literal) kv_slice_is(slice, "" literal, sizeof(literal) - 1)

#endif
