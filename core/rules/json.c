#define _GNU_SOURCE
#include "rules/json.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = KV_BLOB_DEPTH_MAX - 2, NUMBER_MAX = 512 };

typedef struct kv_reader {
  const char *text;
  size_t at, size;
  kv_blob *out;
  char *scratch; /* a string with escapes; as large as the document */
  kv_error *error;
} kv_reader;

static int bad(kv_reader *r, const char *what) {
  return kv_fail(r->error, "invalid_argument", "%s at byte %zu", what, r->at + 1);
}

/* The byte that is next; 0 at the end. (A NUL in the text is no JSON anywhere.) */
static unsigned char peek(const kv_reader *r) {
  return r->at < r->size ? (unsigned char)r->text[r->at] : 0;
}

static void skip(kv_reader *r) {
  while (r->at < r->size) {
    char c = r->text[r->at];
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') return;
    r->at++;
  }
}

/* ---- strings ---- */

/* How many bytes a character of UTF-8 has, that begins here (RFC 3629, section 4); 0: none. */
static size_t utf8_length(const unsigned char *s, size_t left) {
  if (s[0] < 0x80) return 1;
  if (s[0] < 0xc2 || s[0] > 0xf4) return 0;
  size_t length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
  if (left < length) return 0;
  for (size_t i = 1; i < length; i++)
    if ((s[i] & 0xc0) != 0x80) return 0;
  if (s[0] == 0xe0 && s[1] < 0xa0) return 0;
  if (s[0] == 0xed && s[1] > 0x9f) return 0;
  if (s[0] == 0xf0 && s[1] < 0x90) return 0;
  if (s[0] == 0xf4 && s[1] > 0x8f) return 0;
  return length;
}

static size_t put_utf8(char *to, uint32_t c) {
  if (c < 0x80) {
    to[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    to[0] = (char)(0xc0 | c >> 6);
    to[1] = (char)(0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    to[0] = (char)(0xe0 | c >> 12);
    to[1] = (char)(0x80 | (c >> 6 & 0x3f));
    to[2] = (char)(0x80 | (c & 0x3f));
    return 3;
  }
  to[0] = (char)(0xf0 | c >> 18);
  to[1] = (char)(0x80 | (c >> 12 & 0x3f));
  to[2] = (char)(0x80 | (c >> 6 & 0x3f));
  to[3] = (char)(0x80 | (c & 0x3f));
  return 4;
}

/* Four hex digits; -1 if they are none. */
static int32_t read_hex4(kv_reader *r) {
  int32_t value = 0;
  if (r->size - r->at < 4) return -1;
  for (int i = 0; i < 4; i++) {
    char c = r->text[r->at + (size_t)i];
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  r->at += 4;
  return value;
}

/* What stands behind "\u". */
static int read_unicode(kv_reader *r, char *to, size_t *written) {
  int32_t c = read_hex4(r);
  if (c >= 0xd800 && c <= 0xdbff && r->size - r->at >= 6 && r->text[r->at] == '\\' &&
      r->text[r->at + 1] == 'u') {
    r->at += 2;
    int32_t low = read_hex4(r);
    if (low < 0xdc00 || low > 0xdfff) return bad(r, "invalid escape in a string");
    c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
  }
  if (c < 0 || (c >= 0xd800 && c <= 0xdfff)) return bad(r, "invalid escape in a string");
  *written += put_utf8(to, (uint32_t)c);
  return 0;
}

static int read_escape(kv_reader *r, char *to, size_t *written) {
  static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
  char c = (char)peek(r);
  const char *found = c ? strchr(names, c) : NULL;
  r->at++;
  if (c == 'u') return read_unicode(r, to, written);
  if (!found) return bad(r, "invalid escape in a string");
  *to = values[found - names];
  ++*written;
  return 0;
}

/* The rest of a string, whose first `from` bytes have no escapes. */
static int read_escaped(kv_reader *r, size_t from, const char **bytes, size_t *size) {
  size_t written = r->at - from;
  memcpy(r->scratch, r->text + from, written);
  while (r->at < r->size && peek(r) != '"') {
    unsigned char c = peek(r);
    size_t length = utf8_length((const unsigned char *)r->text + r->at, r->size - r->at);
    if (c < 0x20) return bad(r, "control character in a string");
    if (length == 0) return bad(r, "invalid UTF-8");
    if (c == '\\') {
      r->at++;
      if (read_escape(r, r->scratch + written, &written) < 0) return -1;
      continue;
    }
    memcpy(r->scratch + written, r->text + r->at, length);
    written += length;
    r->at += length;
  }
  if (r->at >= r->size) return bad(r, "unfinished string");
  r->at++;
  *bytes = r->scratch;
  *size = written;
  return 0;
}

/* A string's bytes, good until the next is read. */
static int read_string(kv_reader *r, const char **bytes, size_t *size) {
  size_t from = ++r->at;
  while (r->at < r->size) {
    unsigned char c = (unsigned char)r->text[r->at];
    if (c == '"') {
      *bytes = r->text + from;
      *size = r->at++ - from;
      return 0;
    }
    if (c == '\\') return read_escaped(r, from, bytes, size);
    if (c < 0x20) return bad(r, "control character in a string");
    size_t length = utf8_length((const unsigned char *)r->text + r->at, r->size - r->at);
    if (length == 0) return bad(r, "invalid UTF-8");
    r->at += length;
  }
  return bad(r, "unfinished string");
}

/* ---- numbers ---- */

static size_t digits(const kv_reader *r, size_t from) {
  size_t at = from;
  while (at < r->size && r->text[at] >= '0' && r->text[at] <= '9') at++;
  return at - from;
}

/* How long the number is that begins here, and whether it is a whole one; 0: it is none. */
static size_t number_length(const kv_reader *r, bool *whole) {
  size_t at = r->at + (peek(r) == '-'), count = digits(r, at);
  if (count == 0 || (count > 1 && r->text[at] == '0')) return 0;
  at += count;
  *whole = true;
  if (at < r->size && r->text[at] == '.') {
    count = digits(r, at + 1);
    if (count == 0) return 0;
    *whole = false;
    at += 1 + count;
  }
  if (at < r->size && (r->text[at] == 'e' || r->text[at] == 'E')) {
    at++;
    if (at < r->size && (r->text[at] == '+' || r->text[at] == '-')) at++;
    count = digits(r, at);
    if (count == 0) return 0;
    *whole = false;
    at += count;
  }
  return at - r->at;
}

/* strtod takes the point of the process's locale; a document has JSON's. */
static int put_float(kv_reader *r, const char *text) {
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (plain == (locale_t)0) return bad(r, "no memory");
  double value = strtod_l(text, NULL, plain);
  freelocale(plain);
  if (isinf(value)) return bad(r, "number out of range");
  kv_blob_put_float(r->out, value);
  return 0;
}

static int read_number(kv_reader *r) {
  bool whole = false;
  size_t length = number_length(r, &whole);
  char text[NUMBER_MAX];
  if (length == 0) return bad(r, "invalid value");
  if (length >= sizeof text) return bad(r, "a number that is too long");
  memcpy(text, r->text + r->at, length);
  text[length] = '\0';
  if (!whole) {
    if (put_float(r, text) < 0) return -1;
  } else {
    errno = 0;
    long long value = strtoll(text, NULL, 10);
    if (errno == ERANGE) return bad(r, "integer beyond 64 bits");
    kv_blob_put_integer(r->out, value);
  }
  r->at += length;
  return 0;
}

/* ---- values ---- */

static int read_value(kv_reader *r, int depth);

static int read_members(kv_reader *r, int depth) {
  bool object = peek(r) == '{';
  unsigned char close = object ? '}' : ']';
  if (depth == 0) return bad(r, "nested too deep");
  kv_blob_open in = kv_blob_begin(r->out, object ? 'o' : 'a');
  r->at++;
  skip(r);
  bool more = peek(r) != close;
  while (more) {
    if (object) {
      const char *key = NULL;
      size_t size = 0;
      if (peek(r) != '"') return bad(r, "expected a key");
      if (read_string(r, &key, &size) < 0) return -1;
      kv_blob_key(r->out, &in, key, size);
      skip(r);
      if (peek(r) != ':') return bad(r, "expected ':'");
      r->at++;
      skip(r);
    } else {
      kv_blob_next(r->out, &in);
    }
    if (read_value(r, depth - 1) < 0) return -1;
    skip(r);
    more = peek(r) == ',';
    if (!more) break;
    r->at++;
    skip(r);
  }
  if (peek(r) != close) return bad(r, object ? "expected ',' or '}'" : "expected ',' or ']'");
  r->at++;
  if (!kv_blob_end(r->out, &in)) return bad(r, "duplicate key before the object's end");
  return 0;
}

static int read_word(kv_reader *r, const char *word, char tag) {
  size_t length = strlen(word);
  if (r->size - r->at < length || memcmp(r->text + r->at, word, length) != 0)
    return bad(r, "invalid value");
  r->at += length;
  kv_blob_put_tag(r->out, tag);
  return 0;
}

static int read_value(kv_reader *r, int depth) {
  const char *bytes = NULL;
  size_t size = 0;
  switch (peek(r)) {
  case '{':
  case '[':
    return read_members(r, depth);
  case '"':
    if (read_string(r, &bytes, &size) < 0) return -1;
    kv_blob_put_bytes(r->out, 's', bytes, size);
    return 0;
  case 't':
    return read_word(r, "true", 't');
  case 'f':
    return read_word(r, "false", 'f');
  case 'n':
    return read_word(r, "null", 'n');
  default:
    return r->at < r->size ? read_number(r) : bad(r, "unexpected end");
  }
}

static int read_document(kv_reader *r) {
  skip(r);
  if (read_value(r, DEPTH_MAX) < 0) return -1;
  skip(r);
  if (r->at < r->size) return bad(r, "more after the end");
  if (r->out->failed) return kv_fail(r->error, "io", "too large, or no memory");
  return 0;
}

int kv_json_read(const char *text, size_t size, kv_blob *b, kv_error *error) {
  kv_reader r = {text, 0, size, b, NULL, error};
  kv_blob_expect(b, size + size / 4); /* about what values of some length take */
  r.scratch = malloc(size ? size : 1);
  if (!r.scratch) return kv_fail(error, "io", "no memory for a document of %zu bytes", size);
  int status = read_document(&r);
  free(r.scratch);
  return status;
}
