#include "snp/der.h"

#include <string.h>

bool kv_slice_equal(kv_slice a, kv_slice b) {
  return a.size == b.size && (a.size == 0 || memcmp(a.bytes, b.bytes, a.size) == 0);
}

bool kv_slice_is(kv_slice slice, const char *bytes, size_t size) {
  return slice.size == size && memcmp(slice.bytes, bytes, size) == 0;
}

bool kv_der_is(const kv_slice *in, unsigned tag) { return in->size > 0 && in->bytes[0] == tag; }

/* The length octets after the identifier (X.690, 8.1.3 and 10.1). *header: of both. */
static bool read_length(const kv_slice *in, size_t *header, size_t *length) {
  if (in->size < 2) return false;
  size_t first = in->bytes[1];
  *header = 2;
  *length = first;
  if (first < 0x80) return true;
  size_t octets = first & 0x7f;
  if (octets == 0 || octets > 4 || in->size < 2 + octets || in->bytes[2] == 0) return false;
  *length = 0;
  for (size_t i = 0; i < octets; i++) *length = *length << 8 | in->bytes[2 + i];
  *header = 2 + octets;
  return *length >= 0x80;
}

static bool take(kv_slice *in, kv_slice *content, kv_slice *whole) {
  size_t header, length;
  if (!read_length(in, &header, &length) || length > in->size - header) return false;
  if ((in->bytes[0] & 0x1f) == 0x1f) return false; /* a tag number above 30 */
  if (content) *content = (kv_slice){in->bytes + header, length};
  if (whole) *whole = (kv_slice){in->bytes, header + length};
  in->bytes += header + length;
  in->size -= header + length;
  return true;
}

bool kv_der_take(kv_slice *in, unsigned tag, kv_slice *content, kv_slice *whole) {
  return kv_der_is(in, tag) && take(in, content, whole);
}

bool kv_der_take_any(kv_slice *in, kv_slice *whole) { return take(in, NULL, whole); }

bool kv_der_take_integer(kv_slice *in, kv_slice *content) {
  kv_slice rest = *in;
  if (!kv_der_take(&rest, KV_DER_INTEGER, content, NULL) || content->size == 0) return false;
  const uint8_t *b = content->bytes;
  if (content->size > 1 && (b[0] == 0 || b[0] == 0xff) && (b[0] & 0x80) == (b[1] & 0x80))
    return false;
  *in = rest;
  return true;
}

bool kv_der_take_byte(kv_slice *in, uint8_t *value) {
  kv_slice rest = *in, number;
  if (!kv_der_take_integer(&rest, &number)) return false;
  bool wide = number.size == 2 && number.bytes[0] == 0;
  if (!wide && (number.size != 1 || number.bytes[0] & 0x80)) return false;
  *value = number.bytes[number.size - 1];
  *in = rest;
  return true;
}

bool kv_der_take_bits(kv_slice *in, kv_slice *content) {
  kv_slice rest = *in, bits;
  if (!kv_der_take(&rest, KV_DER_BIT_STRING, &bits, NULL)) return false;
  if (bits.size < 1 || bits.bytes[0] != 0) return false;
  *content = (kv_slice){bits.bytes + 1, bits.size - 1};
  *in = rest;
  return true;
}

/* ---- times ---- */

static bool digits(const uint8_t *at, size_t count, int *value) {
  *value = 0;
  for (size_t i = 0; i < count; i++) {
    if (at[i] < '0' || at[i] > '9') return false;
    *value = *value * 10 + (at[i] - '0');
  }
  return true;
}

static bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

static int days_of(int month, int year) {
  static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return DAYS[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01 to the first of January of `year`, in the Gregorian calendar. */
static int64_t days_before(int year) {
  int64_t y = year - 1;
  return 365 * (y - 1969) + (y / 4 - y / 100 + y / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
}

/* MMDDHHMMSSZ */
static bool read_time(int year, const uint8_t *at, int64_t *seconds) {
  int month, day, hour, minute, second;
  if (!digits(at, 2, &month) || !digits(at + 2, 2, &day) || !digits(at + 4, 2, &hour) ||
      !digits(at + 6, 2, &minute) || !digits(at + 8, 2, &second) || at[10] != 'Z')
    return false;
  if (month < 1 || month > 12 || day < 1 || day > days_of(month, year)) return false;
  if (hour > 23 || minute > 59 || second > 59) return false;
  int64_t days = days_before(year) + day - 1;
  for (int m = 1; m < month; m++) days += days_of(m, year);
  *seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
  return true;
}

bool kv_der_take_time(kv_slice *in, int64_t *seconds) {
  kv_slice rest = *in, text;
  int year;
  bool generalized = kv_der_is(in, KV_DER_GENERALIZED_TIME);
  if (!kv_der_take(&rest, generalized ? KV_DER_GENERALIZED_TIME : KV_DER_UTC_TIME, &text, NULL))
    return false;
  size_t width = generalized ? 4 : 2;
  if (text.size != width + 11 || !digits(text.bytes, width, &year)) return false;
  if (!generalized) year += year < 50 ? 2000 : 1900; /* RFC 5280, 4.1.2.5.1 */
  if (year < 1 || !read_time(year, text.bytes + width, seconds)) return false;
  *in = rest;
  return true;
}
