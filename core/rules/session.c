#include "rules/session.h"

#include <string.h>

static void reply_error(const kv_error *error, kv_blob *reply) {
  kv_blob_open in = kv_blob_begin(reply, 'o');
  kv_blob_name(reply, &in, "error");
  kv_blob_put_text(reply, error->message);
  kv_blob_name(reply, &in, "kind");
  kv_blob_put_text(reply, error->kind);
  kv_blob_end(reply, &in);
}

/* ---- reading requests ---- */

static int lacking(const char *name, kv_error *error) {
  return kv_fail(error, "invalid_argument", "a request without a good '%s'", name);
}

/* The member of an object, if it is of that type; else NULL with *error. */
static const uint8_t *member(const uint8_t *object, const char *name, char tag, kv_error *error) {
  const uint8_t *node = *object == 'o' ? kv_blob_find(object, name, strlen(name)) : NULL;
  if (node && *node == (uint8_t)tag) return node;
  lacking(name, error);
  return NULL;
}

static bool is_text(const uint8_t *node, const char *text) {
  size_t size;
  const uint8_t *bytes = kv_blob_bytes(node, &size);
  return size == strlen(text) && memcmp(bytes, text, size) == 0;
}

/* A name, as a C string in `to`, and text of one { name, text }. */
static int read_file(const uint8_t *item, char to[KV_VM_NAME_MAX + 8], const char **text,
                     size_t *size, kv_error *error) {
  const uint8_t *name = member(item, "name", 's', error);
  const uint8_t *content = name ? member(item, "text", 's', error) : NULL;
  if (!content) return -1;
  size_t length;
  const uint8_t *bytes = kv_blob_bytes(name, &length);
  if (length == 0 || length >= KV_VM_NAME_MAX + 8 || memchr(bytes, '\0', length))
    return kv_fail(error, "invalid_argument", "the name of a file is longer than %d bytes",
                   KV_VM_NAME_MAX + 7);
  memcpy(to, bytes, length);
  to[length] = '\0';
  *text = (const char *)kv_blob_bytes(content, size);
  return 0;
}

static int read_limits(const uint8_t *request, kv_vm_limits *limits, kv_error *error) {
  const uint8_t *steps = member(request, "steps", 'i', error);
  const uint8_t *memory = steps ? member(request, "memory", 'i', error) : NULL;
  if (!memory) return -1;
  limits->steps = kv_blob_integer(steps);
  if (limits->steps < KV_VM_STEPS_LEAST || limits->steps > KV_VM_STEPS_MOST)
    return lacking("steps", error);
  int64_t bytes = kv_blob_integer(memory);
  if (bytes < KV_VM_MEMORY_LEAST || bytes > KV_VM_MEMORY_MOST) return lacking("memory", error);
  limits->memory = (size_t)bytes;
  const uint8_t *cover = kv_blob_find(request, "cover", strlen("cover"));
  limits->covers = cover && *cover == 't';
  return 0;
}

/* ---- load ---- */

typedef char file_name[KV_VM_NAME_MAX + 8];

static int add_data(kv_vm *vm, const uint8_t *list, kv_error *error) {
  uint32_t count = kv_blob_count(list);
  if (count > KV_SESSION_DATA_MAX)
    return kv_fail(error, "invalid_argument", "more than %d tables of data", KV_SESSION_DATA_MAX);
  for (uint32_t i = 0; i < count; i++) {
    file_name name;
    kv_vm_data data = {.name = name};
    if (read_file(kv_blob_item(list, i), name, &data.document, &data.size, error) < 0) return -1;
    if (kv_vm_add_data(vm, &data, error) < 0) return -1;
  }
  return 0;
}

static int load_files(kv_vm *vm, const uint8_t *list, kv_vm_need *need, kv_error *error) {
  uint32_t count = kv_blob_count(list);
  if (count == 0 || count > KV_SESSION_FILES_MAX)
    return kv_fail(error, "invalid_argument", "a policy has 1 to %d files", KV_SESSION_FILES_MAX);
  file_name names[KV_SESSION_FILES_MAX];
  kv_vm_source sources[KV_SESSION_FILES_MAX];
  for (uint32_t i = 0; i < count; i++) {
    kv_vm_source *s = &sources[i];
    if (read_file(kv_blob_item(list, i), names[i], &s->text, &s->size, error) < 0) return -1;
    s->name = names[i];
  }
  return kv_vm_load(vm, sources, count, need, error);
}

static int load(kv_session *s, const uint8_t *request, kv_vm_need *need, kv_error *error) {
  kv_vm_limits limits;
  kv_session_close(s);
  const uint8_t *files = member(request, "files", 'a', error);
  const uint8_t *data = files ? member(request, "data", 'a', error) : NULL;
  if (!data || read_limits(request, &limits, error) < 0) return -1;
  s->vm = kv_vm_open(&limits, error);
  if (!s->vm || add_data(s->vm, data, error) < 0) return -1;
  if (load_files(s->vm, files, need, error) < 0) return -1;
  s->loaded = true;
  return 0;
}

static void handle_load(kv_session *s, const uint8_t *request, kv_blob *reply) {
  kv_vm_need need = {0};
  kv_error error;
  int status = load(s, request, &need, &error);
  if (status < 0 && !need.name[0]) {
    reply_error(&error, reply);
    return;
  }
  kv_blob_open in = kv_blob_begin(reply, 'o');
  if (status < 0) {
    kv_blob_name(reply, &in, "by");
    kv_blob_put_text(reply, need.by);
    kv_blob_name(reply, &in, "need");
    kv_blob_put_text(reply, need.name);
  } else {
    kv_blob_name(reply, &in, "policy");
    kv_vm_describe(s->vm, reply);
  }
  kv_blob_end(reply, &in);
}

/* ---- evaluate ---- */

static int check_items(const kv_session *s, const uint8_t *items, kv_error *error) {
  if (!s->loaded) return kv_fail(error, "invalid_argument", "no policy is loaded");
  for (uint32_t i = 0; i < kv_blob_count(items); i++)
    if (*kv_blob_item(items, i) != 'o') return lacking("items", error);
  return 0;
}

static void handle_evaluate(kv_session *s, const uint8_t *request, kv_blob *reply) {
  kv_error error;
  const uint8_t *items = member(request, "items", 'a', &error);
  if (!items || check_items(s, items, &error) < 0) {
    reply_error(&error, reply);
    return;
  }
  kv_blob_open in = kv_blob_begin(reply, 'o');
  kv_blob_name(reply, &in, "results");
  kv_blob_open list = kv_blob_begin(reply, 'a');
  for (uint32_t i = 0; i < kv_blob_count(items); i++) {
    kv_blob_next(reply, &list);
    kv_vm_evaluate(s->vm, kv_blob_item(items, i), reply);
  }
  kv_blob_end(reply, &list);
  kv_blob_end(reply, &in);
}

/* ---- both ---- */

void kv_session_handle(kv_session *s, const uint8_t *request, size_t size, kv_blob *reply) {
  kv_error error;
  const uint8_t *op = NULL;
  if (kv_blob_check(request, size, &error) == 0) op = member(request, "op", 's', &error);
  if (op && is_text(op, "load")) {
    handle_load(s, request, reply);
  } else if (op && is_text(op, "evaluate")) {
    handle_evaluate(s, request, reply);
  } else {
    if (op) lacking("op", &error);
    reply_error(&error, reply);
  }
}

void kv_session_close(kv_session *s) {
  kv_vm_close(s->vm);
  *s = (kv_session){0};
}
