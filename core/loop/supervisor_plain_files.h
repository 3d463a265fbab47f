/*
 * A filter of system calls (seccomp) under which a process can give no file more rights than its
 * own: what a guest does in a folder that it may write, QEMU does on the host, perhaps as root.
 *
 * Refused are the bits that change whom a program runs as, in every call that makes a file or
 * changes its mode; other owners; and extended attributes, of which one gives a program
 * capabilities. The filter stays over exec, and for all that the process starts.
 */
#ifndef KV_LOOP_SUPERVISOR_PLAIN_FILES_H
#define KV_LOOP_SUPERVISOR_PLAIN_FILES_H

/* Takes the filter on. 0, or an errno. */
int kv_plain_files(void);

#endif
