/* What the system says of a file, and the files of Lua's io library. */
#include "loop/lua_file.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

FILE *kv_lua_file(lua_State *L, int index) {
  luaL_Stream *stream = luaL_checkudata(L, index, LUA_FILEHANDLE);
  luaL_argcheck(L, stream->closef, index, "the file is closed");
  return stream->f;
}

/* As luafilesystem calls them. */
static const char *kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return "file";
  case S_IFDIR:
    return "directory";
  case S_IFLNK:
    return "link";
  case S_IFSOCK:
    return "socket";
  case S_IFIFO:
    return "named pipe";
  case S_IFCHR:
    return "char device";
  case S_IFBLK:
    return "block device";
  default:
    return "other";
  }
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
  lua_pushstring(L, kind_of(about->st_mode));
  lua_setfield(L, -2, "kind");
}

/* file_facts(file) or file_facts(path [, "follow" | "nofollow"]) -> { dev, ino, size (bytes),
 * allocated (bytes on its device), mtime_ns, ctime_ns (nanoseconds since 1970), uid, mode
 * (permission bits), kind } | nil, message, kind. "nofollow": of a link itself. What Lua has
 * written to an open file and not flushed does not count. */
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

void kv_lua_file_functions(lua_State *L) {
  static const luaL_Reg functions[] = {{"file_facts", file_facts}, {NULL, NULL}};
  luaL_setfuncs(L, functions, 0);
}
