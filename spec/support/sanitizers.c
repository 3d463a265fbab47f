/*
 * What the sanitizers are told in every process of a build that has them, whatever environment it
 * is given: to write reports to files, since standard error may be anyone's.
 */
#define PUBLIC __attribute__((visibility("default"))) /* their runtime must find it */

PUBLIC const char *__asan_default_options(void);
PUBLIC const char *__ubsan_default_options(void);

const char *__asan_default_options(void) { return "log_path=" KAVACH_REPORTS "/address"; }

const char *__ubsan_default_options(void) {
  return "print_stacktrace=1:log_path=" KAVACH_REPORTS "/undefined";
}
