#define _GNU_SOURCE
#include "prompt/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/private_file.h"
#include "prompt/history_file.h"
#include "prompt/text.h"

static void drop(kv_history *history, size_t index) {
  kv_entry gone = history->entries[index], *entry = &history->entries[index];
  memmove(entry, entry + 1, (history->count - index - 1) * sizeof *entry);
  history->count--;
  history->bytes -= gone.size;
  free(gone.text);
}

static bool append(kv_history *history, const char *text, size_t size) {
  if (history->count == history->room) {
    size_t room = history->room ? history->room * 2 : 64;
    kv_entry *entries = realloc(history->entries, room * sizeof *entries);
    if (entries == NULL) return false;
    history->entries = entries;
    history->room = room;
  }
  char *copy = malloc(size + 1);
  if (copy == NULL) return false;
  memcpy(copy, text, size);
  copy[size] = 0;
  history->entries[history->count++] = (kv_entry){copy, size};
  history->bytes += size;
  return true;
}

static bool too_much(const kv_history *history) {
  return history->count > KV_HISTORY_MOST || history->bytes > KV_HISTORY_BYTES_MOST;
}

/* An entry's line in the file, or the entry that a line is. */
static bool to_line(kv_bytes *line, const char *text, size_t size) {
  for (size_t i = 0; i < size; i++) {
    const char *as = text[i] == '\n' ? "\\n" : text[i] == '\\' ? "\\\\" : NULL;
    if (!kv_bytes_add(line, as ? as : text + i, as ? 2 : 1)) return false;
  }
  return kv_bytes_add(line, "\n", 1);
}

static bool from_line(kv_bytes *entry, const char *line, size_t size) {
  for (size_t at = 0; at < size;) {
    wchar_t c;
    size_t taken = kv_utf8_get(line + at, size - at, &c);
    bool invalid = c == KV_REPLACEMENT && taken == 1;
    if (invalid || (c < ' ' && c != '\t') || c == 127) return false;
    char put[KV_UTF8_MOST];
    memcpy(put, line + at, taken);
    at += taken;
    if (c == '\\') {
      if (at == size || (line[at] != 'n' && line[at] != '\\')) return false;
      put[0] = line[at++] == 'n' ? '\n' : '\\';
    }
    if (!kv_bytes_add(entry, put, taken)) return false;
  }
  return entry->size > 0 && entry->size <= KV_HISTORY_ENTRY_MOST;
}

/* In the order of their texts; of the same, in that of the list. */
static int by_text(const void *a, const void *b) {
  const kv_entry *one = *(const kv_entry *const *)a, *other = *(const kv_entry *const *)b;
  int order = strcmp(one->text, other->text);
  return order ? order : (one > other) - (one < other);
}

/* Of each text, the last is left. */
static void drop_repeated(kv_history *history) {
  kv_entry **sorted = malloc((history->count + 1) * sizeof *sorted);
  if (sorted == NULL) return;
  for (size_t i = 0; i < history->count; i++) sorted[i] = &history->entries[i];
  qsort(sorted, history->count, sizeof *sorted, by_text);
  for (size_t i = 0; i + 1 < history->count; i++) {
    if (strcmp(sorted[i]->text, sorted[i + 1]->text) != 0) continue;
    history->bytes -= sorted[i]->size;
    sorted[i]->size = 0;
  }
  free(sorted);
  size_t kept = 0;
  for (size_t i = 0; i < history->count; i++) {
    if (history->entries[i].size == 0)
      free(history->entries[i].text);
    else
      history->entries[kept++] = history->entries[i];
  }
  history->count = kept;
}

/* The last ones, as many as may be. */
static void shorten(kv_history *history) {
  size_t first = 0, bytes = history->bytes;
  if (!too_much(history)) return;
  while (history->count - first > KV_HISTORY_MOST || bytes > KV_HISTORY_BYTES_MOST)
    bytes -= history->entries[first++].size;
  for (size_t i = 0; i < first; i++) free(history->entries[i].text);
  history->count -= first;
  history->bytes = bytes;
  memmove(history->entries, history->entries + first, history->count * sizeof(kv_entry));
}

static void read_lines(kv_history *history, const kv_bytes *all, size_t *lines, size_t *wrong) {
  const char *at = kv_bytes_begin(all), *end = at + all->size;
  kv_bytes entry = {0};
  for (*lines = *wrong = 0; at < end; (*lines)++) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    const char *to = newline ? newline : end;
    entry.from = entry.size = 0;
    if (from_line(&entry, at, (size_t)(to - at)))
      append(history, entry.at, entry.size);
    else
      ++*wrong;
    at = to + 1;
  }
  kv_bytes_free(&entry);
}

static int write_all(const kv_history *history, kv_error *warning) {
  kv_bytes all = {0};
  for (size_t i = 0; i < history->count; i++)
    to_line(&all, history->entries[i].text, history->entries[i].size);
  int status = kv_private_file_write(history->path, kv_bytes_begin(&all), all.size, warning);
  kv_bytes_free(&all);
  return status;
}

int kv_history_open(kv_history *history, const char *path, kv_error *warning) {
  *history = (kv_history){0};
  if (path == NULL) return 0;
  kv_bytes all = {0};
  kv_history_file file;
  int status = kv_history_file_open(&file, path, true, warning);
  if (status == 0) status = kv_history_file_read(&file, &all, warning);
  if (status == 0) history->path = strdup(path);
  size_t lines, wrong;
  read_lines(history, &all, &lines, &wrong);
  drop_repeated(history);
  bool much = too_much(history) || lines > 2 * (size_t)KV_HISTORY_MOST || file.cut;
  shorten(history);
  if (status == 0 && much) status = write_all(history, warning);
  kv_history_file_close(&file);
  kv_bytes_free(&all);
  if (status == 0 && wrong > 0)
    return kv_fail(warning, "io", "%zu lines of %s are no entries, and are left out", wrong, path);
  return status;
}

/* What read_lines() would leave out. */
static bool has_controls(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (((unsigned char)text[i] < ' ' && text[i] != '\n' && text[i] != '\t') || text[i] == 127)
      return true;
  return false;
}

static void write_one(const kv_history *history, const char *text, size_t size) {
  kv_bytes line = {0};
  kv_history_file file;
  if (to_line(&line, text, size) && kv_history_file_open(&file, history->path, false, NULL) == 0) {
    kv_history_file_append(&file, line.at, line.size);
    kv_history_file_close(&file);
  }
  kv_bytes_free(&line);
}

void kv_history_add(kv_history *history, const char *text, size_t size) {
  if (size == 0 || text[0] == ' ' || size > KV_HISTORY_ENTRY_MOST || memchr(text, 0, size)) return;
  for (size_t i = history->count; i-- > 0;)
    if (history->entries[i].size == size && memcmp(history->entries[i].text, text, size) == 0)
      drop(history, i);
  append(history, text, size);
  shorten(history);
  if (history->path && !has_controls(text, size)) write_one(history, text, size);
}

void kv_history_free(kv_history *history) {
  for (size_t i = 0; i < history->count; i++) free(history->entries[i].text);
  free(history->entries);
  free(history->path);
  *history = (kv_history){0};
}
