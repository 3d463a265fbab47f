/* What is read of a report is what is written of it, whatever is in it; and reading, checking and
 * describing it touch nothing else. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "snp/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
  if (!holds) abort();
}

static void describe(const kv_report *report, kv_product product) {
  kv_report_problem problems[KV_REPORT_PROBLEMS_MAX];
  char text[256];
  size_t count = kv_report_check(report, product, problems);
  check(count <= KV_REPORT_PROBLEMS_MAX);
  for (size_t i = 0; i < count; i++) {
    check(problems[i].offset < KV_REPORT_SIZE);
    check(i == 0 || problems[i - 1].rule <= problems[i].rule);
    kv_report_problem_text(report, &problems[i], text, sizeof text);
    check(strncmp(text, problems[i].field, strlen(problems[i].field)) == 0);
  }
}

/* Components and what is reserved make up a TCB, each bit in one of them. */
static void take_apart(kv_tcb_layout layout, uint64_t value) {
  kv_tcb tcb = kv_tcb_parse(layout, value);
  uint64_t reserved = kv_tcb_reserved(layout, value);
  if (layout == KV_TCB_UNKNOWN) return;
  check((kv_tcb_write(&tcb) | reserved) == value && (kv_tcb_write(&tcb) & reserved) == 0);
  check(kv_tcb_at_most(&tcb, &tcb));
}

/* Without the bytes that it was read from, a report with no reserved bytes set is the same. */
static void rewrite(kv_report *report, const uint8_t *data) {
  uint8_t again[KV_REPORT_SIZE];
  kv_report_problem problems[KV_REPORT_PROBLEMS_MAX];
  bool reserved = false;
  size_t count = kv_report_check(report, KV_PRODUCT_UNKNOWN, problems);
  for (size_t i = 0; i < count; i++)
    reserved |=
        problems[i].rule == KV_RULE_RESERVED || problems[i].rule == KV_RULE_SIGNATURE_RESERVED;
  kv_report_write(report, again);
  check(memcmp(again, data, sizeof again) == 0);
  memset(report->raw, 0, sizeof report->raw);
  kv_report_write(report, again);
  check(reserved == (memcmp(again, data, sizeof again) != 0));
}

static void read_report(const uint8_t *data, size_t size) {
  kv_report report;
  kv_error error;
  error.message[0] = '\0';
  if (kv_report_parse(data, size, &report, &error) < 0) {
    check(error.message[0] != '\0');
    return;
  }
  check(size == KV_REPORT_SIZE && report.version >= 2 && report.version <= 5);
  for (int product = 0; product < KV_PRODUCTS; product++) {
    describe(&report, (kv_product)product);
    take_apart(kv_tcb_layout_of_report(&report, (kv_product)product), report.reported_tcb);
  }
  rewrite(&report, data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  read_report(data, size);
  /* And as what follows the version of a report, so that short inputs get beyond the size. */
  uint8_t whole[KV_REPORT_SIZE] = {0};
  if (size < 2 || size > KV_REPORT_SIZE - 4) return 0;
  whole[0] = (uint8_t)(KV_REPORT_VERSION_MIN + data[0] % 4);
  memcpy(whole + 4, data + 1, size - 1);
  read_report(whole, sizeof whole);
  return 0;
}
