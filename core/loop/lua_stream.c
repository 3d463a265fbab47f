/* Streams for Lua: the try-and-wait halves that lua/kavach/stream.lua makes whole. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "loop/lua_loop.h"
#include "loop/stream.h"

#define STREAM "kavach.core.stream"

enum { READ_MAX = 65536 };

typedef struct kv_lua_stream {
  kv_stream *stream; /* NULL once closed */
  kv_waiter readable, writable;
} kv_lua_stream;

static kv_lua_stream *check_stream(lua_State *L) { return luaL_checkudata(L, 1, STREAM); }

static int fail_errno(lua_State *L) {
  lua_pushnil(L);
  lua_pushstring(L, strerror(errno));
  return 2;
}

static int fail_closed(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "the stream is closed");
  return 2;
}

static int deliver_ready(kv_completion *c, void *to) {
  kv_waiter_push(to, (kv_waiter *)((char *)c - offsetof(kv_waiter, completion)));
  return 1;
}

static void on_ready(kv_stream *s, int events) {
  kv_lua_stream *self = s->owner;
  if (events & UV_READABLE) kv_complete(s->loop, &self->readable.completion);
  if (events & UV_WRITABLE) kv_complete(s->loop, &self->writable.completion);
}

static kv_lua_stream *push_closed(lua_State *L) {
  kv_lua_stream *self = lua_newuserdatauv(L, sizeof *self, 0);
  self->stream = NULL;
  kv_waiter_init(&self->readable, deliver_ready);
  kv_waiter_init(&self->writable, deliver_ready);
  luaL_setmetatable(L, STREAM);
  return self;
}

typedef kv_stream *open_function(kv_loop *loop, int fd, kv_error *e);

static int open_stream(lua_State *L, kv_loop *loop, int fd, open_function *open) {
  kv_error e;
  kv_lua_stream *self = push_closed(L);
  self->stream = open(loop, fd, &e);
  if (!self->stream) return kv_lua_fail(L, &e);
  self->stream->owner = self;
  self->stream->ready = on_ready;
  return 1;
}

static void push_owned(lua_State *L, kv_loop *loop, int fd, open_function *open) {
  if (open_stream(L, loop, fd, open) == 1) return;
  close(fd);
  lua_pop(L, 1); /* the message: the nil below stands for the stream */
}

void kv_lua_push_pipe(lua_State *L, kv_loop *loop, int fd) {
  push_owned(L, loop, fd, kv_stream_own_pipe);
}

void kv_lua_push_socket(lua_State *L, kv_loop *loop, int fd) {
  push_owned(L, loop, fd, kv_stream_own);
}

static kv_stream *check_open(lua_State *L, int index) {
  kv_lua_stream *self = luaL_checkudata(L, index, STREAM);
  if (!self->stream) luaL_argerror(L, index, "the stream is closed");
  return self->stream;
}

int kv_lua_lend_stream(lua_State *L, int index) {
  kv_stream *s = check_open(L, index);
  kv_stream_lend(s);
  return s->fd;
}

/* stream(fd[, own]) -> stream | nil, message. Borrowed unless own is true. */
static int stream_open(lua_State *L) {
  int fd = (int)luaL_checkinteger(L, 1);
  return open_stream(L, kv_lua_loop(L), fd, lua_toboolean(L, 2) ? kv_stream_own : kv_stream_borrow);
}

static const char *check_path(lua_State *L) {
  size_t length;
  const char *path = luaL_checklstring(L, 1, &length);
  luaL_argcheck(L, strlen(path) == length, 1, "a path has no NUL in it");
  return path;
}

/* listen(path), connect(path) -> stream | nil, message */
static int stream_listen(lua_State *L) {
  kv_error e;
  int fd = kv_unix_listen(check_path(L), &e);
  return fd < 0 ? kv_lua_fail(L, &e) : open_stream(L, kv_lua_loop(L), fd, kv_stream_own);
}

static int stream_connect(lua_State *L) {
  kv_error e;
  int fd = kv_unix_connect(check_path(L), &e);
  return fd < 0 ? kv_lua_fail(L, &e) : open_stream(L, kv_lua_loop(L), fd, kv_stream_own);
}

/* try_read([max]) -> bytes | "" at the end | false if it would block | nil, message */
static int stream_try_read(lua_State *L) {
  kv_lua_stream *self = check_stream(L);
  lua_Integer max = luaL_optinteger(L, 2, READ_MAX);
  if (!self->stream) return fail_closed(L);
  luaL_argcheck(L, max > 0, 2, "must be above zero");
  char bytes[READ_MAX];
  ssize_t n = kv_stream_read(self->stream, bytes, max < READ_MAX ? (size_t)max : READ_MAX);
  if (n == -1) return fail_errno(L);
  if (n == KV_WOULD_BLOCK)
    lua_pushboolean(L, 0);
  else
    lua_pushlstring(L, bytes, (size_t)n);
  return 1;
}

/* try_write(bytes, from) -> how many from position `from` (1: the first) | false | nil, message */
static int stream_try_write(lua_State *L) {
  kv_lua_stream *self = check_stream(L);
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  lua_Integer from = luaL_optinteger(L, 3, 1);
  luaL_argcheck(L, from >= 1 && (size_t)from <= size + 1, 3, "out of range");
  if (!self->stream) return fail_closed(L);
  ssize_t n = kv_stream_write(self->stream, bytes + from - 1, size - (size_t)(from - 1));
  if (n == -1) return fail_errno(L);
  if (n == KV_WOULD_BLOCK)
    lua_pushboolean(L, 0);
  else
    lua_pushinteger(L, n);
  return 1;
}

/* try_accept() -> stream | false | nil, message */
static int stream_try_accept(lua_State *L) {
  kv_lua_stream *self = check_stream(L);
  if (!self->stream) return fail_closed(L);
  int fd = kv_stream_accept(self->stream);
  if (fd >= 0) return open_stream(L, self->stream->loop, fd, kv_stream_own);
  if (fd == -1) return fail_errno(L);
  lua_pushboolean(L, 0);
  return 1;
}

static int want(lua_State *L, kv_lua_stream *self, kv_waiter *w, int event) {
  if (!self->stream) return luaL_error(L, "the stream is closed");
  kv_error e;
  kv_waiter_begin(L, w, 2, 1);
  if (kv_stream_want(self->stream, event, &e) < 0) {
    kv_waiter_cancel(L, w);
    return luaL_error(L, "%s", e.message);
  }
  return 0;
}

static void unwant(lua_State *L, kv_lua_stream *self, kv_waiter *w, int event) {
  if (self->stream && kv_waiter_waits(w)) kv_stream_unwant(self->stream, event);
  kv_waiter_cancel(L, w);
}

/* wait_read(callback), wait_write(callback): called once when it is worth trying again, which is
 * also when the stream is closed. */
static int stream_wait_read(lua_State *L) {
  kv_lua_stream *self = check_stream(L);
  return want(L, self, &self->readable, UV_READABLE);
}

static int stream_wait_write(lua_State *L) {
  kv_lua_stream *self = check_stream(L);
  return want(L, self, &self->writable, UV_WRITABLE);
}

static int stream_cancel_read(lua_State *L) {
  kv_lua_stream *self = check_stream(L);
  unwant(L, self, &self->readable, UV_READABLE);
  return 0;
}

static int stream_cancel_write(lua_State *L) {
  kv_lua_stream *self = check_stream(L);
  unwant(L, self, &self->writable, UV_WRITABLE);
  return 0;
}

static int stream_shutdown(lua_State *L) {
  kv_lua_stream *self = check_stream(L);
  if (self->stream) kv_stream_shutdown(self->stream);
  return 0;
}

/* unref(): waiting for it does not keep the loop alive any more. Returns the stream. */
static int stream_unref(lua_State *L) {
  kv_stream_unref(check_open(L, 1));
  lua_settop(L, 1);
  return 1;
}

/* peer() -> pid, uid of who made the socket's other end | nil, message */
static int stream_peer(lua_State *L) {
  pid_t pid;
  uid_t user;
  if (kv_unix_peer(check_open(L, 1)->fd, &pid, &user) < 0) return fail_errno(L);
  lua_pushinteger(L, pid);
  lua_pushinteger(L, user);
  return 2;
}

static int stream_fd(lua_State *L) {
  lua_pushinteger(L, check_open(L, 1)->fd);
  return 1;
}

static int stream_is_closed(lua_State *L) {
  lua_pushboolean(L, check_stream(L)->stream == NULL);
  return 1;
}

static int stream_close(lua_State *L) {
  kv_lua_stream *self = check_stream(L);
  if (!self->stream) return 0;
  kv_loop *loop = self->stream->loop;
  kv_stream_close(self->stream);
  self->stream = NULL;
  if (kv_waiter_waits(&self->readable)) kv_complete(loop, &self->readable.completion);
  if (kv_waiter_waits(&self->writable)) kv_complete(loop, &self->writable.completion);
  return 0;
}

static int stream_gc(lua_State *L) {
  kv_lua_stream *self = check_stream(L);
  if (self->stream) kv_stream_close(self->stream);
  self->stream = NULL;
  kv_waiter_cancel(L, &self->readable);
  kv_waiter_cancel(L, &self->writable);
  return 0;
}

void kv_lua_stream_functions(lua_State *L, kv_loop *loop) {
  static const luaL_Reg functions[] = {{"stream", stream_open},
                                       {"listen", stream_listen},
                                       {"connect", stream_connect},
                                       {NULL, NULL}};
  static const luaL_Reg methods[] = {{"try_read", stream_try_read},
                                     {"try_write", stream_try_write},
                                     {"try_accept", stream_try_accept},
                                     {"wait_read", stream_wait_read},
                                     {"wait_write", stream_wait_write},
                                     {"cancel_read", stream_cancel_read},
                                     {"cancel_write", stream_cancel_write},
                                     {"shutdown", stream_shutdown},
                                     {"unref", stream_unref},
                                     {"peer", stream_peer},
                                     {"fd", stream_fd},
                                     {"is_closed", stream_is_closed},
                                     {"close", stream_close},
                                     {"__close", stream_close},
                                     {"__gc", stream_gc},
                                     {NULL, NULL}};
  luaL_newmetatable(L, STREAM);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_pushlightuserdata(L, loop);
  luaL_setfuncs(L, functions, 1);
}
