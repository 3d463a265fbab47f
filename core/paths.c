#include "paths.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void cut_name(char *path) {
  char *slash = strrchr(path, '/');
  if (slash) *slash = '\0';
}

/* Resolves `file`, seen from the running program's directory, to the directory that it is in. */
static bool beside_program(const char *file, char path[KV_PATH_MAX]) {
  char program[KV_PATH_MAX / 2], wanted[KV_PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
  if (n <= 0) return false;
  program[n] = '\0';
  cut_name(program);
  int size = snprintf(wanted, sizeof wanted, "%s/%s", program, file);
  if (size < 0 || (size_t)size >= sizeof wanted) return false;
  char *real = realpath(wanted, NULL);
  if (!real) return false;
  snprintf(path, KV_PATH_MAX, "%s", real);
  free(real);
  cut_name(path);
  return true;
}

/* If this code was loaded from a file called core.so, the directory of that. */
static bool beside_module(char path[KV_PATH_MAX]) {
  static const char here = 0;
  Dl_info info;
  if (!dladdr(&here, &info) || !info.dli_fname) return false;
  const char *name = strrchr(info.dli_fname, '/');
  if (!name || strcmp(name, "/core.so") != 0) return false;
  char *real = realpath(info.dli_fname, NULL);
  if (!real) return false;
  snprintf(path, KV_PATH_MAX, "%s", real);
  free(real);
  cut_name(path);
  return true;
}

void kv_helper_dir(char path[KV_PATH_MAX]) {
  const char *told = getenv("KAVACH_LIB_DIR");
  if (told && told[0] == '/')
    snprintf(path, KV_PATH_MAX, "%s", told);
  else if (!beside_module(path) && !beside_program(KAVACH_INSTALLED_LIB_DIR "/supervisor", path))
    snprintf(path, KV_PATH_MAX, "%s", KAVACH_LIB_DIR);
}

void kv_lua_dir(char path[KV_PATH_MAX]) {
  if (beside_program(KAVACH_INSTALLED_LUA_DIR "/kavach/init.lua", path))
    cut_name(path);
  else
    snprintf(path, KV_PATH_MAX, "%s", KAVACH_LUA_DIR);
}
