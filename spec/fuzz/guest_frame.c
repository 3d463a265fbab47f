/*
 * Fuzzes the agent's decoding of the wire: the input is what a host sends, whole.
 * Each frame that decodes is parsed as the request that its type makes it, and what a parser
 * accepts is read to its last byte, as the agent would.
 */
#include "guest/environment.h"
#include "guest/frame.h"
#include "guest/identity.h"
#include "guest/limits.h"
#include "guest/measured.h"
#include "guest/network.h"
#include "guest/request.h"
#include "guest/root.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
  if (!holds) abort();
}

static void use_exec(const struct kv_frame *frame) {
  struct kv_exec_request request;
  if (!kv_exec_parse(frame, &request)) return;
  struct kv_user user = {.home = "/root"};
  struct kv_words words;
  check(request.argc > 0);
  if (kv_words_of(&words, &request, &user) != 0) return;
  size_t arguments = 0, assignments = 0;
  for (const char **at = words.argv; *at != NULL; at++)
    arguments += strlen(*at) < frame->length + sizeof "sh";
  for (const char **at = words.envp; *at != NULL; at++) assignments += strchr(*at, '=') != NULL;
  bool shell = (request.flags & KV_WIRE_SHELL) != 0;
  check(arguments == request.argc + (shell ? 2u : 0u));
  check(assignments >= request.envc && assignments <= request.envc + 3u);
  check(words.search != NULL && words.program != NULL);
  kv_words_free(&words);
  /* A guest for which this was measured runs it, but never the agent's own tools; and one for which
   * less was does not. */
  struct kv_measured measured = {.there = true, .request = request};
  measured.size = (size_t)(frame->payload + frame->length - (const uint8_t *)request.strings);
  check(!kv_measured_allows(&measured, frame));
  measured.sound = true;
  measured.request.flags &= KV_WIRE_SHELL;
  check(kv_measured_allows(&measured, frame) == ((request.flags & KV_WIRE_TOOL) == 0));
  measured.size--;
  check(!kv_measured_allows(&measured, frame));
}

static void use_other(const struct kv_frame *frame) {
  const struct kv_measured measured = {.there = true, .sound = true};
  bool file = frame->type == KV_WIRE_PUT || frame->type == KV_WIRE_MOUNT;
  check(!file || !kv_measured_allows(&measured, frame));
  struct kv_put_request put;
  struct kv_get_request get;
  struct kv_mount_request mount;
  struct kv_network_request network;
  if (frame->type == KV_WIRE_PUT && kv_put_parse(frame, &put))
    check(put.mode <= 07777 && strlen(put.path) == frame->length - 5);
  if (frame->type == KV_WIRE_GET && kv_get_parse(frame, &get))
    check(strlen(get.path) == frame->length - 5);
  if (frame->type == KV_WIRE_MOUNT && kv_mount_parse(frame, &mount))
    check(strlen(mount.tag) + strlen(mount.target) == frame->length - 6);
  if (frame->type == KV_WIRE_NETWORK && kv_network_parse(frame, &network))
    check(network.bits - 1 < 31 && strlen(network.hosts) == frame->length - 17);
}

static void use_set_up(const struct kv_frame *frame) {
  struct kv_identity_request identity;
  struct kv_limits_request limits;
  struct kv_root_request root;
  if (frame->type == KV_WIRE_IDENTITY && kv_identity_parse(frame, &identity)) {
    size_t name = strlen(identity.host_name);
    check(name > 0 && name <= KV_WIRE_HOST_NAME_MOST);
    check(strlen(identity.machine_id) == KV_WIRE_MACHINE_ID);
    check(8 + KV_WIRE_ENTROPY + KV_WIRE_MACHINE_ID + 1 + name + 1 == frame->length);
    check(identity.entropy == frame->payload + 8);
    const struct kv_measured measured = {.there = true, .sound = true};
    check(!kv_measured_allows(&measured, frame));
  }
  if (frame->type == KV_WIRE_LIMITS && kv_limits_parse(frame, &limits))
    check(limits.flags != 0 && limits.flags < 8 && frame->length == 12);
  if (frame->type == KV_WIRE_ROOT && kv_root_parse(frame, &root)) {
    check(root.kind <= KV_WIRE_ROOT_DISK);
    check(strlen(root.source) + strlen(root.scratch) == frame->length - 6);
    check((root.kind == KV_WIRE_ROOT_OWN) == (root.source[0] == '\0'));
    const struct kv_measured measured = {.there = true, .sound = true};
    bool own = root.source[0] == '\0' && root.scratch[0] == '\0';
    check(kv_measured_allows(&measured, frame) == own);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  while (size > 0) {
    /* A copy of exactly what is there, so that reading beyond it is seen. */
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) return 0;
    memcpy(bytes, data, size);
    struct kv_frame frame;
    long whole = kv_frame_decode(bytes, size, &frame);
    check(whole <= (long)size);
    if (whole > 0 && frame.type == KV_WIRE_EXEC)
      use_exec(&frame);
    else if (whole > 0)
      use_other(&frame);
    if (whole > 0) use_set_up(&frame);
    free(bytes);
    if (whole <= 0) return 0;
    data += whole;
    size -= (size_t)whole;
  }
  return 0;
}
