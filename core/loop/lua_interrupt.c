/* Stopping Lua code from outside: what a program's signal handlers need, and its bounds. */
#include <string.h>

#include "loop/lua_loop.h"
#include "paths.h"

/* So many errors are raised for code that catches them, a while apart each; then one at every step
 * of it, which nothing survives. */
enum { ERRORS_MOST = 8, STEPS_BETWEEN = 100000 };
/* What a task that was cancelled may still do in its cleaning up, in instructions: some 10 ms. */
enum { STEPS_OF_CLEANUP = 1000000 };

enum { EVERY_STEP = LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT };

/* In the registry: "@" and the folder of kavach's own Lua; the kv_interrupt of the loop. */
static const char library_key = 0, interrupt_key = 0;

static kv_interrupt *interrupt_of(lua_State *L) { return kv_lua_loop(L)->interrupt; }

/* Whether the function is one of the person's, not of C or of kavach's own: those are left to bring
 * their affairs in order. */
static bool is_foreign(lua_State *L, lua_Debug *where) {
  lua_getinfo(L, "S", where);
  if (where->what[0] == 'C') return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &library_key);
  const char *library = lua_tostring(L, -1);
  bool foreign = !library || strncmp(where->source, library, strlen(library)) != 0;
  lua_pop(L, 1);
  return foreign;
}

static void stop_here(lua_State *L, lua_Debug *where) {
  if (!is_foreign(L, where)) {
    lua_sethook(L, stop_here, EVERY_STEP, 1);
    return;
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &interrupt_key);
  kv_interrupt *interrupt = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (++interrupt->errors < ERRORS_MOST)
    lua_sethook(L, stop_here, LUA_MASKCOUNT, STEPS_BETWEEN);
  else
    lua_sethook(L, stop_here, EVERY_STEP, 1);
  luaL_where(L, 0); /* a hook has no level of its own: 1 would be the caller */
  lua_pushliteral(L, "interrupted!");
  lua_concat(L, 2);
  lua_error(L);
}

void kv_lua_stop(kv_interrupt *interrupt, int session) {
  if (!session || session != interrupt->session) return;
  interrupt->errors = 0;
  lua_sethook(interrupt->thread, stop_here, EVERY_STEP, 1);
}

/* stop(coroutine): raises errors in it, when it runs, once it has had time to clean up. */
static int interrupt_stop(lua_State *L) {
  lua_State *task = lua_tothread(L, 1);
  luaL_argexpected(L, task, 1, "coroutine");
  if (lua_gethook(task) == stop_here) return 0;
  interrupt_of(L)->errors = 0;
  lua_sethook(task, stop_here, LUA_MASKCOUNT, STEPS_OF_CLEANUP);
  return 0;
}

/* Who is stopped in one coroutine is so in the one that goes on, too. */
static void pass_on(lua_State *from, lua_State *to) {
  if (lua_gethook(from) != stop_here) return;
  if (lua_gethook(to) == stop_here && lua_gethookmask(from) != EVERY_STEP) return;
  lua_sethook(to, stop_here, lua_gethookmask(from), lua_gethookcount(from));
}

/* Resumes a coroutine of the script's own, which may outlive what is stopped. */
static int resume_own(lua_State *L, lua_State *own, int arguments, int *results) {
  if (own == L) return lua_resume(own, L, arguments, results); /* an error */
  pass_on(L, own);
  int status = lua_resume(own, L, arguments, results);
  pass_on(own, L);
  if (lua_gethook(own) == stop_here) lua_sethook(own, NULL, 0, 0);
  return status;
}

/* resume(coroutine, session, …) -> as coroutine.resume, but known to who interrupts. `session`: the
 * number of the prompt whose code the task is, 0: none's; nil: it is no task, but of who resumes
 * it.
 */
static int interrupt_resume(lua_State *L) {
  kv_interrupt *interrupt = interrupt_of(L);
  lua_State *task = lua_tothread(L, 1);
  luaL_argexpected(L, task, 1, "coroutine");
  void *thread = interrupt->thread;
  int session = interrupt->session, arguments = lua_gettop(L) > 2 ? lua_gettop(L) - 2 : 0;
  bool own = lua_isnoneornil(L, 2);
  int given = own ? session : (int)luaL_checkinteger(L, 2), results = 0;
  if (!lua_checkstack(task, arguments)) return luaL_error(L, "too many arguments to resume");
  lua_xmove(L, task, arguments);
  interrupt->thread = task;
  interrupt->session = given;
  int status =
      own ? resume_own(L, task, arguments, &results) : lua_resume(task, L, arguments, &results);
  interrupt->session = session;
  interrupt->thread = thread;
  bool fine = status == LUA_OK || status == LUA_YIELD;
  if (!fine) results = 1;
  if (!lua_checkstack(L, results + 1)) return luaL_error(L, "too many results to resume");
  lua_xmove(task, L, results);
  lua_pushboolean(L, fine);
  lua_insert(L, -(results + 1));
  return results + 1;
}

/* session(number) -> the one before: whose code runs until it is called again */
static int interrupt_session(lua_State *L) {
  kv_interrupt *interrupt = interrupt_of(L);
  lua_Integer number = luaL_checkinteger(L, 1);
  lua_pushinteger(L, interrupt->session);
  interrupt->session = (int)number;
  return 1;
}

static int guard_ended(lua_State *L, int status, lua_KContext context) {
  (void)context;
  lua_sethook(L, NULL, 0, 0);
  lua_pushboolean(L, status == LUA_OK || status == LUA_YIELD);
  lua_replace(L, 1);
  lua_remove(L, 2); /* the handler */
  return lua_gettop(L);
}

/* guard(handler, f, …) -> as xpcall; and no interrupt of what it called goes on behind it */
static int interrupt_guard(lua_State *L) {
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_pushvalue(L, 1);
  lua_insert(L, 2); /* the place of the first result; the handler; the function and its arguments */
  return guard_ended(L, lua_pcallk(L, lua_gettop(L) - 3, LUA_MULTRET, 2, 0, guard_ended), 0);
}

void kv_lua_interrupt_functions(lua_State *L, kv_loop *loop) {
  static const luaL_Reg functions[] = {{"resume", interrupt_resume},
                                       {"session", interrupt_session},
                                       {"guard", interrupt_guard},
                                       {"stop", interrupt_stop},
                                       {NULL, NULL}};
  char directory[KV_PATH_MAX];
  kv_lua_dir(directory);
  lua_pushfstring(L, "@%s/kavach/", directory);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &library_key);
  lua_pushlightuserdata(L, loop->interrupt);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &interrupt_key);
  lua_pushlightuserdata(L, loop);
  luaL_setfuncs(L, functions, 1);
}
