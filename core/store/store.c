#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "store/group.h"

enum {
  GROUP_MAX = 4096,       /* units in one transaction */
  SPACE_NS = 3 * 1000000, /* between two transactions, while there is one after the other */
  CHECKPOINT_PAGES = 1000 /* the log is written back when it has so many, as SQLite's default is */
};

struct kv_store {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t more, idle; /* for the thread; for who waits for it */
  pthread_cond_t hurry;      /* for the thread: somebody waits in a call */
  int notifier;
  /* The owner's. */
  bool closed;
  uint64_t last_number;
  int statement_count;
  /* Under the mutex. */
  kv_units queue, done;
  size_t writing; /* units that the thread is at */
  bool ending, all;
  int waiting; /* in kv_store_drain */
  kv_store_status trouble;
  kv_error trouble_error;
  uint64_t units, commits;
  /* The thread's, from its begin to its end; a statement is there before a unit with it is. */
  sqlite3 *db;
  kv_unit *guard;
  int log_pages;
  struct timespec next; /* no transaction is begun before */
  kv_statement statements[KV_STATEMENTS_MAX];
};

/* ---- the thread ---- */

/* A flush costs about as much for one unit as for a hundred, and the machine's processors are for
 * the jobs: units that come just after a transaction wait a little for others. */
static void wait_for_others(kv_store *store) {
  int late = 0;
  while (!late && !store->ending && store->waiting == 0)
    late = pthread_cond_timedwait(&store->hurry, &store->mutex, &store->next);
}

static void set_next(kv_store *store) {
  const long second = 1000000000;
  clock_gettime(CLOCK_MONOTONIC, &store->next);
  store->next.tv_nsec += SPACE_NS;
  if (store->next.tv_nsec < second) return;
  store->next.tv_nsec -= second;
  store->next.tv_sec++;
}

/* Takes what is queued, up to the next guard; a guard that comes first, alone. */
static bool next_group(kv_store *store, kv_units *group) {
  pthread_mutex_lock(&store->mutex);
  while (!store->queue.first && !store->ending) {
    pthread_cond_broadcast(&store->idle);
    pthread_cond_wait(&store->more, &store->mutex);
  }
  wait_for_others(store);
  while (!(store->ending && !store->all) && store->queue.first && group->count < GROUP_MAX) {
    if (group->first && (store->queue.first->guard || group->first->guard)) break;
    kv_units_push(group, kv_units_pop(&store->queue));
  }
  store->writing = group->count;
  pthread_mutex_unlock(&store->mutex);
  return group->first != NULL;
}

static kv_store_status trouble_of(kv_store *store, kv_error *error) {
  pthread_mutex_lock(&store->mutex);
  kv_store_status status = store->trouble;
  if (status != KV_STORE_OK && error) *error = store->trouble_error;
  pthread_mutex_unlock(&store->mutex);
  return status;
}

/* Hands the units over, and tells. */
static void publish(kv_store *store, kv_units *units, kv_store_status status, kv_error *error) {
  pthread_mutex_lock(&store->mutex);
  if (status != KV_STORE_OK) {
    store->trouble = status;
    store->trouble_error = *error;
  }
  kv_unit *unit;
  size_t durable = 0;
  while ((unit = kv_units_pop(units))) {
    durable += unit->status == KV_STORE_OK && !unit->guard;
    kv_units_push(&store->done, unit);
  }
  store->units += durable;
  store->commits += durable > 0;
  store->writing = 0;
  pthread_mutex_unlock(&store->mutex);
  uint64_t one = 1;
  ssize_t wrote = write(store->notifier, &one, sizeof one); /* fails only if it is set already */
  (void)wrote;
}

/* The unit itself is handed over empty, to be taken in its turn. */
static void set_guard(kv_store *store, kv_unit *unit) {
  if (!store->guard) return;
  kv_pack_free(&store->guard->statements);
  store->guard->statements = unit->statements;
  unit->statements = (kv_pack){0};
}

static void refuse(kv_units *units, kv_store_status status, const kv_error *error) {
  for (kv_unit *unit = units->first; unit; unit = unit->next) {
    unit->status = status;
    unit->error = *error;
  }
}

static void write_group(kv_store *store, kv_units *units) {
  kv_error error = {0};
  kv_store_status trouble = trouble_of(store, &error), status = KV_STORE_OK;
  if (units->first->guard) {
    set_guard(store, units->first);
  } else if (trouble != KV_STORE_OK) {
    refuse(units, trouble, &error);
  } else {
    const kv_unit *guard = store->guard->statements.size ? store->guard : NULL;
    kv_group group = {store->db, store->statements, guard, *units};
    status = kv_group_write(&group, &error);
  }
  publish(store, units, status, &error);
}

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages) {
  (void)db, (void)name;
  kv_store *store = arg;
  store->log_pages = pages;
  return SQLITE_OK;
}

/* Who waits for a unit has been told by now. What fails here is tried again after the next group;
 * until then the log is longer. */
static void check_point(kv_store *store) {
  if (store->log_pages < CHECKPOINT_PAGES) return;
  sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
  store->log_pages = 0;
}

static void end_database(kv_store *store) {
  for (size_t i = 0; i < KV_STATEMENTS_MAX; i++) sqlite3_finalize(store->statements[i].stmt);
  sqlite3_close(store->db);
  store->db = NULL;
}

static void *run_thread(void *arg) {
  kv_store *store = arg;
  kv_units group = {0};
  while (next_group(store, &group)) {
    write_group(store, &group);
    check_point(store);
    set_next(store);
  }
  end_database(store);
  return NULL;
}

/* ---- its life ---- */

/* Signals are for the thread that has the loop; and a file that is too large is an error of the
 * write then, and not the end of the process (SIGXFSZ). */
static int start_thread(kv_store *store) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  int failed = pthread_create(&store->thread, NULL, run_thread, store);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failed == 0) pthread_setname_np(store->thread, "kavach-store");
  return failed;
}

static void free_memory(kv_store *store) {
  if (store->notifier >= 0) close(store->notifier);
  for (size_t i = 0; i < KV_STATEMENTS_MAX; i++) free(store->statements[i].sql);
  kv_units_free(&store->queue);
  kv_units_free(&store->done);
  kv_unit_free(store->guard);
  pthread_cond_destroy(&store->more);
  pthread_cond_destroy(&store->idle);
  pthread_cond_destroy(&store->hurry);
  pthread_mutex_destroy(&store->mutex);
  free(store);
}

static kv_store *new_store(void) {
  kv_store *store = calloc(1, sizeof *store);
  if (!store) return NULL;
  pthread_mutex_init(&store->mutex, NULL);
  pthread_cond_init(&store->more, NULL);
  pthread_cond_init(&store->idle, NULL);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&store->hurry, &monotonic);
  pthread_condattr_destroy(&monotonic);
  store->guard = kv_unit_new();
  store->notifier = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (store->guard && store->notifier >= 0) return store;
  free_memory(store);
  return NULL;
}

kv_store *kv_store_open(const kv_open_options *options, kv_store_status *status, kv_error *error) {
  kv_store *store = new_store();
  if (!store) {
    kv_fail_errno(error, errno, "%.300s", options->path);
    *status = KV_STORE_IO;
    return NULL;
  }
  *status = kv_database_open(options, &store->db, error);
  if (*status == KV_STORE_OK) {
    sqlite3_wal_hook(store->db, on_commit, store);
    int failed = start_thread(store);
    if (failed == 0) return store;
    kv_fail_errno(error, failed, "%.300s: a thread", options->path);
    *status = KV_STORE_IO;
    end_database(store);
  }
  free_memory(store);
  return NULL;
}

void kv_store_close(kv_store *store, bool all) {
  if (store->closed) return;
  store->closed = true;
  pthread_mutex_lock(&store->mutex);
  store->ending = true;
  store->all = all;
  pthread_cond_signal(&store->more);
  pthread_cond_signal(&store->hurry);
  pthread_mutex_unlock(&store->mutex);
  pthread_join(store->thread, NULL);
}

bool kv_store_is_closed(const kv_store *store) { return store->closed; }

void kv_store_free(kv_store *store) {
  kv_store_close(store, false);
  free_memory(store);
}

/* ---- what its owner does ---- */

int kv_store_statement(kv_store *store, const char *sql, bool one) {
  if (store->statement_count == KV_STATEMENTS_MAX) return -1;
  kv_statement *statement = &store->statements[store->statement_count];
  statement->sql = strdup(sql);
  statement->one = one;
  return statement->sql ? store->statement_count++ : -1;
}

int kv_store_statements(const kv_store *store) { return store->statement_count; }

uint64_t kv_store_submit(kv_store *store, kv_unit *unit) {
  unit->number = ++store->last_number;
  pthread_mutex_lock(&store->mutex);
  kv_units_push(&store->queue, unit);
  pthread_cond_signal(&store->more);
  pthread_mutex_unlock(&store->mutex);
  return store->last_number;
}

uint64_t kv_store_guard(kv_store *store, kv_unit *unit) {
  unit->guard = true;
  return kv_store_submit(store, unit);
}

kv_unit *kv_store_take(kv_store *store) {
  pthread_mutex_lock(&store->mutex);
  kv_unit *unit = kv_units_pop(&store->done);
  pthread_mutex_unlock(&store->mutex);
  return unit;
}

int kv_store_notifier(kv_store *store) { return fcntl(store->notifier, F_DUPFD_CLOEXEC, 3); }

kv_store_status kv_store_trouble(kv_store *store, kv_error *error) {
  return trouble_of(store, error);
}

void kv_store_retry(kv_store *store) {
  pthread_mutex_lock(&store->mutex);
  store->trouble = KV_STORE_OK;
  pthread_mutex_unlock(&store->mutex);
}

void kv_store_drain(kv_store *store) {
  pthread_mutex_lock(&store->mutex);
  store->waiting++;
  pthread_cond_signal(&store->hurry);
  while (!store->ending && (store->queue.first || store->writing > 0))
    pthread_cond_wait(&store->idle, &store->mutex);
  store->waiting--;
  pthread_mutex_unlock(&store->mutex);
}

kv_store_counts kv_store_count(kv_store *store) {
  pthread_mutex_lock(&store->mutex);
  kv_store_counts counts = {.queued = store->queue.count + store->writing,
                            .done = store->done.count,
                            .units = store->units,
                            .commits = store->commits};
  pthread_mutex_unlock(&store->mutex);
  return counts;
}
