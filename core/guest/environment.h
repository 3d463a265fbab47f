/*
 * The words that a command starts with: argv and environment as execve takes them.
 */
#ifndef KV_GUEST_ENVIRONMENT_H
#define KV_GUEST_ENVIRONMENT_H

#include "request.h"
#include "user.h"

#define KV_WORDS_FEW 64

struct kv_words {
  const char *few[KV_WORDS_FEW]; /* where the words are, if they are no more */
  const char **argv;
  const char **envp;
  const char *program; /* what to look for: argv[0], or the shell */
  const char *search;  /* the value of the command's own PATH */
  char home[sizeof((struct kv_user *)0)->home + sizeof "HOME="];
};

/*
 * Points into the request's strings. What the host did not set of PATH and HOME is supplied, and
 * TERM for a terminal. Returns 0, or ENOMEM. Free with kv_words_free.
 */
int kv_words_of(struct kv_words *words, const struct kv_exec_request *request,
                const struct kv_user *user);
void kv_words_free(struct kv_words *words);

#endif
