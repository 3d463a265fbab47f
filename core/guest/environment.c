#include "environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define DEFAULT_TERM "TERM=linux"

static const char *value_of(const char **envp, const char *name) {
  size_t length = strlen(name);
  for (; *envp != NULL; envp++)
    if (strncmp(*envp, name, length) == 0 && (*envp)[length] == '=') return *envp + length + 1;
  return NULL;
}

static void supply(const char **envp, size_t *count, const char *name, const char *assignment) {
  if (value_of(envp, name) != NULL) return;
  envp[(*count)++] = assignment;
  envp[*count] = NULL;
}

int kv_words_of(struct kv_words *words, const struct kv_exec_request *request,
                const struct kv_user *user) {
  static const char *const shell[] = {"sh", "-c"};
  size_t lead = (request->flags & KV_WIRE_SHELL) != 0 ? 2 : 0;
  const size_t supplied = 3;
  /* Each string of the request took a byte at least, so the counts are bounded by the frame's. */
  size_t total = lead + request->argc + 1 + request->envc + supplied + 1;
  words->argv = total <= KV_WORDS_FEW ? words->few : malloc(total * sizeof *words->argv);
  if (words->argv == NULL) return ENOMEM;
  words->envp = words->argv + lead + request->argc + 1;
  memcpy(words->argv, shell, lead * sizeof *shell);
  const char *rest = kv_strings_split(request->strings, request->argc, words->argv + lead);
  kv_strings_split(rest, request->envc, words->envp);
  size_t count = request->envc;
  snprintf(words->home, sizeof words->home, "HOME=%s", user->home);
  supply(words->envp, &count, "PATH", DEFAULT_PATH);
  supply(words->envp, &count, "HOME", words->home);
  if ((request->flags & KV_WIRE_PTY) != 0) supply(words->envp, &count, "TERM", DEFAULT_TERM);
  words->program = lead > 0 ? "/bin/sh" : words->argv[0];
  words->search = value_of(words->envp, "PATH");
  return 0;
}

void kv_words_free(struct kv_words *words) {
  if (words->argv != words->few) free(words->argv);
}
