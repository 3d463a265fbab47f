/* A whole verification of whatever is handed in: every check comes out, each of them says something
 * to people, and it all comes out the same when the verifier remembers certificates as when it does
 * not.
 *
 * An input is pieces: a byte that says what, a 16-bit little-endian size, and so many bytes. What
 * (modulo 11): 0 report, 1 to 5 a certificate for the place VCEK, VLEK, ASK, ASVK, ARK, 6 a
 * certificate for the place that its subject names, 7 a revocation list; for the verifier: 8 a
 * list, 9 a certificate, 10 a root. The report's REPORT_DATA begins with the time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/little.h"
#include "snp/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIST_MAX = 8, PIECES_MAX = 24, PIECE_HEADER = 3, NOW_AT = 0x50 };

typedef struct pieces {
  kv_verify_input input;
  kv_verify_certificate certificates[LIST_MAX];
  kv_slice crls[LIST_MAX];
  kv_verifier_options options;
  kv_slice roots[LIST_MAX], pool[LIST_MAX], held_crls[LIST_MAX];
  uint8_t *owned[PIECES_MAX]; /* of exactly their size, so that reading beyond one is seen */
  size_t count;
} pieces;

static void check(bool holds) {
  if (!holds) abort();
}

static void add(kv_slice *list, size_t *count, kv_slice piece) {
  if (*count < LIST_MAX) list[(*count)++] = piece;
}

static void add_certificate(pieces *p, kv_part_role role, kv_slice piece) {
  if (p->input.certificate_count < LIST_MAX)
    p->certificates[p->input.certificate_count++] = (kv_verify_certificate){role, piece};
}

static void add_for_verifier(pieces *p, unsigned what, kv_slice piece) {
  if (what == 0)
    add(p->held_crls, &p->options.crl_count, piece);
  else if (what == 1)
    add(p->pool, &p->options.certificate_count, piece);
  else
    add(p->roots, &p->options.root_count, piece);
}

static void add_piece(pieces *p, unsigned what, kv_slice piece) {
  if (what == 0)
    p->input.report = piece;
  else if (what <= 5)
    add_certificate(p, (kv_part_role)(KV_PART_VCEK + (int)what - 1), piece);
  else if (what == 6)
    add_certificate(p, KV_PART_UNKNOWN, piece);
  else if (what == 7)
    add(p->crls, &p->input.crl_count, piece);
  else
    add_for_verifier(p, what - 8, piece);
}

static kv_slice own(pieces *p, const uint8_t *bytes, size_t size) {
  uint8_t *copy = malloc(size ? size : 1);
  check(copy != NULL);
  if (size) memcpy(copy, bytes, size);
  p->owned[p->count++] = copy;
  return (kv_slice){copy, size};
}

static void take_apart(pieces *p, const uint8_t *bytes, size_t size) {
  while (size >= PIECE_HEADER && p->count < PIECES_MAX) {
    size_t length = (size_t)(bytes[1] | bytes[2] << 8);
    if (length > size - PIECE_HEADER) length = size - PIECE_HEADER;
    add_piece(p, bytes[0] % 11, own(p, bytes + PIECE_HEADER, length));
    bytes += PIECE_HEADER + length;
    size -= PIECE_HEADER + length;
  }
  if (p->input.report.size >= NOW_AT + 4)
    p->input.now = (int64_t)kv_le32(p->input.report.bytes + NOW_AT);
}

/* What is wanted of any result, of whatever evidence. */
static void judge(const kv_verify_result *r) {
  bool all = true;
  for (int i = 0; i < KV_CHECKS; i++) {
    const kv_check *x = &r->checks[i];
    check(x->status <= KV_FAIL);
    check(strlen(x->expected) < KV_CHECK_TEXT && strlen(x->found) < KV_CHECK_TEXT);
    check(strlen(x->reason) < KV_CHECK_TEXT);
    if (x->status == KV_NOT_CHECKED) check(x->reason[0] != '\0');
    bool passed = x->status == KV_PASS || (x->status == KV_NOT_CHECKED && x->optional);
    if (i < KV_CHECK_TCB_REPORTED && !passed) all = false;
  }
  check(r->genuine == all);
  if (r->genuine) check(r->readable && r->root && r->signed_by && !r->missing);
}

static void same(const kv_verify_result *a, const kv_verify_result *b) {
  check(a->genuine == b->genuine && a->readable == b->readable && a->product == b->product);
  check(a->signed_by == b->signed_by && a->root == b->root && a->missing == b->missing);
  check(strcmp(a->csp_id, b->csp_id) == 0);
  for (int i = 0; i < KV_CHECKS; i++) {
    const kv_check *x = &a->checks[i], *y = &b->checks[i];
    check(x->status == y->status && x->optional == y->optional);
    check(strcmp(x->expected, y->expected) == 0 && strcmp(x->found, y->found) == 0);
    check(strcmp(x->reason, y->reason) == 0);
  }
}

static void verify(const pieces *p) {
  static kv_verify_result first, again; /* large */
  kv_error error = {.message = ""};
  kv_verifier *verifier = kv_verifier_new(&p->options, &error);
  if (!verifier) {
    check(error.message[0] != '\0');
    return;
  }
  for (int i = 0; i < 2; i++) {
    kv_verify_result *to = i == 0 ? &first : &again;
    if (kv_verify(verifier, &p->input, to, &error) < 0) {
      check(error.message[0] != '\0' && p->input.report.size != KV_REPORT_SIZE);
      break;
    }
    judge(to);
    if (i == 1) same(&first, &again);
  }
  kv_verifier_free(verifier);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pieces p = {.input = {.report = {data, 0}}};
  p.input.certificates = p.certificates;
  p.input.crls = p.crls;
  p.options = (kv_verifier_options){.roots = p.roots, .certificates = p.pool, .crls = p.held_crls};
  take_apart(&p, data, size);
  verify(&p);
  while (p.count > 0) free(p.owned[--p.count]);
  return 0;
}
