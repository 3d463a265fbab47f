/*
 * The program: a Lua 5.4 interpreter with kavach in it (options, `arg` and exit codes as lua5.4's),
 * whose first word may also be a subcommand, one of lua/kavach/cli.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kavach.h"
#include "loop/lua_loop.h"
#include "paths.h"

int luaopen_kavach_core(lua_State *L);

static kv_interrupt interrupt; /* for the signal handler */

/* ---- calling ---- */

static void stop_here(lua_State *L, lua_Debug *where) {
  (void)where;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, "interrupted!");
}

/* The first interrupt ends the wait, or stops the Lua code that runs; a second one finds the
 * default action. */
static void on_interrupt(int number) {
  signal(number, SIG_DFL);
  if (interrupt.loop && kv_loop_interrupt(interrupt.loop)) return;
  lua_sethook(interrupt.thread, stop_here,
              LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

/* A prompt's interrupt: see core/prompt/protocol.h. */
static void on_urgent(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)context;
  if (info->si_code == SI_QUEUE) kv_lua_stop(&interrupt, info->si_value.sival_int);
}

/* A subcommand is a program like any other: it ends without a word, with nothing of Lua's to show
 * for it. What it has started and made, the supervisor clears away. One that has more to do when it
 * is interrupted catches the signal itself. */
static void on_interrupted_command(int number) { _exit(128 + number); }

static void (*handle_interrupt)(int) = on_interrupt;

static int add_traceback(lua_State *L) {
  const char *message = lua_tostring(L, 1);
  if (!message) {
    if (luaL_callmeta(L, 1, "__tostring")) return 1;
    message = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
  }
  luaL_traceback(L, L, message, 1);
  return 1;
}

static int call(lua_State *L, int arguments, int results) {
  int function = lua_gettop(L) - arguments;
  lua_pushcfunction(L, add_traceback);
  lua_insert(L, function);
  interrupt.thread = L;
  signal(SIGINT, handle_interrupt);
  int status = lua_pcall(L, arguments, results, function);
  signal(SIGINT, SIG_DFL);
  lua_remove(L, function);
  return status;
}

static bool report(lua_State *L, int status) {
  if (status == LUA_OK) return true;
  const char *message = lua_tostring(L, -1);
  fprintf(stderr, "kavach: %s\n", message ? message : "(no message)");
  lua_pop(L, 1);
  return false;
}

static bool run_chunk(lua_State *L, int loaded) {
  return report(L, loaded == LUA_OK ? call(L, 0, 0) : loaded);
}

static bool run_string(lua_State *L, const char *code, const char *name) {
  return run_chunk(L, luaL_loadbuffer(L, code, strlen(code), name));
}

/* require NAME, or GLOBAL=NAME, into a global */
static bool require_global(lua_State *L, char *name) {
  char *equals = strchr(name, '=');
  if (equals) *equals = '\0';
  lua_getglobal(L, "require");
  lua_pushstring(L, equals ? equals + 1 : name);
  int status = call(L, 1, 1);
  if (status == LUA_OK) lua_setglobal(L, name);
  return report(L, status);
}

/* ---- scripts ---- */

static bool run_script(lua_State *L, char **argv, int at, int argc) {
  const char *file =
      strcmp(argv[at], "-") == 0 && strcmp(argv[at - 1], "--") != 0 ? NULL : argv[at];
  int status = luaL_loadfile(L, file);
  if (status != LUA_OK) return report(L, status);
  int arguments = argc - at - 1;
  luaL_checkstack(L, arguments + 8, "too many arguments to script");
  for (int i = 1; i <= arguments; i++) lua_pushstring(L, argv[at + i]);
  return report(L, call(L, arguments, 0));
}

/* Waits for the tasks that the main chunk has left running; their failures are the program's. After
 * a failure of its own they are cancelled. */
static bool finish_tasks(lua_State *L, bool ok) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, "kavach.task.scheduler") != LUA_TTABLE) return ok;
  lua_getfield(L, -1, ok ? "finish" : "abandon");
  return report(L, call(L, 0, 0)) && ok;
}

static void set_arg(lua_State *L, char **argv, int argc, int script) {
  if (script == argc) script = 0;
  lua_createtable(L, argc - script, script + 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
}

/* ---- the interpreter's options ---- */

typedef struct options {
  int script; /* index of the script's name in argv; argc: none */
  bool execute, interactive, version, no_environment, bad, unfinished;
} options;

static const char usage[] =
    "usage: kavach [options] [script [args]]   or   kavach COMMAND …  (kavach --help)\n"
    "  -e stat   execute string 'stat'\n"
    "  -i        enter interactive mode after executing 'script'\n"
    "  -l mod    require library 'mod' into global 'mod'\n"
    "  -l g=mod  require library 'mod' into global 'g'\n"
    "  -v        show version information\n"
    "  -E        ignore environment variables\n"
    "  -W        turn warnings on\n"
    "  --        stop handling options\n"
    "  -         stop handling options and execute stdin\n";

static options read_options(int argc, char **argv) {
  options o = {.script = argc};
  for (int i = 1; i < argc; i++) {
    const char *word = argv[i];
    if (word[0] != '-' || word[1] == '\0') {
      o.script = i;
      break;
    }
    if (strcmp(word, "--") == 0) {
      o.script = i + 1;
      break;
    }
    bool alone = word[2] == '\0';
    if (word[1] == 'e' || word[1] == 'l') {
      o.execute |= word[1] == 'e';
      if (alone && (++i == argc || argv[i][0] == '-')) o.bad = o.unfinished = true;
    } else if (alone && strchr("ivEW", word[1])) {
      o.interactive |= word[1] == 'i';
      o.version |= word[1] == 'v';
      o.no_environment |= word[1] == 'E';
    } else {
      o.bad = true;
    }
    if (o.bad) {
      fprintf(stderr,
              o.unfinished ? "kavach: '%s' needs argument\n%s"
                           : "kavach: unrecognized option '%s'\n%s",
              word, usage);
      break;
    }
  }
  return o;
}

/* Runs -e, -l and -W in the order that they were given. */
static bool run_options(lua_State *L, char **argv, int end) {
  for (int i = 1; i < end; i++) {
    char kind = argv[i][1];
    if (kind == 'W') lua_warning(L, "@on", 0);
    if (kind != 'e' && kind != 'l') continue;
    char *value = argv[i][2] ? argv[i] + 2 : argv[++i];
    if (!(kind == 'e' ? run_string(L, value, "=(command line)") : require_global(L, value)))
      return false;
  }
  return true;
}

static bool run_init(lua_State *L) {
  const char *name = "=LUA_INIT_5_4";
  const char *init = getenv(name + 1);
  if (!init) init = getenv((name = "=LUA_INIT") + 1);
  if (!init) return true;
  if (init[0] == '@') return run_chunk(L, luaL_loadfile(L, init + 1));
  return run_string(L, init, name);
}

/* On a terminal the prompt; else, as lua5.4 does, lines of standard input. */
static bool prompt(lua_State *L, bool on_terminal) {
  lua_getglobal(L, "require");
  lua_pushstring(L, on_terminal ? "kavach.prompt" : "kavach.prompt.plain");
  if (!report(L, call(L, 1, 1))) return false;
  lua_getfield(L, -1, "run");
  return report(L, call(L, 0, 1)) && lua_tointeger(L, -1) == EXIT_SUCCESS;
}

static bool run_all(lua_State *L, int argc, char **argv, const options *o) {
  bool terminal = isatty(STDIN_FILENO), prompts = terminal && isatty(STDOUT_FILENO);
  if (o->version || (o->interactive && !prompts))
    printf("%s (kavach " KAVACH_VERSION ")\n", LUA_COPYRIGHT), fflush(stdout);
  set_arg(L, argv, argc, o->script);
  if (!o->no_environment && !run_init(L)) return false;
  if (!run_options(L, argv, o->script < argc ? o->script : argc)) return false;
  if (o->script < argc && !run_script(L, argv, o->script, argc)) return false;
  bool idle = o->script >= argc && !o->execute && !o->version && !o->interactive;
  if (idle && !terminal && !run_chunk(L, luaL_loadfile(L, NULL))) return false;
  return (!o->interactive && !(idle && terminal)) || prompt(L, prompts);
}

static bool interpret(lua_State *L, int argc, char **argv, const options *o) {
  return finish_tasks(L, run_all(L, argc, argv, o));
}

/* ---- subcommands ---- */

/* A word of letters that lua/kavach/cli has a file for, or that no file here has for its name: that
 * is a command mistyped, which names the nearest. Or an option that asks about the program. */
static bool is_command(const char *word) {
  if (strcmp(word, "--help") == 0 || strcmp(word, "--version") == 0) return true;
  if (!*word || word[strspn(word, "abcdefghijklmnopqrstuvwxyz")] || strcmp(word, "init") == 0)
    return false;
  char directory[KV_PATH_MAX], file[KV_PATH_MAX + 64];
  kv_lua_dir(directory);
  int n = snprintf(file, sizeof file, "%s/kavach/cli/%s.lua", directory, word);
  return n > 0 && (size_t)n < sizeof file && (access(file, R_OK) == 0 || access(word, F_OK) != 0);
}

/* Returns the command's exit code. */
static int run_command(lua_State *L, int argc, char **argv) {
  lua_getglobal(L, "require");
  lua_pushliteral(L, "kavach.cli");
  if (!report(L, call(L, 1, 1))) return EXIT_FAILURE;
  lua_getfield(L, -1, "main");
  lua_createtable(L, argc, 0);
  for (int i = 1; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
  if (!report(L, call(L, 1, 1))) return strcmp(argv[1], "run") == 0 ? 125 : EXIT_FAILURE;
  return (int)lua_tointeger(L, -1);
}

int main(int argc, char **argv) {
  bool command = argc > 1 && is_command(argv[1]);
  if (command) signal(SIGINT, handle_interrupt = on_interrupted_command);
  struct sigaction urgent = {.sa_sigaction = on_urgent, .sa_flags = SA_SIGINFO | SA_RESTART};
  sigaction(SIGURG, &urgent, NULL);
  options o = {0};
  if (!command) o = read_options(argc, argv);
  if (o.bad) return EXIT_FAILURE;
  lua_State *L = luaL_newstate();
  if (!L) {
    fputs("kavach: cannot make a Lua state: not enough memory\n", stderr);
    return EXIT_FAILURE;
  }
  if (o.no_environment) {
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
  }
  luaL_openlibs(L);
  lua_gc(L, LUA_GCGEN, 0, 0);
  lua_pushlightuserdata(L, &interrupt);
  lua_setfield(L, LUA_REGISTRYINDEX, KAVACH_INTERRUPT);
  kavach_open(L, NULL);
  int code = command                        ? run_command(L, argc, argv)
             : interpret(L, argc, argv, &o) ? EXIT_SUCCESS
                                            : EXIT_FAILURE;
  lua_close(L);
  return code;
}
