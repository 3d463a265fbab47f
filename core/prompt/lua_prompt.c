/* Starting the prompt's front end, and giving the terminal to it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "loop/lua_loop.h"
#include "paths.h"
#include "prompt/lua_prompt.h"

#define FRONT "kavach.core.front_end"

enum { SOCKET_FD = 3, OUTPUT_FD = 4 };

/* What a terminal's keys have done to a foreground process: the front end takes them now. */
static const int keys[] = {SIGINT, SIGQUIT, SIGTSTP};
enum { KEYS = sizeof keys / sizeof keys[0] };

typedef struct front {
  pid_t pid;     /* 0: there is none */
  int output[2]; /* what 1 and 2 were; -1: they still are */
  struct termios mode;
  struct sigaction before[KEYS];
} front;

extern char **environ;

static volatile pid_t running; /* the front end, for the signal handler */

/* The keys are the front end's. If something has ended it they do again what they usually do. */
static void on_key(int number) {
  int before = errno;
  siginfo_t info = {.si_pid = 0};
  pid_t pid = running;
  bool ended = pid && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == pid;
  errno = before;
  if (!ended) return;
  signal(number, SIG_DFL);
  raise(number);
}

/* In the same process group and session as this process: it is the terminal's foreground job, too.
 */
static int run_program(pid_t *pid, char *const argv[], int socket, int output) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  int status = posix_spawn_file_actions_adddup2(&files, socket, SOCKET_FD);
  if (!status) status = posix_spawn_file_actions_adddup2(&files, output, OUTPUT_FD);
  if (!status) status = posix_spawn_file_actions_addclosefrom_np(&files, OUTPUT_FD + 1);
  if (!status) status = posix_spawn(pid, argv[0], &files, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return status;
}

/* A descriptor of that file that is none of those which the program gets. */
static int moved_up(int fd) {
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, OUTPUT_FD + 1);
  close(fd);
  return moved;
}

/* What this process prints goes to the front end from now on. */
static void take_output(front *self, int end) {
  fflush(NULL);
  for (int i = 0; i < 2; i++) {
    self->output[i] = fcntl(STDOUT_FILENO + i, F_DUPFD_CLOEXEC, OUTPUT_FD + 1);
    dup2(end, STDOUT_FILENO + i);
  }
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}

static void take_keys(front *self) {
  /* No SIG_IGN: programs that are run from here would inherit it. */
  struct sigaction action = {.sa_handler = on_key, .sa_flags = SA_RESTART};
  for (int i = 0; i < KEYS; i++) sigaction(keys[i], &action, &self->before[i]);
}

static int start(front *self, char *const argv[], int *socket, kv_error *e) {
  int ends[2], output[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    return kv_fail_errno(e, errno, "the prompt: cannot make a socket");
  if (pipe2(output, O_CLOEXEC) < 0) {
    close(ends[0]);
    close(ends[1]);
    return kv_fail_errno(e, errno, "the prompt: cannot make a pipe");
  }
  ends[1] = moved_up(ends[1]);
  output[0] = moved_up(output[0]);
  int status = run_program(&self->pid, argv, ends[1], output[0]);
  close(ends[1]);
  close(output[0]);
  if (status == 0) {
    running = self->pid;
    take_output(self, output[1]);
    take_keys(self);
    *socket = ends[0];
  } else {
    self->pid = 0;
    close(ends[0]);
    kv_fail_errno(e, status, "the prompt: cannot run '%.200s'", argv[0]);
  }
  close(output[1]);
  return status == 0 ? 0 : -1;
}

/* front_end(history | nil) -> the front end, the stream to it | nil, message. Until it is closed,
 * what this process prints is shown by it, and the terminal's keys are its own. */
static int front_end(lua_State *L) {
  const char *history = luaL_optstring(L, 1, NULL);
  char directory[KV_PATH_MAX], path[KV_PATH_MAX + 16];
  kv_helper_dir(directory);
  snprintf(path, sizeof path, "%s/prompt", directory);
  char option[] = "--history", file[KV_PATH_MAX];
  snprintf(file, sizeof file, "%s", history ? history : "");
  char *const argv[] = {path, history ? option : NULL, file, NULL};
  front *self = lua_newuserdatauv(L, sizeof *self, 0);
  *self = (front){.output = {-1, -1}};
  luaL_setmetatable(L, FRONT);
  kv_error e;
  int socket = -1;
  if (tcgetattr(STDIN_FILENO, &self->mode) < 0) {
    kv_fail_errno(&e, errno, "the prompt: standard input");
    return kv_lua_fail(L, &e);
  }
  if (start(self, argv, &socket, &e) < 0) return kv_lua_fail(L, &e);
  kv_lua_push_socket(L, kv_lua_loop(L), socket);
  return 2;
}

/* close() -> the front end's exit code, 128 and the signal's number if one ended it; nothing if it
 * was closed before. The stream to it must be closed: it waits for its end. */
static int front_close(lua_State *L) {
  front *self = luaL_checkudata(L, 1, FRONT);
  if (!self->pid) return 0;
  fflush(NULL);
  for (int i = 0; i < 2; i++) {
    if (self->output[i] < 0) continue;
    dup2(self->output[i], STDOUT_FILENO + i);
    close(self->output[i]);
  }
  for (int i = 0; i < KEYS; i++) sigaction(keys[i], &self->before[i], NULL);
  int status = 0;
  while (waitpid(self->pid, &status, 0) < 0 && errno == EINTR) continue;
  self->pid = running = 0;
  if (WIFEXITED(status)) {
    lua_pushinteger(L, WEXITSTATUS(status));
    return 1;
  }
  tcsetattr(STDIN_FILENO, TCSADRAIN, &self->mode); /* it had no time to */
  lua_pushinteger(L, 128 + WTERMSIG(status));
  return 1;
}

void kv_lua_prompt_functions(lua_State *L, kv_loop *loop) {
  static const luaL_Reg functions[] = {{"front_end", front_end}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"close", front_close}, {"__close", front_close}, {"__gc", front_close}, {NULL, NULL}};
  luaL_newmetatable(L, FRONT);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_pushlightuserdata(L, loop);
  luaL_setfuncs(L, functions, 1);
}
