#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 5000 };

#define NO_SHARED_MEMORY ": the file system cannot share memory between processes"

const char *kv_store_status_name(kv_store_status status) {
  static const char *const NAMES[] = {"ok",       "fenced",  "sql",  "full",
                                      "readonly", "corrupt", "busy", "io"};
  return NAMES[status];
}

bool kv_store_is_fatal(kv_store_status status) { return status >= KV_STORE_FULL; }

static bool is_full(int number) { return number == ENOSPC || number == EDQUOT || number == EFBIG; }

static kv_store_status status_of(int code, int number) {
  switch (code & 0xff) { /* the primary result code (sqlite.org/rescode.html) */
  case SQLITE_OK:
  case SQLITE_ROW:
  case SQLITE_DONE:
    return KV_STORE_OK;
  case SQLITE_FULL:
    return KV_STORE_FULL;
  case SQLITE_READONLY:
    return KV_STORE_READONLY;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return KV_STORE_CORRUPT;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
    return KV_STORE_BUSY;
  case SQLITE_IOERR:
  case SQLITE_CANTOPEN:
    if (is_full(number)) return KV_STORE_FULL;
    return number == EROFS || number == EACCES || number == EPERM ? KV_STORE_READONLY : KV_STORE_IO;
  case SQLITE_NOMEM:
  case SQLITE_PROTOCOL:
  case SQLITE_PERM:
  case SQLITE_AUTH:
  case SQLITE_INTERRUPT:
    return KV_STORE_IO;
  default:
    return KV_STORE_SQL;
  }
}

static bool is_shared_memory(int code) {
  return code == SQLITE_IOERR_SHMOPEN || code == SQLITE_IOERR_SHMSIZE ||
         code == SQLITE_IOERR_SHMLOCK || code == SQLITE_IOERR_SHMMAP;
}

/* The number that a file remembers of its last failure; SQLite's own function tells the thread's,
 * which is another's by the time that a transaction has been undone. */
static int last_errno(sqlite3 *db, int which) {
  sqlite3_file *file = NULL;
  int number = 0;
  if (sqlite3_file_control(db, "main", which, &file) != SQLITE_OK || !file || !file->pMethods)
    return 0;
  int code = file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number);
  return code == SQLITE_OK ? number : 0;
}

static int errno_of(sqlite3 *db, int code) {
  int primary = code & 0xff;
  if (primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN) return 0;
  int number = 0;
  if (code == SQLITE_IOERR_WRITE)
    number = last_errno(db, SQLITE_FCNTL_JOURNAL_POINTER); /* the log */
  if (code == SQLITE_IOERR_WRITE && number == 0) number = last_errno(db, SQLITE_FCNTL_FILE_POINTER);
  return number ? number : sqlite3_system_errno(db);
}

kv_store_status kv_store_fail(sqlite3 *db, int code, kv_error *error) {
  int number = errno_of(db, code);
  const char *path = sqlite3_db_filename(db, "main");
  bool last = sqlite3_extended_errcode(db) == code || sqlite3_errcode(db) == code;
  kv_fail(error, "io", "%.300s: %.120s%s%.60s%s", path ? path : "?",
          last ? sqlite3_errmsg(db) : sqlite3_errstr(code), number ? ": " : "",
          number ? strerror(number) : "", is_shared_memory(code) ? NO_SHARED_MEMORY : "");
  return status_of(code, number);
}

/* ---- opening ---- */

/* SQLite would make it readable for others. */
static kv_store_status make_file(const char *path, kv_error *error) {
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
  if (fd >= 0) {
    close(fd);
    return KV_STORE_OK;
  }
  int number = errno;
  kv_fail_errno(error, number, "%.300s", path);
  if (is_full(number)) return KV_STORE_FULL;
  return number == EROFS || number == EACCES ? KV_STORE_READONLY : KV_STORE_IO;
}

static kv_store_status run(sqlite3 *db, const char *sql, kv_error *error) {
  int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
  return code == SQLITE_OK ? KV_STORE_OK : kv_store_fail(db, code, error);
}

/* SQLite answers with the mode that there is, which is not what was asked for if it cannot be. */
static kv_store_status set_wal(sqlite3 *db, kv_error *error) {
  sqlite3_stmt *statement;
  int code = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  kv_store_status status = KV_STORE_OK;
  const char *mode = code == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
  if (code != SQLITE_ROW) {
    status = kv_store_fail(db, code, error);
  } else if (!mode || strcmp(mode, "wal") != 0) {
    kv_fail(error, "io", "%.300s: SQLite keeps no write-ahead log there" NO_SHARED_MEMORY,
            sqlite3_db_filename(db, "main"));
    status = KV_STORE_IO;
  }
  sqlite3_finalize(statement);
  return status;
}

static kv_store_status refuse_readonly(sqlite3 *db, kv_error *error) {
  if (sqlite3_db_readonly(db, "main") != 1) return KV_STORE_OK;
  kv_fail(error, "io", "%.300s: it is read-only", sqlite3_db_filename(db, "main"));
  return KV_STORE_READONLY;
}

/* The log is written back by who writes, when nobody waits for it (writer.c). */
static kv_store_status set_up(sqlite3 *db, kv_error *error) {
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, BUSY_MS);
  kv_store_status status = refuse_readonly(db, error);
  if (status == KV_STORE_OK) status = set_wal(db, error);
  if (status == KV_STORE_OK)
    status = run(db,
                 "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
                 "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 16777216;"
                 "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF",
                 error);
  return status;
}

static kv_store_status give_up(sqlite3 **db, kv_store_status status) {
  sqlite3_close(*db);
  *db = NULL;
  return status;
}

static kv_store_status open_at(const char *path, int flags, const char *vfs, sqlite3 **db,
                               kv_error *error) {
  int code = sqlite3_open_v2(path, db, flags | SQLITE_OPEN_NOMUTEX, vfs);
  if (code == SQLITE_OK) return KV_STORE_OK;
  kv_store_status status = kv_store_fail(*db, code, error);
  int number = *db ? sqlite3_system_errno(*db) : 0;
  if (number)
    kv_fail_errno(error, number, "%.300s", path);
  else
    kv_fail(error, "io", "%.300s: %s", path, *db ? sqlite3_errmsg(*db) : sqlite3_errstr(code));
  return give_up(db, status);
}

kv_store_status kv_database_open(const kv_open_options *options, sqlite3 **db, kv_error *error) {
  *db = NULL;
  kv_store_status status = options->create ? make_file(options->path, error) : KV_STORE_OK;
  if (status != KV_STORE_OK) return status;
  status = open_at(options->path, SQLITE_OPEN_READWRITE, options->vfs, db, error);
  if (status != KV_STORE_OK) return status;
  status = set_up(*db, error);
  return status == KV_STORE_OK ? status : give_up(db, status);
}

/* A URI for a path: all that could mean something in one is escaped. */
static char *immutable_uri(const char *path) {
  static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
  static const char BEGIN[] = "file:", END[] = "?immutable=1";
  char *uri = malloc(sizeof BEGIN + 3 * strlen(path) + sizeof END);
  if (!uri) return NULL;
  char *to = stpcpy(uri, BEGIN);
  for (; *path; path++)
    to += sprintf(to, strchr(PLAIN, *path) ? "%c" : "%%%02x", (unsigned char)*path);
  strcpy(to, END);
  return uri;
}

/* Whether SQLite has a file beside it that is not empty, or cannot be looked at. */
static bool has_beside(const char *path, const char *ending) {
  char beside[PATH_MAX];
  struct stat about;
  int length = snprintf(beside, sizeof beside, "%s%s", path, ending);
  if (length < 0 || (size_t)length >= sizeof beside) return true;
  return stat(beside, &about) < 0 ? errno != ENOENT : about.st_size > 0;
}

/* SQLite makes files beside one that it reads. If it cannot, it may do without where all is in the
 * file itself: the log was written back, and is empty or gone. */
static bool rests(const char *path) {
  return !has_beside(path, "-wal") && !has_beside(path, "-journal");
}

static kv_store_status look(sqlite3 *db, kv_error *error) {
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, BUSY_MS);
  return run(db,
             "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;"
             "SELECT count(*) FROM sqlite_schema",
             error);
}

static kv_store_status open_and_look(const char *path, int flags, sqlite3 **db, kv_error *error) {
  kv_store_status status = open_at(path, flags, NULL, db, error);
  if (status != KV_STORE_OK) return status;
  status = look(*db, error);
  return status == KV_STORE_OK ? status : give_up(db, status);
}

/* Whoever made it was cut off: SQLite takes back what there is of it, if it may write. */
static void take_back(const char *path, kv_error *error) {
  sqlite3 *db;
  if (open_and_look(path, SQLITE_OPEN_READWRITE, &db, error) == KV_STORE_OK) sqlite3_close(db);
}

kv_store_status kv_database_open_readonly(const char *path, sqlite3 **db, kv_error *error) {
  kv_store_status status = open_at(path, SQLITE_OPEN_READONLY, NULL, db, error);
  if (status != KV_STORE_OK) return status;
  status = look(*db, error);
  if (status == KV_STORE_OK) return status;
  give_up(db, status);
  if (status == KV_STORE_READONLY) {
    /* Once more, even if it is gone: another reader may have done it. */
    if (has_beside(path, "-journal")) take_back(path, error);
    status = open_and_look(path, SQLITE_OPEN_READONLY, db, error);
    if (status == KV_STORE_OK) return status;
  }
  if ((status != KV_STORE_READONLY && status != KV_STORE_IO) || !rests(path)) return status;
  char *uri = immutable_uri(path);
  if (!uri) return status;
  status = open_and_look(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, db, error);
  free(uri);
  return status;
}
