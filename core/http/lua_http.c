/* `require "kavach.http"`: an HTTP GET for the thread pool. */
#include <curl/curl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "http/fetch.h"
#include "loop/work.h"

#define JOB "kavach.http.fetch"

enum { TIMEOUT_DEFAULT_MS = 30000, SIZE_DEFAULT = 1 << 20, REDIRECTS_DEFAULT = 3 };

typedef struct kv_fetch_job {
  kv_work work;
  kv_fetch fetch;
  bool begun;
  atomic_bool done;
  int status;
  kv_error error;
} kv_fetch_job;

static void run_job(kv_work *work) {
  kv_fetch_job *job = (kv_fetch_job *)work;
  job->status = kv_fetch_run(&job->fetch, &job->error);
  atomic_store(&job->done, true);
}

static int free_job(lua_State *L) {
  kv_fetch_job *job = luaL_checkudata(L, 1, JOB);
  if (job->begun && !atomic_load(&job->done)) { /* the state closes while a thread is at it */
    atomic_store(&job->fetch.cancelled, true);  /* and the loop waits for that */
    return 0;
  }
  kv_fetch_free(&job->fetch);
  return 0;
}

static lua_Integer option(lua_State *L, const char *key, lua_Integer otherwise, lua_Integer most) {
  int whole = 0;
  int type = lua_getfield(L, 1, key);
  lua_Integer value = type == LUA_TNUMBER ? lua_tointegerx(L, -1, &whole) : otherwise;
  lua_pop(L, 1);
  if (type != LUA_TNIL && (!whole || value < 0 || value > most))
    luaL_error(L, "http.fetch: %s must be an integer from 0 to %I", key, most);
  return value;
}

/* fetch{url=, timeout_ms=, max_bytes=, redirects=, plain_http=}: a job that has not begun. */
static int fetch(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t size;
  if (lua_getfield(L, 1, "url") != LUA_TSTRING) return luaL_error(L, "http.fetch: url is missing");
  const char *url = lua_tolstring(L, -1, &size);
  if (strlen(url) != size) return luaL_error(L, "http.fetch: the url has a NUL in it");
  kv_fetch_job *job = lua_newuserdatauv(L, sizeof *job, 0);
  memset(job, 0, sizeof *job);
  luaL_setmetatable(L, JOB);
  job->work.run = run_job;
  job->fetch.timeout_ms = (long)option(L, "timeout_ms", TIMEOUT_DEFAULT_MS, INT_MAX);
  if (job->fetch.timeout_ms == 0) job->fetch.timeout_ms = 1; /* to libcurl 0 is none */
  job->fetch.size_max = (size_t)option(L, "max_bytes", SIZE_DEFAULT, INT_MAX);
  job->fetch.redirects = (long)option(L, "redirects", REDIRECTS_DEFAULT, INT_MAX);
  lua_getfield(L, 1, "plain_http");
  job->fetch.plain_http = lua_toboolean(L, -1);
  lua_pop(L, 1);
  atomic_init(&job->fetch.cancelled, false);
  job->fetch.url = strdup(url);
  return job->fetch.url ? 1 : luaL_error(L, "out of memory");
}

/* job:work(): the light userdata for core.work, which may be given to it once. */
static int job_work(lua_State *L) {
  kv_fetch_job *job = luaL_checkudata(L, 1, JOB);
  if (job->begun) return luaL_error(L, "this fetch has begun already");
  job->begun = true;
  lua_pushlightuserdata(L, &job->work);
  return 1;
}

/* job:cancel(): makes it end soon. */
static int job_cancel(lua_State *L) {
  kv_fetch_job *job = luaL_checkudata(L, 1, JOB);
  atomic_store(&job->fetch.cancelled, true);
  return 0;
}

/* job:result(), when its work is done: { status=, body=, retry_after_s= }, or nil, a message, a
 * kind and whether the answer was too large. */
static int job_result(lua_State *L) {
  kv_fetch_job *job = luaL_checkudata(L, 1, JOB);
  if (!atomic_load(&job->done)) return luaL_error(L, "this fetch is not done");
  if (job->status < 0) {
    lua_pushnil(L);
    lua_pushstring(L, job->error.message);
    lua_pushstring(L, job->error.kind);
    lua_pushboolean(L, job->fetch.too_large);
    return 4;
  }
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, job->fetch.status), lua_setfield(L, -2, "status");
  lua_pushlstring(L, job->fetch.body ? job->fetch.body : "", job->fetch.size);
  lua_setfield(L, -2, "body");
  if (job->fetch.retry_after_s > 0) {
    lua_pushinteger(L, job->fetch.retry_after_s);
    lua_setfield(L, -2, "retry_after_s");
  }
  return 1;
}

int luaopen_kavach_http(lua_State *L);

__attribute__((visibility("default"))) int luaopen_kavach_http(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {{"fetch", fetch}, {NULL, NULL}};
  static const luaL_Reg METHODS[] = {{"work", job_work},
                                     {"cancel", job_cancel},
                                     {"result", job_result},
                                     {"__gc", free_job},
                                     {NULL, NULL}};
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    return luaL_error(L, "libcurl cannot start");
  if (luaL_newmetatable(L, JOB)) {
    luaL_setfuncs(L, METHODS, 0);
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
  luaL_newlib(L, FUNCTIONS);
  return 1;
}
