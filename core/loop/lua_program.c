/* Programs as open files: what was looked at is what runs, whatever becomes of the path. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop/lua_loop.h"

#define PROGRAM "kavach.core.program"

typedef struct program {
  int fd; /* -1: closed */
} program;

static program *check(lua_State *L, int at) {
  program *self = luaL_checkudata(L, at, PROGRAM);
  luaL_argcheck(L, self->fd >= 0, at, "the program is closed");
  return self;
}

int kv_lua_program_fd(lua_State *L, int at) { return check(L, at)->fd; }

/* program:path() -> a name for the same open file, for this process, while it is open */
static int program_path(lua_State *L) {
  lua_pushfstring(L, "/proc/self/fd/%d", check(L, 1)->fd);
  return 1;
}

/* program:close(): may be called again */
static int program_close(lua_State *L) {
  program *self = luaL_checkudata(L, 1, PROGRAM);
  if (self->fd >= 0) close(self->fd);
  self->fd = -1;
  return 0;
}

/* program_open(path) -> a program for spawn{program=} | nil, message */
static int program_open(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  program *self = lua_newuserdatauv(L, sizeof *self, 0);
  struct stat info;
  /* What is no file (a pipe, a device) must not hold us up; it is found out right below. */
  self->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  luaL_setmetatable(L, PROGRAM);
  if (self->fd >= 0 && fstat(self->fd, &info) == 0 && S_ISREG(info.st_mode)) return 1;
  lua_pushnil(L);
  lua_pushfstring(L, "%s: %s", path, self->fd < 0 ? strerror(errno) : "is not a regular file");
  return 2;
}

void kv_lua_program_functions(lua_State *L) {
  static const luaL_Reg functions[] = {{"program_open", program_open}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"path", program_path},
                                     {"close", program_close},
                                     {"__close", program_close},
                                     {"__gc", program_close},
                                     {NULL, NULL}};
  luaL_newmetatable(L, PROGRAM);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_setfuncs(L, functions, 0);
}
