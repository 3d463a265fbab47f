/*
 * Who a command runs as, by the guest's /etc/passwd and /etc/group.
 */
#ifndef KV_GUEST_USER_H
#define KV_GUEST_USER_H

#include <stddef.h>
#include <sys/types.h>

#define KV_USER_GROUPS 64

struct kv_user {
  uid_t uid;
  gid_t gid;
  gid_t groups[KV_USER_GROUPS]; /* supplementary ones, gid included */
  size_t group_count;
  char home[256];
};

/*
 * Finds the user that a string names: "" (root, without looking), "name", "uid", or either with
 * ":group" (a name or a number) behind it. A name must stand in the file; a number need not: it
 * then runs with the group of the same number and the home "/". Supplementary groups are those
 * that /etc/group gives to the name, unless a group was named: then that one alone.
 * Returns 0, or EINVAL with the reason in why[0..size), always terminated.
 */
int kv_user_find(const char *name, struct kv_user *user, char *why, size_t size);

#endif
