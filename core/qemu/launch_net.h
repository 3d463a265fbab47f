/*
 * The part of QEMU's command line that gives the guest a network: user-mode networking, with a
 * packet filter of the host's in its way.
 *
 * Each frame that the guest sends goes out on one socket, and only what comes back on another one
 * goes on to the network. Whoever listens on them decides. If they are closed, QEMU drops the
 * frames. A third one is for frames to the guest that answer what does not go on.
 */
#ifndef KV_QEMU_LAUNCH_NET_H
#define KV_QEMU_LAUNCH_NET_H

#include "base/error.h"
#include "qemu/argv.h"

typedef struct kv_network {
  const char *mac;     /* of the guest's device: "52:54:00:6b:76:01" */
  const char *block;   /* the network that it is in, IPv4: "10.0.2.0/24" */
  const char *host;    /* the host's loopback, as the guest sees it */
  const char *dns;     /* the name server, as the guest sees it */
  const char *outward; /* unix socket that takes what the guest sends */
  const char *inward;  /* unix socket from which what may go on comes back */
  const char *back;    /* unix socket from which frames for the guest come */
} kv_network;

/* What QEMU calls the device, without the ending for its bus. */
#define KV_NETWORK_DEVICE "virtio-net"

enum { KV_NETWORK_OPTIONS_ROOM = 64 };

/* Writes the options of the guest's device, from the comma before the first. Returns 0, or -1 and
 * *error (`invalid_argument`) if the MAC address is none. */
int kv_network_options(const kv_network *network, char options[KV_NETWORK_OPTIONS_ROOM],
                       kv_error *error);

/* Adds all but the device. */
void kv_network_words(kv_words *words, const kv_network *network);

#endif
