/*
 * One HTTP GET by libcurl, on another thread than the loop's: bounded in time, size and redirects.
 * Proxies are taken from the environment (https_proxy, no_proxy …), as libcurl does.
 */
#ifndef KV_HTTP_FETCH_H
#define KV_HTTP_FETCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct kv_fetch {
  /* What is asked for. */
  char *url;
  long timeout_ms;       /* for all of it, redirects included; above 0 */
  size_t size_max;       /* of the body */
  long redirects;        /* that are followed, at the most */
  bool plain_http;       /* http:// is allowed, too; and never in a redirect from https:// */
  atomic_bool cancelled; /* may be set by another thread while it runs */
  /* What came. */
  char *body; /* owned, as the URL is */
  size_t size, room;
  long status;             /* of HTTP */
  long long retry_after_s; /* Retry-After, seconds or a date; 0: none */
  bool too_large;
} kv_fetch;

/* Fetches. Any answer of a server is success, whatever its status is. Returns 0, or -1 and *error:
 * `timeout`, `cancelled`, `invalid_argument` (the URL) or `io`. */
int kv_fetch_run(kv_fetch *fetch, kv_error *error);

void kv_fetch_free(kv_fetch *fetch);

#endif
