/* kavach in a C program on a loop of its own: two tasks of Lua beside a timer of C's. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

#include "kavach.h"

static const char work[] =
    "local kavach = require 'kavach'\n"
    "local name = ...\n"
    "local r = assert(kavach.process.exec { 'echo', 'hello from ' .. name })\n"
    "kavach.sleep(20)\n"
    "io.write(r.stdout)\n";

static void on_timer(uv_timer_t *timer) {
  puts("a timer of the program's own");
  uv_close((uv_handle_t *)timer, NULL);
}

int main(void) {
  uv_loop_t loop;
  uv_timer_t timer;
  uv_loop_init(&loop);
  uv_timer_init(&loop, &timer);
  uv_timer_start(&timer, on_timer, 1, 0);

  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  int status = kavach_open(L, &loop);
  for (int i = 1; i <= 2 && status == 0; i++) {
    luaL_loadstring(L, work);
    lua_pushfstring(L, "task %d", i);
    status = kavach_spawn(L, 1);
  }
  if (status != 0) fprintf(stderr, "%s\n", lua_tostring(L, -1));
  uv_run(&loop, UV_RUN_DEFAULT);
  int failed = status != 0 || kavach_failed(L);
  lua_close(L);
  uv_run(&loop, UV_RUN_DEFAULT); /* lets kavach's handles close */
  return failed || uv_loop_close(&loop) != 0;
}
