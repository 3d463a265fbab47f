#include "store/unit.h"

#include <stdlib.h>

kv_unit *kv_unit_new(void) { return calloc(1, sizeof(kv_unit)); }

void kv_unit_free(kv_unit *unit) {
  if (!unit) return;
  kv_pack_free(&unit->statements);
  kv_pack_free(&unit->rows);
  free(unit);
}

int kv_unit_add(kv_unit *unit, int statement, size_t count) {
  if (statement > unit->highest) unit->highest = statement;
  kv_value head = {.type = KV_VALUE_HEAD, .integer = statement, .size = count};
  return kv_pack_add(&unit->statements, &head);
}

void kv_units_push(kv_units *units, kv_unit *unit) {
  unit->next = NULL;
  if (units->last)
    units->last->next = unit;
  else
    units->first = unit;
  units->last = unit;
  units->count++;
}

kv_unit *kv_units_pop(kv_units *units) {
  kv_unit *unit = units->first;
  if (!unit) return NULL;
  units->first = unit->next;
  if (!units->first) units->last = NULL;
  units->count--;
  return unit;
}

void kv_units_free(kv_units *units) {
  kv_unit *unit;
  while ((unit = kv_units_pop(units))) kv_unit_free(unit);
}
