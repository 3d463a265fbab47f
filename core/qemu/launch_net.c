#include "qemu/launch_net.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { MAC_LENGTH = 17 };

static bool is_mac(const char *text) {
  if (strlen(text) != MAC_LENGTH) return false;
  for (size_t i = 0; i < MAC_LENGTH; i++) {
    bool right = i % 3 == 2 ? text[i] == ':' : strchr("0123456789abcdef", text[i]) != NULL;
    if (!right) return false;
  }
  return true;
}

int kv_network_options(const kv_network *network, char options[KV_NETWORK_OPTIONS_ROOM],
                       kv_error *error) {
  if (!is_mac(network->mac))
    return kv_fail(error, "invalid_argument",
                   "network.mac must be six bytes like 52:54:00:6b:76:01, got '%.32s'",
                   network->mac);
  /* romfile: nobody boots from the network, so there is no program in the guest that could. */
  snprintf(options, KV_NETWORK_OPTIONS_ROOM, ",netdev=net0,mac=%s,romfile=", network->mac);
  return 0;
}

static void add_pair(kv_words *words, const char *key, const char *value) {
  kv_words_text(words, key);
  kv_words_value(words, value);
}

static void add_socket(kv_words *words, const char *id, const char *path) {
  kv_words_add(words, "-chardev");
  kv_words_text(words, "socket,id=");
  kv_words_text(words, id);
  add_pair(words, ",path=", path);
  kv_words_text(words, ",server=off");
  kv_words_end(words);
}

void kv_network_words(kv_words *words, const kv_network *network) {
  kv_words_add(words, "-netdev");
  add_pair(words, "user,id=net0,ipv6=off,net=", network->block);
  add_pair(words, ",host=", network->host);
  add_pair(words, ",dns=", network->dns);
  kv_words_end(words);
  add_socket(words, "net-out", network->outward);
  add_socket(words, "net-in", network->inward);
  add_socket(words, "net-back", network->back);
  /* queue=rx: what the user-mode network receives, which is what the guest sends. User-mode
   * networking has no virtio-net headers, so the device offers the guest no offloads, and each
   * frame is a packet as it is on the wire. */
  kv_words_add(words, "-object");
  kv_words_add(words,
               "filter-redirector,id=netfilter,netdev=net0,queue=rx,outdev=net-out,indev=net-in");
  /* queue=tx: what the user-mode network sends; without an outdev that passes unchanged. */
  kv_words_add(words, "-object");
  kv_words_add(words, "filter-redirector,id=netanswers,netdev=net0,queue=tx,indev=net-back");
}
