/* What Lua needs to know of the process and its terminal. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "loop/lua_loop.h"

#define RAW "kavach.core.raw_mode"

extern char **environ;

static int system_environ(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; environ && environ[i]; i++) {
    lua_pushstring(L, environ[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static int system_isatty(lua_State *L) {
  lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
  return 1;
}

static int system_getpid(lua_State *L) {
  lua_pushinteger(L, getpid());
  return 1;
}

static int system_geteuid(lua_State *L) {
  lua_pushinteger(L, geteuid());
  return 1;
}

/* program() -> the path of the kavach program, if that is what runs; nil in other hosts of Lua */
static int system_program(lua_State *L) {
  static const char self[] = "/proc/self/exe";
  char path[4096];
  if (lua_getfield(L, LUA_REGISTRYINDEX, KAVACH_INTERRUPT) != LUA_TLIGHTUSERDATA) return 0;
  ssize_t n = readlink(self, path, sizeof path - 1);
  path[n > 0 ? n : 0] = '\0';
  /* One that was replaced meanwhile still runs by its link. */
  lua_pushstring(L, access(path, X_OK) == 0 ? path : self);
  return 1;
}

/* wall_clock() -> nanoseconds since 1970, UTC; now() is what measures */
static int system_wall_clock(lua_State *L) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  lua_pushinteger(L, (lua_Integer)now.tv_sec * 1000000000 + now.tv_nsec);
  return 1;
}

/* winsize(fd) -> rows, columns | nil if it is no terminal */
static int system_winsize(lua_State *L) {
  struct winsize size;
  if (ioctl((int)luaL_checkinteger(L, 1), TIOCGWINSZ, &size) < 0 || size.ws_row == 0) return 0;
  lua_pushinteger(L, size.ws_row);
  lua_pushinteger(L, size.ws_col);
  return 2;
}

typedef struct raw_mode {
  int fd; /* -1: restored */
  struct termios before;
} raw_mode;

static int raw_restore(lua_State *L) {
  raw_mode *raw = luaL_checkudata(L, 1, RAW);
  if (raw->fd >= 0) tcsetattr(raw->fd, TCSADRAIN, &raw->before);
  raw->fd = -1;
  return 0;
}

/* raw_mode(fd) -> an object whose close() (also __close, __gc) puts the terminal back | nil,
 * message */
static int system_raw_mode(lua_State *L) {
  int fd = (int)luaL_checkinteger(L, 1);
  raw_mode *raw = lua_newuserdatauv(L, sizeof *raw, 0);
  raw->fd = -1;
  luaL_setmetatable(L, RAW);
  struct termios mode;
  if (tcgetattr(fd, &raw->before) == 0) {
    mode = raw->before;
    cfmakeraw(&mode);
    if (tcsetattr(fd, TCSADRAIN, &mode) == 0) {
      raw->fd = fd;
      return 1;
    }
  }
  lua_pushnil(L);
  lua_pushfstring(L, "descriptor %d: %s", fd, strerror(errno));
  return 2;
}

/* free_space(path) -> bytes that this user can still write there | nil, message */
static int system_free_space(lua_State *L) {
  const char *path = luaL_checkstring(L, 1);
  struct statvfs info;
  if (statvfs(path, &info) < 0) {
    lua_pushnil(L);
    lua_pushfstring(L, "%s: %s", path, strerror(errno));
    return 2;
  }
  lua_pushinteger(L, (lua_Integer)info.f_bavail * (lua_Integer)info.f_frsize);
  return 1;
}

/* euid() -> the number of the user that this process acts for */
static int system_euid(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)geteuid());
  return 1;
}

/* The time that a process started, in ticks since the machine's boot: field 22 of /proc/PID/stat
 * (proc(5)), behind a name in brackets that may hold anything. 0: there is no such process. */
static unsigned long long start_time(pid_t pid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "re");
  if (!file) return 0;
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = '\0';
  char *at = strrchr(text, ')');
  unsigned long long ticks = 0;
  const int fields = 20; /* from the third, behind the bracket, to the 22nd */
  for (int i = 0; at && i < fields; i++) at = strchr(at + 1, ' ');
  if (at) ticks = strtoull(at, NULL, 10);
  return ticks;
}

/* kill_process(pid, start_time): ends, with SIGKILL, the process that began at that time, and no
 * other that has its number by now -> true | false if it is gone | nil, message */
static int system_kill_process(lua_State *L) {
  pid_t pid = (pid_t)luaL_checkinteger(L, 1);
  unsigned long long began = (unsigned long long)luaL_checkinteger(L, 2);
  int process = (int)syscall(SYS_pidfd_open, pid, 0);
  int trouble = process < 0 ? errno : 0;
  /* The descriptor is of one process: if that began then, so does the signal reach it. */
  bool same = process >= 0 && start_time(pid) == began;
  if (same && syscall(SYS_pidfd_send_signal, process, SIGKILL, NULL, 0) < 0) trouble = errno;
  if (process >= 0) close(process);
  if (trouble && trouble != ESRCH) {
    lua_pushnil(L);
    lua_pushfstring(L, "process %d: %s", (int)pid, strerror(trouble));
    return 2;
  }
  lua_pushboolean(L, same && !trouble);
  return 1;
}

/* helper_dir() -> where the helper programs of this build or installation stand */
static int system_helper_dir(lua_State *L) {
  lua_pushstring(L, kv_lua_loop(L)->helpers);
  return 1;
}

void kv_lua_system_functions(lua_State *L, kv_loop *loop) {
  static const luaL_Reg functions[] = {{"environ", system_environ},
                                       {"isatty", system_isatty},
                                       {"getpid", system_getpid},
                                       {"geteuid", system_geteuid},
                                       {"program", system_program},
                                       {"wall_clock", system_wall_clock},
                                       {"winsize", system_winsize},
                                       {"raw_mode", system_raw_mode},
                                       {"free_space", system_free_space},
                                       {"helper_dir", system_helper_dir},
                                       {"euid", system_euid},
                                       {"kill_process", system_kill_process},
                                       {NULL, NULL}};
  luaL_newmetatable(L, RAW);
  static const char *const closers[] = {"close", "__close", "__gc"};
  for (size_t i = 0; i < sizeof closers / sizeof closers[0]; i++) {
    lua_pushcfunction(L, raw_restore);
    lua_setfield(L, -2, closers[i]);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_pushlightuserdata(L, loop);
  luaL_setfuncs(L, functions, 1);
}
