/*
 * A unit: a list of statements with their parameters, all of which happen or none.
 */
#ifndef KV_STORE_UNIT_H
#define KV_STORE_UNIT_H

#include "store/database.h"
#include "store/pack.h"

typedef struct kv_unit kv_unit;

struct kv_unit {
  kv_unit *next;      /* in a queue of the store's */
  uint64_t number;    /* the store counts them */
  kv_pack statements; /* a head (which statement, how many parameters), its parameters, … */
  kv_pack rows;       /* a head (0, how many columns), its columns, … */
  int highest;        /* of the numbers of its statements; 0 if there are none */
  bool guard;         /* not to be done itself: see kv_store_guard */
  kv_store_status status;
  kv_error error;
};

/* NULL: there is no memory. */
kv_unit *kv_unit_new(void);
void kv_unit_free(kv_unit *unit);

/* Appends a statement, whose `count` parameters are appended to `statements` afterwards. Returns 0,
 * or -1 if there is no memory. */
int kv_unit_add(kv_unit *unit, int statement, size_t count);

/* First in, first out. */
typedef struct kv_units {
  kv_unit *first, *last;
  size_t count;
} kv_units;

void kv_units_push(kv_units *units, kv_unit *unit);
/* NULL if there is none. */
kv_unit *kv_units_pop(kv_units *units);
void kv_units_free(kv_units *units);

#endif
