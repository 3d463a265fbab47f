/* Files of guest memory for Lua: made, copied and digested, the latter two on other threads. */
#include "memory/lua_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/encode.h"
#include "loop/lua_file.h"
#include "loop/work.h"
#include "memory/copy.h"
#include "memory/digest.h"

#define JOB "kavach.core.sparse_job"

/* linux/memfd.h of Linux 6.3 */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

static int push_failure(lua_State *L, const kv_error *error) {
  lua_pushnil(L);
  lua_pushstring(L, error->message);
  lua_pushstring(L, error->kind);
  return 3;
}

static int push_errno(lua_State *L, const char *what) {
  kv_error error;
  kv_fail_errno(&error, errno, "%s", what);
  return push_failure(L, &error);
}

/* ---- files in memory ---- */

/* Memory is not executed as a file; a kernel before 6.3 cannot be told so. */
static int open_memory(void) {
  int fd = memfd_create("kavach-guest", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
  return fd < 0 && errno == EINVAL ? memfd_create("kavach-guest", MFD_CLOEXEC) : fd;
}

/* memory_file(size) -> a file of Lua's io, open to read and write, in memory and without a name:
 * `size` bytes that are zero and take no space yet | nil, message, kind */
static int memory_file(lua_State *L) {
  lua_Integer size = luaL_checkinteger(L, 1);
  luaL_argcheck(L, size >= 0, 1, "a size in bytes");
  luaL_Stream *stream = kv_lua_new_file(L);
  int fd = open_memory();
  if (fd < 0 || kv_lua_open_file(stream, fd, "r+") < 0 || ftruncate(fd, size) < 0)
    return push_errno(L, "memory for a guest");
  return 1;
}

static void push_digest(lua_State *L, const uint8_t *digest) {
  char text[2 * KV_DIGEST_SIZE + 1];
  kv_hex_encode(digest, KV_DIGEST_SIZE, text);
  lua_pushstring(L, text);
}

/* hash(bytes) -> 32 digits: XXH3 with 128 bits */
static int hash(lua_State *L) {
  size_t size;
  uint8_t digest[KV_DIGEST_SIZE];
  const char *bytes = luaL_checklstring(L, 1, &size);
  kv_digest_bytes(bytes, size, digest);
  push_digest(L, digest);
  return 1;
}

/* ---- jobs ---- */

enum way { COPY, SPARSE_DIGEST, FILE_DIGEST, FOLDER_SYNC };

typedef struct job {
  kv_work work; /* first */
  enum way way;
  bool durable; /* FILE_DIGEST: it is on the disk first */
  int from, to; /* descriptors of its own; -1: none, or closed */
  bool begun;
  atomic_bool stop, done; /* `done` is set last, by the thread */
  bool failed;
  kv_error error;
  uint64_t bytes; /* that were copied, or that the file has */
  uint8_t digest[KV_DIGEST_SIZE];
} job;

static void close_both(job *self) {
  if (self->from >= 0) close(self->from);
  if (self->to >= 0) close(self->to);
  self->from = self->to = -1;
}

static int sync_folder(job *self) {
  if (fsync(self->from) == 0) return 0;
  return kv_fail_errno(&self->error, errno, "cannot have the folder on the disk");
}

static int perform(job *self) {
  switch (self->way) {
  case COPY:
    return kv_sparse_copy(self->from, self->to, &self->stop, &self->bytes, &self->error);
  case SPARSE_DIGEST:
    return kv_sparse_digest(self->from, &self->stop, self->digest, &self->error);
  case FOLDER_SYNC:
    return sync_folder(self);
  default:
    return kv_file_digest(self->from, self->durable, &self->stop, &self->bytes, self->digest,
                          &self->error);
  }
}

static void run(kv_work *work) {
  job *self = (job *)work;
  self->failed = perform(self) < 0;
  close_both(self);
  atomic_store(&self->done, true);
}

static void stop(kv_work *work) { atomic_store(&((job *)work)->stop, true); }

/* Not run, or done: the loop holds it while it is at work. */
static int job_free(lua_State *L) {
  close_both(luaL_checkudata(L, 1, JOB));
  return 0;
}

static job *push_job(lua_State *L, enum way kind) {
  job *self = lua_newuserdatauv(L, sizeof *self, 0);
  memset(self, 0, sizeof *self);
  self->work.run = run;
  self->work.stop = stop;
  self->way = kind;
  self->from = self->to = -1;
  atomic_init(&self->stop, false);
  atomic_init(&self->done, false);
  luaL_setmetatable(L, JOB);
  return self;
}

/* Opens Lua's file once more, to read: the job moves the position, and Lua may read and seek
 * meanwhile. What Lua has written so far counts. Returns 0, or -1 and errno. */
static int open_source(job *self, FILE *file) {
  char path[32];
  if (fflush(file) != 0) return -1;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(file));
  /* What is no regular file must not hold us up; the job finds it out. */
  self->from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  return self->from < 0 ? -1 : 0;
}

static int open_target(job *self, FILE *file) {
  if (fflush(file) != 0) return -1;
  self->to = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
  return self->to < 0 ? -1 : 0;
}

/* sparse_copy(source, target) -> a job that makes the file `target` a copy of the file `source`
 * without its pages of zeros, or leaves it empty | nil, message, kind. `target` is one that Lua
 * has not read from: it would go on reading what it read ahead. */
static int sparse_copy(lua_State *L) {
  FILE *from = kv_lua_file(L, 1), *to = kv_lua_file(L, 2);
  job *self = push_job(L, COPY);
  if (open_source(self, from) < 0) return push_errno(L, "the file to be copied");
  if (open_target(self, to) < 0) return push_errno(L, "the file to copy to");
  return 1;
}

/* sparse_digest(file) -> a job that computes the digest of its content, wherever its holes are |
 * nil, message, kind */
static int sparse_digest(lua_State *L) {
  FILE *from = kv_lua_file(L, 1);
  job *self = push_job(L, SPARSE_DIGEST);
  if (open_source(self, from) < 0) return push_errno(L, "the file to be digested");
  return 1;
}

/* file_digest(file [, "durable"]) -> a job that computes the digest that hash() gives of all its
 * bytes, once they are on the disk if that is asked for | nil, message, kind */
static int file_digest(lua_State *L) {
  static const char *const choices[] = {"", "durable", NULL};
  FILE *from = kv_lua_file(L, 1);
  bool durable = luaL_checkoption(L, 2, "", choices) == 1;
  job *self = push_job(L, FILE_DIGEST);
  self->durable = durable;
  if (open_source(self, from) < 0) return push_errno(L, "the file to be digested");
  return 1;
}

/* folder_sync(path) -> a job that waits until the disk has the names in a folder | nil, message,
 * kind */
static int folder_sync(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  job *self = push_job(L, FOLDER_SYNC);
  self->from = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (self->from < 0) return push_errno(L, path);
  return 1;
}

/* work() -> what core.work(it, job, callback) runs, once */
static int job_work(lua_State *L) {
  job *self = luaL_checkudata(L, 1, JOB);
  if (self->begun) return luaL_error(L, "the job has begun already");
  self->begun = true;
  lua_pushlightuserdata(L, self);
  return 1;
}

/* result() -> the bytes that were copied; 32 digits and, of file_digest, the file's bytes; true of
 * folder_sync | nil, message, kind. Once it has run. */
static int job_result(lua_State *L) {
  job *self = luaL_checkudata(L, 1, JOB);
  if (!atomic_load(&self->done)) return luaL_error(L, "the job is not done yet");
  if (self->failed) return push_failure(L, &self->error);
  if (self->way == FOLDER_SYNC) lua_pushboolean(L, 1);
  if (self->way == SPARSE_DIGEST || self->way == FILE_DIGEST) push_digest(L, self->digest);
  if (self->way == COPY || self->way == FILE_DIGEST) lua_pushinteger(L, (lua_Integer)self->bytes);
  return self->way == FILE_DIGEST ? 2 : 1;
}

void kv_lua_memory(lua_State *L) {
  static const luaL_Reg functions[] = {{"memory_file", memory_file},
                                       {"hash", hash},
                                       {"sparse_copy", sparse_copy},
                                       {"sparse_digest", sparse_digest},
                                       {"file_digest", file_digest},
                                       {"folder_sync", folder_sync},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"work", job_work}, {"result", job_result}, {"__gc", job_free}, {NULL, NULL}};
  luaL_newmetatable(L, JOB);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
