/*
 * kavach in a C program of your own: its module in your lua_State, on your loop or on its own.
 *
 *   lua_State *L = luaL_newstate();
 *   luaL_openlibs(L);
 *   kavach_open(L, &loop);                // or NULL: a loop of its own
 *   luaL_loadfile(L, "work.lua");
 *   kavach_spawn(L, 0);                   // the chunk becomes a task of your loop
 *   uv_run(&loop, UV_RUN_DEFAULT);
 *   lua_close(L);                         // ends what is left; run the loop once more before
 *                                         // uv_loop_close, so that closed handles can go
 *
 * On a loop of yours, Lua runs only in kavach's own check handle, never inside another callback,
 * and you are the one who runs it: an operation that has to wait outside of a task raises an error
 * there, since it could only wait by running your loop from inside.
 * One lua_State has one loop. Nothing here is thread-safe; all calls come from the loop's thread.
 */
#ifndef KAVACH_H
#define KAVACH_H

#include <lua.h>
#include <uv.h>

#define KAVACH_API __attribute__((visibility("default")))

/* Opens the module in L, so that `require "kavach"` finds it. `loop` is an initialised loop that
 * outlives L, or NULL for a loop of kavach's own. Call it before the first require; without this
 * call require opens it on a loop of its own. Returns 0, or -1 with a message on L's stack. */
KAVACH_API int kavach_open(lua_State *L, uv_loop_t *loop);

/* Takes a function and `arguments` values from the top of the stack and makes it a task. It starts
 * when the loop runs. If it fails, its traceback goes to standard error and kavach_failed(L) is
 * true. Returns 0, or -1 with a message on the stack. */
KAVACH_API int kavach_spawn(lua_State *L, int arguments);

/* Whether a task that kavach_spawn started has failed. */
KAVACH_API int kavach_failed(lua_State *L);

#endif
