/*
 * An SQLite file that a thread of its own writes to. What is submitted is queued; whatever is in
 * the queue when the thread is free becomes durable together, with one flush of the disk, and then
 * an event descriptor tells. All functions are for one thread, the owner's, and none of them waits
 * for the disk but those that say so.
 */
#ifndef KV_STORE_STORE_H
#define KV_STORE_STORE_H

#include "store/unit.h"

typedef struct kv_store kv_store;

typedef struct kv_store_counts {
  size_t queued;    /* units that are not done */
  size_t done;      /* units that wait for kv_store_take */
  uint64_t units;   /* that have become durable, ever */
  uint64_t commits; /* in so many transactions */
} kv_store_counts;

/* Opens the file, and waits for the disk. NULL with *status and *error. */
kv_store *kv_store_open(const kv_open_options *options, kv_store_status *status, kv_error *error);

/* Ends the thread, and waits for that: for what is queued if `all`, else for the group at hand.
 * What was done can still be taken; all else is over. May be called again. */
void kv_store_close(kv_store *store, bool all);
bool kv_store_is_closed(const kv_store *store);
/* Closes it if it is open, without the rest of the queue. */
void kv_store_free(kv_store *store);

/* Keeps a statement for units; returns its number, or -1 if there is no memory or there are
 * KV_STATEMENTS_MAX. `one`: it must change, or give, exactly one row, or its unit is
 * KV_STORE_FENCED. Nobody looks at the SQL before it is used first. */
int kv_store_statement(kv_store *store, const char *sql, bool one);

/* How many of them there are. */
int kv_store_statements(const kv_store *store);

/* Queues a unit, which is the store's from then on; returns its number: 1, 2, … Its
 * statements must be there. */
uint64_t kv_store_submit(kv_store *store, kv_unit *unit);

/* From this place in the queue on, nothing is written unless the statements of `unit` hold: they
 * are run within each transaction before all else, and where one is not so, every unit fails as
 * that one would. It takes the place of the one before; one without statements always holds. */
uint64_t kv_store_guard(kv_store *store, kv_unit *unit);

/* The next unit that is done, in the order of their numbers; NULL: none is. The caller frees it. */
kv_unit *kv_store_take(kv_store *store);

/* A descriptor that is readable from when a unit is done, until it is read (eventfd(2)). It is a
 * copy, the caller's to close. -1: errno. */
int kv_store_notifier(kv_store *store);

/* After a failure that is not one unit's own nothing is written, and all that is submitted fails in
 * the same way. This tells how: KV_STORE_OK if it is not so. */
kv_store_status kv_store_trouble(kv_store *store, kv_error *error);
/* From now on it is tried again. */
void kv_store_retry(kv_store *store);

/* Waits until the queue is empty and all of it is done. */
void kv_store_drain(kv_store *store);

kv_store_counts kv_store_count(kv_store *store);

#endif
