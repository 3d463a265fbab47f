/* Whatever a policy's text is, it is loaded or refused; loaded, it comes to the same on the same
 * evidence, however often. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rules/json.h"
#include "rules/vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
  if (!holds) abort();
}

/* What it comes to, each time from the same state. */
static void evaluate_twice(kv_vm *vm) {
  static const char text[] = "{\"report\":{\"vmpl\":0,\"chip_id\":\"ab\"},\"now\":1,"
                             "\"certificates\":[{\"role\":\"vcek\"}],\"nonce\":null}";
  kv_blob evidence = {0}, first = {0}, second = {0};
  kv_error error;
  check(kv_json_read(text, sizeof text - 1, &evidence, &error) == 0);
  kv_vm_evaluate(vm, evidence.bytes, &first);
  kv_vm_evaluate(vm, evidence.bytes, &second);
  check(kv_blob_check(first.bytes, first.size, &error) == 0);
  check(first.size == second.size && memcmp(first.bytes, second.bytes, first.size) == 0);
  kv_blob_free(&evidence);
  kv_blob_free(&first);
  kv_blob_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const kv_vm_limits limits = {.steps = 20000, .memory = KV_VM_MEMORY_LEAST};
  const kv_vm_source source = {"p.lua", (const char *)data, size};
  static const char known[] = "{\"ab\":{\"floor\":3},\"list\":[1,2]}";
  const kv_vm_data table = {"known", known, sizeof known - 1};
  kv_vm_need need;
  kv_error error;
  kv_blob described = {0};
  kv_vm *vm = kv_vm_open(&limits, &error);
  check(vm != NULL);
  check(kv_vm_add_data(vm, &table, &error) == 0);
  error.message[0] = '\0';
  if (kv_vm_load(vm, &source, 1, &need, &error) == 0) {
    kv_vm_describe(vm, &described);
    check(kv_blob_check(described.bytes, described.size, &error) == 0);
    evaluate_twice(vm);
  } else {
    check(need.name[0] || error.message[0]);
  }
  kv_blob_free(&described);
  kv_vm_close(vm);
  return 0;
}
