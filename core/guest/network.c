/* The guest's network: an interface with fixed addresses, and files with names in /etc. */
#define _GNU_SOURCE
#include "network.h"
#include "agent.h"
#include "boot.h"
#include "text_file.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define INTERFACES "/sys/class/net"

bool kv_network_parse(const struct kv_frame *frame, struct kv_network_request *request) {
  struct kv_fields fields = kv_fields_of(frame);
  request->address = kv_take_u32(&fields);
  request->bits = kv_take_u32(&fields);
  request->gateway = kv_take_u32(&fields);
  request->dns = kv_take_u32(&fields);
  request->hosts = kv_take_string(&fields);
  return kv_fields_end(&fields) && request->address != 0 && request->bits >= 1 &&
         request->bits <= 31 && request->gateway != 0;
}

/* ---- the interface -----------------------------------------------------------------------------
 */

/* The first interface that is a device, which lo and other virtual ones are not. */
static int find_interface(char name[IFNAMSIZ]) {
  DIR *interfaces = opendir(INTERFACES);
  bool found = false;
  for (struct dirent *entry; interfaces && !found && (entry = readdir(interfaces)) != NULL;) {
    char path[320];
    snprintf(path, sizeof path, INTERFACES "/%s/device", entry->d_name);
    found = strlen(entry->d_name) < IFNAMSIZ && access(path, F_OK) == 0;
    if (found) strcpy(name, entry->d_name);
  }
  if (interfaces != NULL) closedir(interfaces);
  return found ? 0 : ENODEV;
}

static struct sockaddr internet(uint32_t address) {
  struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(address)};
  struct sockaddr to;
  memcpy(&to, &from, sizeof to);
  return to;
}

/* Without this the kernel sends packets of IPv6 as well, which nobody takes. */
static void no_ipv6(const char *name) {
  char path[64 + IFNAMSIZ];
  snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return; /* a kernel without IPv6 */
  if (write(fd, "1", 1) != 1) dprintf(2, "kavach agent: %s: %s\n", path, strerror(errno));
  close(fd);
}

static int configure(int fd, const char *name, const struct kv_network_request *request) {
  struct ifreq set = {.ifr_addr = internet(request->address)};
  struct rtentry route = {.rt_dst = internet(0),
                          .rt_genmask = internet(0),
                          .rt_gateway = internet(request->gateway),
                          .rt_flags = RTF_UP | RTF_GATEWAY};
  strcpy(set.ifr_name, name);
  if (ioctl(fd, SIOCSIFADDR, &set) != 0) return errno;
  set.ifr_netmask = internet(0xffffffffu << (32 - request->bits));
  if (ioctl(fd, SIOCSIFNETMASK, &set) != 0) return errno;
  if (ioctl(fd, SIOCGIFFLAGS, &set) != 0) return errno;
  set.ifr_flags = (short)(set.ifr_flags | IFF_UP);
  if (ioctl(fd, SIOCSIFFLAGS, &set) != 0) return errno;
  return ioctl(fd, SIOCADDRT, &route) == 0 ? 0 : errno;
}

static int bring_up(int initramfs, const struct kv_network_request *request) {
  char name[IFNAMSIZ];
  kv_boot_modules(initramfs, "net");
  int failed = find_interface(name);
  if (failed != 0) return failed;
  no_ipv6(name);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  failed = configure(fd, name, request);
  close(fd);
  return failed;
}

/* ---- the names ---------------------------------------------------------------------------------
 */

static int write_resolver(uint32_t dns) {
  char text[32] = "";
  if (dns != 0)
    snprintf(text, sizeof text, "nameserver %u.%u.%u.%u\n", dns >> 24, dns >> 16 & 255,
             dns >> 8 & 255, dns & 255);
  return kv_text_replace("/etc/resolv.conf", text);
}

void kv_network(struct kv_agent *agent, uint32_t id, const struct kv_network_request *request) {
  const char *what = "the network interface";
  /* On a test's socket this would be the machine's own. */
  int failed = agent->is_init ? bring_up(agent->initramfs, request) : EPERM;
  if (failed == 0) {
    what = "/etc/resolv.conf";
    if (mkdir("/etc", 0755) != 0 && errno != EEXIST) failed = errno;
    if (failed == 0) failed = write_resolver(request->dns);
  }
  if (failed == 0 && request->hosts[0] != '\0') {
    what = "/etc/hosts";
    failed = kv_text_write(what, O_APPEND, request->hosts);
  }
  agent->set_up.failed |= failed != 0;
  if (failed == 0)
    kv_send_done(agent, id, 0, 0);
  else
    kv_send_failed(agent, id, failed, what);
}
