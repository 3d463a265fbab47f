/*
 * Removing a directory with all that is in it.
 */
#ifndef KV_BASE_TREE_H
#define KV_BASE_TREE_H

/* Removes PATH and everything below it. Follows no symbolic link and crosses into no mounted file
 * system. Goes on past what it cannot remove. Returns 0, or -1 with errno if something is left;
 * a PATH that does not exist is success. */
int kv_tree_remove(const char *path);

#endif
