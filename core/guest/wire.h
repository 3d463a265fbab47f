/*
 * The wire between the host and the agent: frames over one virtio-serial port.
 *
 * A frame is a 12-byte header and a payload; every integer is little-endian.
 *
 *   offset  size  field
 *        0     4  length    bytes of payload
 *        4     4  channel   0: the connection; else a number that the host chose for one request
 *        8     1  type      enum kv_wire_type
 *        9     3  zero
 *
 * The host opens with HELLO and may send requests right behind it, without waiting: the agent
 * answers WELCOME first, at once, and the host answers that with CLOCK, ahead of all that it has
 * not sent yet: the machine's own clock starts up to a second late, since what it reads at boot has
 * whole seconds. Nobody waits for CLOCK, so a command that was asked for before WELCOME may have
 * started when it comes, a round trip later. On a busy machine it may be old when it comes: a PING
 * behind it shows that, and the host sends another. Requests on different channels run side by
 * side. A channel starts with EXEC, PUT, GET, MOUNT, ROOT, LIMITS, NETWORK or IDENTITY, and ends
 * with the agent's EXIT, DONE or FAILED: the last frame on it. Frames for a channel that has ended
 * are dropped (they crossed with its end).
 *
 * IDENTITY, ROOT and LIMITS come before the first EXEC, PUT or GET, once each, IDENTITY first of
 * all, LIMITS behind all else that sets the guest up: it closes what they need open. Where one of
 * them has failed, the agent starts nothing any more (FAILED, ECANCELED): a command must not run
 * with less than was asked for.
 *
 * SAVE, ahead of HELLO, has the agent complete the boot and give back what memory it can. From its
 * DONE on the guest can be saved, any time until HELLO; whoever speaks to it then, here or in a
 * copy of it, begins with HELLO as if it had just booted, and IDENTITY is needed ahead of all else
 * that sets up or runs anything (FAILED, ECANCELED).
 *
 * Flow control is by credit, for each stream of a channel apart: a sender sends at most as many
 * payload bytes of a stream as it was given. EXEC and GET carry the host's first credits for what
 * it receives; the agent gives a window (KV_WIRE_STDIN_WINDOW, KV_WIRE_PUT_WINDOW) for STDIN at the
 * start of EXEC and PUT without saying so, and more in steps of a quarter of it at least. CREDIT
 * adds to a stream's credit. So neither end ever holds more than a window. CREDIT of 0 bytes for
 * stream 0 says, once, that the command has closed its standard input: what still comes is dropped
 * and earns no credit.
 *
 * A frame that breaks these rules (too long, a type or an encoding not known, credit overrun, a
 * request on a channel in use, STDIN behind its end, anything but SAVE before HELLO, a second one)
 * cannot be recovered from: the agent ends every command, sends FAILED on channel 0, and powers
 * off. It never crashes on it. To a HELLO of another version it answers WELCOME with its own,
 * then the same. A host that closes the port powers the guest off.
 */
#ifndef KV_GUEST_WIRE_H
#define KV_GUEST_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define KV_WIRE_VERSION 3u
#define KV_WIRE_PORT "org.kavach.agent"
#define KV_WIRE_HEADER 12u
#define KV_WIRE_MAX (1024u * 1024u)         /* payload of any frame */
#define KV_WIRE_DATA_MAX (64u * 1024u)      /* payload of STDIN */
#define KV_WIRE_OUTPUT_MAX (256u * 1024u)   /* payload of STDOUT, STDERR */
#define KV_WIRE_STDIN_WINDOW (128u * 1024u) /* of EXEC */
#define KV_WIRE_ENTROPY 64u                 /* bytes of IDENTITY */
#define KV_WIRE_MACHINE_ID 32u              /* digits: machine-id(5) */
#define KV_WIRE_HOST_NAME_MOST 63u          /* Linux has room for 64 (__NEW_UTS_LEN) */
#define KV_WIRE_PUT_WINDOW (1024u * 1024u)  /* a file takes what comes: nothing is held of it */

enum kv_wire_type {
  /* host to agent */
  KV_WIRE_HELLO = 1,     /* u32 version */
  KV_WIRE_EXEC = 2,      /* see below */
  KV_WIRE_STDIN = 3,     /* bytes for EXEC's standard input or PUT's file; empty: end of file */
  KV_WIRE_CREDIT = 4,    /* u32 stream (1 stdout, 2 stderr), u32 bytes; both directions (0 stdin) */
  KV_WIRE_SIGNAL = 5,    /* u32 signal number, to the command's process group */
  KV_WIRE_RESIZE = 6,    /* u16 rows, u16 columns of a pty */
  KV_WIRE_KILL = 7,      /* SIGKILL to all that the command started; EXIT follows. If it has exited
                          * but its output still waits for credit: drops that. PUT, GET: ends it
                          * with FAILED, ECANCELED */
  KV_WIRE_PUT = 8,       /* u32 mode, string path; the bytes come as STDIN; DONE or FAILED. Written
                          * beside the path, then renamed: it is replaced whole or not at all */
  KV_WIRE_GET = 9,       /* u32 credit, string path; STDOUT frames, then DONE or FAILED */
  KV_WIRE_MOUNT = 10,    /* u32 flags (1: read-only), string tag, string target; 9p over virtio */
  KV_WIRE_PING = 11,     /* any payload up to 64 bytes; PONG echoes it */
  KV_WIRE_POWEROFF = 12, /* sync, kill all, power off */
  KV_WIRE_CLOCK = 13,  /* u64 nanoseconds since 1970 (UTC) as it is sent: the guest's clock moves on
                        * to it, and never back. No answer. At any time; what is no time that
                        * can be set is passed over, with a line on the console */
  KV_WIRE_LIMITS = 14, /* see below; DONE or FAILED */
  KV_WIRE_ROOT = 15,   /* see below; DONE or FAILED */
  KV_WIRE_NETWORK = 16,  /* see below; DONE or FAILED */
  KV_WIRE_SAVE = 17,     /* no payload; DONE or FAILED */
  KV_WIRE_IDENTITY = 18, /* see below; DONE or FAILED */

  /* agent to host */
  KV_WIRE_WELCOME = 64, /* u32 version, u32 zero, string kernel release, string agent version */
  KV_WIRE_STARTED = 65, /* u32 pid */
  KV_WIRE_STDOUT = 66,  /* bytes, never empty */
  KV_WIRE_STDERR = 67,  /* bytes, never empty */
  KV_WIRE_EXIT = 68,    /* struct kv_wire_exit: after the last byte of stdout and stderr */
  KV_WIRE_FAILED = 69,  /* u32 errno, string what: the request could not be done */
  KV_WIRE_DONE = 70,    /* u32 mode, u64 bytes: what is no command is finished */
  KV_WIRE_PONG = 71
};

/*
 * EXEC's payload. A string is its bytes and a NUL.
 *
 *   u32 flags, u32 stdout credit, u32 stderr credit, u16 rows, u16 columns, u32 argc, u32 envc,
 *   string working directory (empty: /), string user (empty: root; "name", "uid", either with
 *   ":group"), argc strings (argc > 0), envc strings "NAME=value"
 *
 * With KV_WIRE_SHELL argc is 1 and the command runs as /bin/sh -c ARG. With KV_WIRE_PTY standard
 * input, output and error are one terminal of that size, and all output comes as STDOUT.
 * Without KV_WIRE_WANT_STDIN standard input is /dev/null.
 * With KV_WIRE_TOOL, which excludes KV_WIRE_SHELL, argv[0] names an applet of the agent's own
 * busybox, which runs whatever is or is not in the root of the commands ("tar", "mkdir").
 * PATH and HOME are supplied if absent, and with a pty TERM=linux; nothing else is.
 * FAILED's errno is execve's for a program that cannot be run (ENOENT, EACCES, ENOEXEC, E2BIG), and
 * then what is the program's name (argv[0] or /bin/sh) and nothing else. Otherwise what is a text:
 * "working directory DIR", "user NAME: ...", "group NAME: ..." (EINVAL), "too many commands at
 * once" (EAGAIN: more than 256 channels).
 *
 * A guest whose initramfs has the file /etc/kavach/command, with a payload of EXEC in it (credits,
 * rows and columns 0, no flag but KV_WIRE_SHELL), runs just that: EXEC that differs in more than
 * credits, size, KV_WIRE_WANT_STDIN and KV_WIRE_PTY is answered by FAILED with EPERM, as is
 * whatever could put other programs in its way (PUT, MOUNT, ROOT of a share or a disk).
 */
enum kv_wire_exec_flag {
  KV_WIRE_SHELL = 1,
  KV_WIRE_WANT_STDIN = 2,
  KV_WIRE_PTY = 4,
  KV_WIRE_TOOL = 8
};

/* EXIT's payload, 32 bytes: u32 code (of a normal exit), u32 signal (0: none), u32 flags,
 * u32 zero, u64 cpu microseconds of all it started, u64 peak resident KiB of its largest process */
enum kv_wire_exit_flag { KV_WIRE_OOM_KILLED = 1 };

/*
 * LIMITS's payload: u32 flags, u32 microseconds of processor time in each 100 ms (at least 1000),
 * u32 processes and threads (at least 1); a number whose flag is not set is 0. They bound all
 * commands together, whoever they run as. So that no command can take a bound away again, none has
 * the capabilities for it (to mount, to load modules, to trace the agent ...), and /sys and
 * /proc/sys are read-only. Without ROOT the root must be made read-only, too (EINVAL).
 */
enum kv_wire_limit_flag {
  KV_WIRE_LIMIT_CPU = 1,
  KV_WIRE_LIMIT_PROCESSES = 2,
  KV_WIRE_LIMIT_READ_ONLY = 4 /* the root: what is not mounted on it, like /tmp, stays as it is */
};

/*
 * ROOT's payload: u32 kind, string source, string scratch. The source becomes the lower layer of an
 * overlay that is / for all that comes later: paths of EXEC, PUT, GET and MOUNT, users, programs.
 * What is written goes to memory; or, if scratch is not empty, to the disk with that serial number,
 * which is formatted first, as does then /tmp. The agent's own files stay out of reach.
 */
enum kv_wire_root_kind {
  KV_WIRE_ROOT_OWN = 0,   /* the guest image's own root; source is empty */
  KV_WIRE_ROOT_SHARE = 1, /* the 9p share with the tag `source` */
  KV_WIRE_ROOT_DISK = 2   /* the disk with the serial number `source`: squashfs or ext4 */
};

/*
 * NETWORK's payload: u32 address of the guest's one network device, u32 bits of it that are the
 * network's (1 to 31), u32 gateway, u32 name server (0: none), string to be added to /etc/hosts.
 * Addresses are IPv4, as numbers: 10.0.2.15 is 0x0a00020f.
 */

/*
 * IDENTITY's payload: u64 nanoseconds since 1970 (UTC) as it is sent, to which the clock is set,
 * back as well (0: it stays as it is); 64 bytes for the kernel's random pool, which all random
 * numbers are made of anew; string of 32 lower-case hex digits, the machine's id; string of 1 to 63
 * letters, digits and '-', its host name. The names are in /etc/machine-id and /etc/hostname of
 * each root that has an /etc.
 */

#endif
