/*
 * Small text files of the guest's system: /etc/resolv.conf and the like. The root that they are in
 * may be anybody's, so nothing that stands in a file's place holds up the agent.
 */
#ifndef KV_GUEST_TEXT_FILE_H
#define KV_GUEST_TEXT_FILE_H

/* Writes a text to a file that is there, or is made with mode 0644; `flags` are more of open(2)'s.
 * Gives back 0 or an errno: EINVAL for what is no regular file. */
int kv_text_write(const char *path, int flags, const char *text);

/* Puts a file of that text in the place of whatever is at the path, a link to nowhere too, by a
 * rename: it is replaced whole or not at all. Gives back 0 or an errno. */
int kv_text_replace(const char *path, const char *text);

#endif
