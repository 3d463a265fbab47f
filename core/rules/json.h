/*
 * JSON documents (RFC 8259) as values for a policy: what lua/kavach/json.lua takes, and refuses.
 * Integers are exact over 64 bits; duplicate keys, NaN, control characters in strings, invalid
 * UTF-8, lone surrogates, nesting beyond 30 and anything after the document are errors.
 */
#ifndef KV_RULES_JSON_H
#define KV_RULES_JSON_H

#include "rules/blob.h"

/* Appends the document's value to *b, as one node. Returns 0, or -1 and *error, which says at which
 * byte; *b has then to be thrown away. */
int kv_json_read(const char *text, size_t size, kv_blob *b, kv_error *error);

#endif
