/*
 * archive: turns folders into tar archives, and tar archives that nobody has checked into folders.
 * A program of its own: what reads a guest's bytes here is in nobody else's memory, and who waits
 * for a slow guest holds up nobody else.
 *
 *   archive pack DIR BYTES ENTRIES     writes an archive of what is in DIR to standard output
 *   archive unpack DIR BYTES ENTRIES   makes DIR from the archive on standard input
 *   archive remove DIR                 removes DIR with all that is in it
 *
 * BYTES and ENTRIES are what the archive may hold, at most. Exits 0, or 1 with a line on standard
 * error that says why, or 2 if called wrongly.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "archive/pack.h"
#include "archive/unpack.h"
#include "base/tree.h"

static bool number(const char *text, uint64_t *value) {
  char *end;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return errno == 0 && text[0] >= '0' && text[0] <= '9' && *end == '\0';
}

int main(int argc, char **argv) {
  const char *order = argc > 2 ? argv[1] : "";
  kv_archive_limits limits;
  kv_error error;
  bool limited = argc == 5 && number(argv[3], &limits.bytes) && number(argv[4], &limits.entries);
  int status;
  signal(SIGPIPE, SIG_IGN);
  setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); /* it would hold what was copied */
  if (limited && strcmp(order, "pack") == 0) {
    status = kv_pack(argv[2], 1, &limits, &error);
  } else if (limited && strcmp(order, "unpack") == 0) {
    status = kv_unpack(0, argv[2], &limits, &error);
  } else if (argc == 3 && strcmp(order, "remove") == 0) {
    status = kv_tree_remove(argv[2]);
    if (status < 0) kv_fail_errno(&error, errno, "%s", argv[2]);
  } else {
    fputs("usage: archive pack|unpack DIR BYTES ENTRIES, or archive remove DIR\n", stderr);
    return 2;
  }
  if (status < 0) fprintf(stderr, "%s\n", error.message);
  return status < 0 ? 1 : 0;
}
