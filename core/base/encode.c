#include "base/encode.h"

enum { NOT_A_DIGIT = 255 };

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* How a message shows a character: itself, or its number. */
static int fail_character(kv_error *error, const char *what, char c, size_t at) {
  unsigned char u = (unsigned char)c;
  if (u > ' ' && u < 0x7f)
    return kv_fail(error, "invalid_argument", "%s: '%c' at offset %zu", what, c, at);
  return kv_fail(error, "invalid_argument", "%s: byte 0x%02x at offset %zu", what, u, at);
}

/* ---- hexadecimal ---- */

void kv_hex_encode(const uint8_t *bytes, size_t size, char *text) {
  static const char DIGITS[] = "0123456789abcdef";
  for (size_t i = 0; i < size; i++) {
    text[2 * i] = DIGITS[bytes[i] >> 4];
    text[2 * i + 1] = DIGITS[bytes[i] & 15];
  }
  text[2 * size] = '\0';
}

static unsigned hex_digit(char c) {
  if (c >= '0' && c <= '9') return (unsigned)(c - '0');
  if (c >= 'a' && c <= 'f') return (unsigned)(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return (unsigned)(c - 'A' + 10);
  return NOT_A_DIGIT;
}

int kv_hex_decode(const char *text, size_t size, kv_spaces spaces, uint8_t *bytes, size_t *written,
                  kv_error *error) {
  size_t digits = 0;
  unsigned high = 0;
  for (size_t i = 0; i < size; i++) {
    if (spaces == KV_SPACES_SKIPPED && is_space(text[i])) continue;
    unsigned digit = hex_digit(text[i]);
    if (digit == NOT_A_DIGIT) return fail_character(error, "not a hex digit", text[i], i);
    if (digits % 2) bytes[digits / 2] = (uint8_t)(high << 4 | digit);
    high = digit;
    digits++;
  }
  if (digits % 2)
    return kv_fail(error, "invalid_argument", "an odd number of hex digits: %zu", digits);
  *written = digits / 2;
  return 0;
}

/* ---- base64 ---- */

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

enum { PAD = 64 };

size_t kv_base64_length(size_t size) { return (size + 2) / 3 * 4; }

void kv_base64_encode(const uint8_t *bytes, size_t size, char *text) {
  for (size_t i = 0; i < size; i += 3) {
    size_t left = size - i;
    uint32_t three = (uint32_t)bytes[i] << 16;
    if (left > 1) three |= (uint32_t)bytes[i + 1] << 8;
    if (left > 2) three |= bytes[i + 2];
    *text++ = ALPHABET[three >> 18];
    *text++ = ALPHABET[three >> 12 & 63];
    *text++ = ALPHABET[left > 1 ? three >> 6 & 63 : PAD];
    *text++ = ALPHABET[left > 2 ? three & 63 : PAD];
  }
  *text = '\0';
}

static unsigned base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return (unsigned)(c - 'A');
  if (c >= 'a' && c <= 'z') return (unsigned)(c - 'a' + 26);
  if (c >= '0' && c <= '9') return (unsigned)(c - '0' + 52);
  if (c == '+') return 62;
  if (c == '/') return 63;
  return NOT_A_DIGIT;
}

typedef struct base64_reader {
  uint32_t bits; /* of the group of four that is being read */
  size_t digits; /* in that group */
  size_t pads;
  size_t written;
} base64_reader;

static void put_base64_digit(base64_reader *r, unsigned digit, uint8_t *bytes) {
  r->bits = r->bits << 6 | digit;
  if (++r->digits == 4) {
    bytes[r->written++] = (uint8_t)(r->bits >> 16);
    bytes[r->written++] = (uint8_t)(r->bits >> 8);
    bytes[r->written++] = (uint8_t)r->bits;
    r->digits = 0;
    r->bits = 0;
  }
}

/* The last group, if it is not a whole one. */
static int finish_base64(base64_reader *r, uint8_t *bytes, kv_error *error) {
  if (r->digits == 0 && r->pads == 0) return 0;
  if (r->digits < 2 || r->digits + r->pads != 4)
    return kv_fail(error, "invalid_argument",
                   "base64 whose last group has %zu digits and %zu '=', not 4 in all", r->digits,
                   r->pads);
  unsigned spare = r->digits == 2 ? 4 : 2;
  if (r->bits & ((1u << spare) - 1))
    return kv_fail(error, "invalid_argument", "base64 whose last digit has bits beyond the end");
  r->bits >>= spare;
  if (r->digits == 3) bytes[r->written++] = (uint8_t)(r->bits >> 8);
  bytes[r->written++] = (uint8_t)r->bits;
  return 0;
}

int kv_base64_decode(const char *text, size_t size, kv_spaces spaces, uint8_t *bytes,
                     size_t *written, kv_error *error) {
  base64_reader r = {0};
  for (size_t i = 0; i < size; i++) {
    if (spaces == KV_SPACES_SKIPPED && is_space(text[i])) continue;
    if (text[i] == '=' && r.pads < 2) {
      r.pads++;
      continue;
    }
    unsigned digit = base64_digit(text[i]);
    if (digit == NOT_A_DIGIT || r.pads)
      return fail_character(error, r.pads ? "base64 goes on after its padding" : "not base64",
                            text[i], i);
    put_base64_digit(&r, digit, bytes);
  }
  if (finish_base64(&r, bytes, error) < 0) return -1;
  *written = r.written;
  return 0;
}
