#include "http/fetch.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

/* Room for the reason in words. */
typedef struct kv_attempt {
  CURL *easy;
  char reason[CURL_ERROR_SIZE];
} kv_attempt;

static bool grow(kv_fetch *fetch, size_t needed) {
  enum { FIRST_ROOM = 4096 };
  size_t room = fetch->room ? fetch->room : FIRST_ROOM;
  while (room < needed) room *= 2;
  if (room == fetch->room) return true;
  char *larger = realloc(fetch->body, room);
  if (!larger) return false;
  fetch->body = larger;
  fetch->room = room;
  return true;
}

/* Taking fewer bytes than there are ends the transfer. */
static size_t take_body(char *bytes, size_t one, size_t count, void *arg) {
  kv_fetch *fetch = arg;
  size_t size = one * count;
  if (size > fetch->size_max - fetch->size) {
    fetch->too_large = true;
    return 0;
  }
  if (!grow(fetch, fetch->size + size)) return 0;
  if (size > 0) memcpy(fetch->body + fetch->size, bytes, size);
  fetch->size += size;
  return size;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
  (void)a, (void)b, (void)c, (void)d;
  kv_fetch *fetch = arg;
  return atomic_load(&fetch->cancelled);
}

static bool is_https(const char *url) { return strncmp(url, "https:", sizeof "https:" - 1) == 0; }

static bool set_up(kv_fetch *fetch, kv_attempt *attempt) {
  CURL *c = attempt->easy;
  const char *first = fetch->plain_http ? "http,https" : "https";
  const char *later = is_https(fetch->url) ? "https" : first;
  return curl_easy_setopt(c, CURLOPT_ERRORBUFFER, attempt->reason) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_URL, fetch->url) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, first) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, later) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, fetch->redirects > 0 ? 1L : 0L) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_MAXREDIRS, fetch->redirects) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, fetch->timeout_ms) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK && /* there are other threads */
         curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_USERAGENT, "kavach/" KAVACH_VERSION) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)fetch->size_max) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_WRITEDATA, fetch) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_XFERINFODATA, fetch) == CURLE_OK &&
         curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
}

static int explain(kv_fetch *fetch, CURLcode code, const char *reason, kv_error *error) {
  if (fetch->too_large || code == CURLE_FILESIZE_EXCEEDED) {
    fetch->too_large = true;
    return kv_fail(error, "io", "the answer has more than %zu bytes", fetch->size_max);
  }
  if (!*reason) reason = curl_easy_strerror(code);
  switch (code) {
  case CURLE_OPERATION_TIMEDOUT:
    return kv_fail(error, "timeout", "%.300s", reason);
  case CURLE_ABORTED_BY_CALLBACK:
    return kv_fail(error, "cancelled", "cancelled");
  case CURLE_URL_MALFORMAT:
    return kv_fail(error, "invalid_argument", "%.300s", reason);
  default:
    return kv_fail(error, "io", "%.300s", reason);
  }
}

/* libcurl's own error for it is also that for an answer in a version of HTTP that is not taken. */
static int check_scheme(const kv_fetch *fetch, kv_error *error) {
  if (is_https(fetch->url)) return 0;
  if (fetch->plain_http && strncmp(fetch->url, "http:", sizeof "http:" - 1) == 0) return 0;
  return kv_fail(error, "invalid_argument", "the URL does not begin with https:%s",
                 fetch->plain_http ? " or http:" : "");
}

int kv_fetch_run(kv_fetch *fetch, kv_error *error) {
  if (check_scheme(fetch, error) < 0) return -1;
  kv_attempt attempt = {.easy = curl_easy_init()};
  if (!attempt.easy) return kv_fail(error, "io", "libcurl cannot start");
  int status = 0;
  if (!set_up(fetch, &attempt)) {
    status = kv_fail(error, "io", "libcurl does not take an option: %.200s", attempt.reason);
  } else {
    CURLcode code = curl_easy_perform(attempt.easy);
    curl_off_t after = 0;
    if (code != CURLE_OK) {
      status = explain(fetch, code, attempt.reason, error);
    } else if (curl_easy_getinfo(attempt.easy, CURLINFO_RESPONSE_CODE, &fetch->status) !=
                   CURLE_OK ||
               curl_easy_getinfo(attempt.easy, CURLINFO_RETRY_AFTER, &after) != CURLE_OK) {
      status = kv_fail(error, "io", "libcurl does not tell the status");
    }
    fetch->retry_after_s = after > 0 ? after : 0;
  }
  curl_easy_cleanup(attempt.easy);
  return status;
}

void kv_fetch_free(kv_fetch *fetch) {
  free(fetch->url);
  free(fetch->body);
  fetch->url = fetch->body = NULL;
}
