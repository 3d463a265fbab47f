/*
 * Bytes as text: hexadecimal, and base64 (RFC 4648, section 4). Decoding is strict: an error says
 * what is wrong and where.
 */
#ifndef KV_BASE_ENCODE_H
#define KV_BASE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Whether blanks, tabs and line ends between the digits are skipped or refused. */
typedef enum kv_spaces { KV_SPACES_REFUSED, KV_SPACES_SKIPPED } kv_spaces;

/* Writes 2 * `size` lower-case digits and a NUL. */
void kv_hex_encode(const uint8_t *bytes, size_t size, char *text);

/* Decodes digits of either case. `bytes` has room for `size` / 2; `text` and `bytes` may be the
 * same. Returns 0 and *written, or -1 and *error (`invalid_argument`): a character that is no
 * digit, an odd number of digits. */
int kv_hex_decode(const char *text, size_t size, kv_spaces spaces, uint8_t *bytes, size_t *written,
                  kv_error *error);

/* The length of base64 text for `size` bytes, without its NUL. */
size_t kv_base64_length(size_t size);

/* Writes kv_base64_length(size) characters, padded, in one line, and a NUL. */
void kv_base64_encode(const uint8_t *bytes, size_t size, char *text);

/* Decodes padded base64. `bytes` has room for `size` / 4 * 3 + 3; `text` and `bytes` may be the
 * same. Returns 0 and *written, or -1 and *error (`invalid_argument`): a character that is none of
 * the alphabet, padding that is missing, too much or not at the end, bits in it that are not zero.
 */
int kv_base64_decode(const char *text, size_t size, kv_spaces spaces, uint8_t *bytes,
                     size_t *written, kv_error *error);

#endif
