/* Child processes for Lua. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/lua_file.h"
#include "loop/lua_loop.h"
#include "loop/supervise.h"

#define CHILD "kavach.core.child"

/* The userdata, whose user value is the callback. Nothing but a weak table knows it besides its
 * owner: one that nobody holds any more is collected, and its process killed. */
typedef struct kv_lua_child {
  kv_child child;
} kv_lua_child;

static const char children_key = 0; /* in the registry: the weak table, address -> userdata */

extern char **environ;

static int do_nothing(lua_State *L) {
  (void)L;
  return 0;
}

/* Pushes the callback. */
static void push_callback(lua_State *L, kv_lua_child *self) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &children_key);
  if (lua_rawgetp(L, -1, self) == LUA_TUSERDATA)
    lua_getiuservalue(L, -1, 1);
  else
    lua_pushcfunction(L, do_nothing); /* its finaliser is due */
  lua_insert(L, -3);
  lua_pop(L, 2);
}

/* The callback is not called again. */
static void drop_callback(lua_State *L, kv_lua_child *self) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &children_key);
  lua_pushnil(L);
  lua_rawsetp(L, -2, self);
  lua_pop(L, 1);
}

/* callback("started", pid) */
static int deliver_start(kv_completion *started, void *to) {
  lua_State *L = to;
  kv_lua_child *self = (kv_lua_child *)((char *)started - offsetof(kv_lua_child, child.started));
  push_callback(L, self);
  lua_pushliteral(L, "started");
  lua_pushinteger(L, self->child.pid);
  return 3;
}

/* callback("ended", exit code, signal, cpu_us, max_rss_kb) or
 * callback("failed", "start" | "chdir" | "exec" | "supervisor", message) */
static int deliver_end(kv_completion *done, void *to) {
  static const char *const steps[] = {"start", "chdir", "exec"};
  lua_State *L = to;
  kv_lua_child *self = (kv_lua_child *)((char *)done - offsetof(kv_lua_child, child.done));
  const kv_child *c = &self->child;
  push_callback(L, self);
  drop_callback(L, self);
  if (c->state == KV_CHILD_ENDED) {
    lua_pushliteral(L, "ended");
    lua_pushinteger(L, c->code);
    lua_pushinteger(L, c->signal);
    lua_pushinteger(L, (lua_Integer)c->cpu_us);
    lua_pushinteger(L, (lua_Integer)c->max_rss_kb);
    return 6;
  }
  lua_pushliteral(L, "failed");
  lua_pushstring(L, c->code && c->signal < 3 ? steps[c->signal] : "supervisor");
  lua_pushstring(L, c->code ? strerror(c->code) : "the supervisor of this process's children died");
  lua_pushinteger(L, c->code);
  return 5;
}

/* ---- the command ---- */

/* The strings of the list at `index`, in an array that is left on the stack. */
static const char *const *strings(lua_State *L, int index, size_t *count) {
  *count = (size_t)lua_rawlen(L, index);
  const char **list = lua_newuserdatauv(L, (*count + 1) * sizeof *list, 0);
  for (size_t i = 0; i < *count; i++) {
    lua_rawgeti(L, index, (lua_Integer)i + 1);
    if (lua_type(L, -1) != LUA_TSTRING)
      luaL_error(L, "argument and environment lists hold strings only");
    size_t length = 0;
    list[i] = lua_tolstring(L, -1, &length);
    if (strlen(list[i]) != length)
      luaL_error(L, "an argument or environment entry has a NUL in it");
    lua_pop(L, 1); /* the list keeps it alive */
  }
  list[*count] = NULL;
  return list;
}

static const char *const *host_environment(size_t *count) {
  for (*count = 0; environ && environ[*count]; ++*count) continue;
  return (const char *const *)environ;
}

typedef struct pipes {
  int child[3], host[3]; /* -1: none */
} pipes;

static void close_all(int fds[3]) {
  for (int i = 0; i < 3; i++)
    if (fds[i] >= 0) close(fds[i]);
}

static int open_pipe(pipes *p, int i) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -1;
  p->child[i] = ends[i != 0];
  p->host[i] = ends[i == 0];
  return 0;
}

/* Makes the pipes that are wanted. All or none. */
static int open_pipes(const int wanted[3], kv_command *command, pipes *p, kv_error *e) {
  for (int i = 0; i < 3; i++) {
    if (wanted[i] == 1 && open_pipe(p, i) < 0) {
      kv_fail_errno(e, errno, "%.100s: cannot make a pipe", command->argv[0]);
      close_all(p->child);
      close_all(p->host);
      return -1;
    }
    if (wanted[i] == 1) command->stdio[i] = p->child[i];
    if (wanted[i] == 2) command->stdio[i] = i;
    if (wanted[i] == 3) command->stdio[i] = command->stdio[1];
  }
  return 0;
}

/* Fills p and the command's descriptors by opts.stdin, .stdout, .stderr: "null" (the default),
 * "pipe", "inherit", a stream, or, for stderr, "stdout". */
static int plan_stdio(lua_State *L, int opts, kv_command *command, pipes *p, kv_error *e) {
  static const char *const names[] = {"stdin", "stdout", "stderr"};
  static const char *const ways[] = {"null", "pipe", "inherit", "stdout", NULL};
  int wanted[3];
  for (int i = 0; i < 3; i++) {
    lua_getfield(L, opts, names[i]);
    command->stdio[i] = p->child[i] = p->host[i] = -1;
    wanted[i] = 0;
    if (lua_isuserdata(L, -1))
      command->stdio[i] = kv_lua_lend_stream(L, lua_gettop(L));
    else
      wanted[i] = luaL_checkoption(L, -1, "null", ways);
    lua_pop(L, 1);
  }
  return open_pipes(wanted, command, p, e);
}

static const char *string_field(lua_State *L, int table, const char *key, const char *fallback) {
  lua_getfield(L, table, key);
  return lua_isnil(L, -1) ? fallback : luaL_checkstring(L, -1); /* stays on the stack */
}

/* Where the child looks for a program: PATH of the environment that it gets. */
static const char *search_path(const char *const *envp) {
  for (; envp && *envp; envp++)
    if (strncmp(*envp, "PATH=", 5) == 0) return *envp + 5;
  return "/usr/local/bin:/usr/bin:/bin";
}

/* Has the function at 2 called of the child, whose userdata is at `at`. */
static void keep_callback(lua_State *L, const kv_lua_child *self, int at) {
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, at, 1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &children_key);
  lua_pushvalue(L, at);
  lua_rawsetp(L, -2, self);
}

/* Whether the file to run is given, open: the field `program`, which is left on the stack. */
static void plan_program(lua_State *L, int opts, kv_command *command) {
  command->by_file = lua_getfield(L, opts, "program") != LUA_TNIL;
  if (command->by_file) command->program = kv_lua_program_fd(L, lua_gettop(L));
}

/* The files of the list `files`, which is left on the stack: they stay open as long as it. */
static void plan_files(lua_State *L, int opts, kv_command *command) {
  if (lua_getfield(L, opts, "files") == LUA_TNIL) return;
  luaL_checktype(L, -1, LUA_TTABLE);
  size_t count = lua_rawlen(L, -1);
  luaL_argcheck(L, count <= KV_SUP_FILES_MAX, opts, "too many files");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    command->files[command->file_count++] = fileno(kv_lua_file(L, lua_gettop(L)));
    lua_pop(L, 1);
  }
}

/* spawn{argv=, program=, files=, env=, cwd=, stdin=, stdout=, stderr=, plain_files=, tell_start=},
 * callback -> child, stdin, stdout, stderr (streams, where piped) | nil, message. `program`, of
 * program_open, is run instead of what argv[1] names; `files`, Lua's, are its descriptors 3 and up;
 * plain_files and tell_start: see kv_command. */
static int child_spawn(lua_State *L) {
  kv_loop *loop = kv_lua_loop(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  kv_command command = {0};
  char here[4096];
  command.cwd = string_field(L, 1, "cwd", getcwd(here, sizeof here) ? here : "");
  lua_getfield(L, 1, "argv");
  luaL_checktype(L, -1, LUA_TTABLE);
  command.argv = strings(L, lua_gettop(L), &command.argc);
  luaL_argcheck(L, command.argc > 0, 1, "argv is empty");
  bool given = lua_getfield(L, 1, "env") == LUA_TTABLE;
  command.envp = given ? strings(L, lua_gettop(L), &command.envc) : host_environment(&command.envc);
  command.path = search_path(command.envp);
  lua_getfield(L, 1, "plain_files");
  command.plain_files = lua_toboolean(L, -1);
  lua_getfield(L, 1, "tell_start");
  command.tell_start = lua_toboolean(L, -1);
  plan_program(L, 1, &command);
  plan_files(L, 1, &command);
  kv_lua_child *self = lua_newuserdatauv(L, sizeof *self, 1);
  memset(self, 0, sizeof *self);
  self->child.started.deliver = deliver_start;
  self->child.done.deliver = deliver_end;
  luaL_setmetatable(L, CHILD);
  int at = lua_gettop(L);
  pipes p;
  kv_error e;
  if (plan_stdio(L, 1, &command, &p, &e) < 0) return kv_lua_fail(L, &e);
  int status = kv_child_start(loop, &self->child, &command, &e);
  close_all(p.child);
  if (status < 0) {
    close_all(p.host);
    return kv_lua_fail(L, &e);
  }
  keep_callback(L, self, at);
  lua_pushvalue(L, at);
  for (int i = 0; i < 3; i++) {
    if (p.host[i] < 0)
      lua_pushnil(L);
    else
      kv_lua_push_pipe(L, loop, p.host[i]);
  }
  return 4;
}

/* child:signal(number): to its process group */
static int child_signal(lua_State *L) {
  kv_lua_child *self = luaL_checkudata(L, 1, CHILD);
  kv_child_signal(&self->child, (int)luaL_checkinteger(L, 2));
  return 0;
}

/* child:pid() -> number | nil while it is not known */
static int child_pid(lua_State *L) {
  kv_lua_child *self = luaL_checkudata(L, 1, CHILD);
  if (self->child.pid)
    lua_pushinteger(L, self->child.pid);
  else
    lua_pushnil(L);
  return 1;
}

/* child:forget(): kills the group; the callback is not called */
static int child_forget(lua_State *L) {
  kv_lua_child *self = luaL_checkudata(L, 1, CHILD);
  if (self->child.loop) kv_child_forget(&self->child);
  return 0;
}

void kv_lua_child_functions(lua_State *L, kv_loop *loop) {
  static const luaL_Reg functions[] = {{"spawn", child_spawn}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"signal", child_signal},
                                     {"pid", child_pid},
                                     {"forget", child_forget},
                                     {"__gc", child_forget},
                                     {NULL, NULL}};
  luaL_newmetatable(L, CHILD);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &children_key);
  lua_pushlightuserdata(L, loop);
  luaL_setfuncs(L, functions, 1);
}
