/* What the system says of a file, and the files of Lua's io library. */
#include "loop/lua_file.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

FILE *kv_lua_file(lua_State *L, int index) {
  luaL_Stream *stream = luaL_checkudata(L, index, LUA_FILEHANDLE);
  luaL_argcheck(L, stream->closef, index, "the file is closed");
  return stream->f;
}

static void set(lua_State *L, const char *name, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, name);
}

static lua_Integer nanoseconds(struct timespec time) {
  return (lua_Integer)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void push_facts(lua_State *L, const struct stat *about) {
  lua_createtable(L, 0, 9);
  set(L, "dev", (lua_Integer)about->st_dev);
  set(L, "ino", (lua_Integer)about->st_ino);
  set(L, "size", about->st_size);
  set(L, "allocated", (lua_Integer)about->st_blocks * 512); /* stat(2): its unit everywhere */
  set(L, "mtime_ns", nanoseconds(about->st_mtim));
  set(L, "ctime_ns", nanoseconds(about->st_ctim));
  set(L, "uid", about->st_uid);
  set(L, "mode", about->st_mode & 07777);
  lua_pushstring(L, kv_file_kind(about->st_mode));
  lua_setfield(L, -2, "kind");
}

/* file_facts(file) or file_facts(path [, "follow" | "nofollow"]) -> { dev, ino, size (bytes),
 * allocated (bytes on its device), mtime_ns, ctime_ns (nanoseconds since 1970), uid, mode
 * (permission bits), kind (of base/file.h) } | nil, message, kind. "nofollow": of a link itself.
 * What Lua has written to an open file and not flushed does not count. */
static int file_facts(lua_State *L) {
  static const char *const choices[] = {"follow", "nofollow", NULL};
  bool follow = luaL_checkoption(L, 2, "follow", choices) == 0;
  const char *path = lua_isuserdata(L, 1) ? NULL : luaL_checkstring(L, 1);
  struct stat about;
  int status;
  if (path)
    status = follow ? stat(path, &about) : lstat(path, &about);
  else
    status = fstat(fileno(kv_lua_file(L, 1)), &about);
  if (status == 0) {
    push_facts(L, &about);
    return 1;
  }
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", path ? path : "the open file", strerror(errno));
  lua_pushliteral(L, "io");
  return 3;
}

static int close_file(lua_State *L) {
  luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  return luaL_fileresult(L, fclose(stream->f) == 0, NULL);
}

luaL_Stream *kv_lua_new_file(lua_State *L) {
  luaL_Stream *stream = lua_newuserdatauv(L, sizeof *stream, 0);
  stream->f = NULL;
  stream->closef = NULL; /* closed, to Lua */
  luaL_setmetatable(L, LUA_FILEHANDLE);
  return stream;
}

int kv_lua_open_file(luaL_Stream *stream, int fd, const char *mode) {
  stream->f = fdopen(fd, mode);
  if (!stream->f) {
    int number = errno;
    close(fd);
    errno = number;
    return -1;
  }
  stream->closef = close_file;
  return 0;
}

/* file_open(path, mode): as io.open(path, mode) with "r", which is the default, "w" or "a", but
 * what is to be read must be a regular file or /dev/null, and nothing is waited for (base/file.h).
 * "x" is "w" for a file that is not there yet, and then its owner's alone. A file; or nil, "PATH:
 * why", and an errno. */
static int file_open(lua_State *L) {
  static const char *const modes[] = {"r", "w", "a", "x", NULL};
  static const char *const stdio[] = {"r", "w", "a", "w"};
  static const int flags[] = {O_RDONLY, O_WRONLY | O_CREAT | O_TRUNC, O_WRONLY | O_CREAT | O_APPEND,
                              O_WRONLY | O_CREAT | O_EXCL};
  const char *path = luaL_checkstring(L, 1);
  int mode = luaL_checkoption(L, 2, "r", modes);
  luaL_Stream *stream = kv_lua_new_file(L);
  kv_error why;
  int fd = kv_file_open(path, flags[mode], &why);
  if (fd < 0) {
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", path, why.message);
    lua_pushinteger(L, -fd);
    return 3;
  }
  return kv_lua_open_file(stream, fd, stdio[mode]) < 0 ? luaL_fileresult(L, 0, path) : 1;
}

/* Whether the path still names this file. */
static bool is_there(int fd, const char *path) {
  struct stat opened, named;
  return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 && opened.st_ino == named.st_ino &&
         opened.st_dev == named.st_dev;
}

/* A descriptor of the file, made (mode 0600) if need be, and locked; or -1 and errno, which is
 * EAGAIN if another has it. Whoever had the lock may have removed the file meanwhile. */
static int open_locked(const char *path) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  while (true) {
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    bool locked = fcntl(fd, F_OFD_SETLK, &whole) == 0;
    int number = errno;
    if (locked && is_there(fd, path)) return fd;
    close(fd);
    if (locked) continue;
    errno = number == EACCES ? EAGAIN : number;
    return -1;
  }
}

/* file_locked(path) -> a file, to read and write | false if another has locked it | nil, "PATH:
 * why". It is locked until it is closed, or its process has ended: the lock of an open file
 * description (fcntl(2)), which keeps out whoever opened the file apart, in this process, too. */
static int file_locked(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  luaL_Stream *stream = kv_lua_new_file(L);
  int fd = open_locked(path);
  if (fd >= 0) return kv_lua_open_file(stream, fd, "r+") < 0 ? luaL_fileresult(L, 0, path) : 1;
  if (errno != EAGAIN) return luaL_fileresult(L, 0, path);
  lua_pushboolean(L, 0);
  return 1;
}

/* file_unlock(file): takes back the lock of one that file_locked gave, also where others have it
 * open by now, whom it was handed to -> true | nil, message */
static int file_unlock(lua_State *L) {
  struct flock whole = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
  return luaL_fileresult(L, fcntl(fileno(kv_lua_file(L, 1)), F_OFD_SETLK, &whole) == 0, NULL);
}

void kv_lua_file_functions(lua_State *L) {
  static const luaL_Reg functions[] = {{"file_facts", file_facts},
                                       {"file_open", file_open},
                                       {"file_locked", file_locked},
                                       {"file_unlock", file_unlock},
                                       {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
