/*
 * What the two sides of a prompt say to each other, over a stream of bytes.
 *
 * The front end (this room's program) has the terminal: lines are edited there, and nothing that a
 * host does can hold that up. The session is in the host, and has the Lua state. A local prompt's
 * stream is a socket pair; a remote one's goes through a call of the host's control socket.
 *
 * Both ways go frames, integers little-endian:
 *
 *   u32 length of what follows, 1 to KV_PROMPT_FRAME_MAX; u8 kind; payload
 *
 * The front end begins with HELLO, the session answers with WELCOME and then READY. Between a
 * SUBMIT and the next READY the terminal is in its usual mode, for what runs to read from.
 */
#ifndef KV_PROMPT_PROTOCOL_H
#define KV_PROMPT_PROTOCOL_H

enum { KV_PROMPT_FRAME_MAX = 64 * 1024 * 1024, KV_PROMPT_READY_HEAD = 5 };

/* From the session. */
enum {
  /* u32 process, u32 number: SIGURG with that number as its value, sent to that process, stops the
   * Lua code that runs for this session */
  KV_PROMPT_WELCOME = 1,
  /* u8 flags (below), u32 number, then the prompt's text, UTF-8, all visible: a line may be typed.
   * The number tells what a SUBMIT is for: a question may be withdrawn while it is answered */
  KV_PROMPT_READY = 2,
  KV_PROMPT_BUSY = 3, /* nothing: what was submitted is whole, and runs. It goes into the history */
  KV_PROMPT_MORE = 4, /* nothing: what was submitted is not whole: it is edited on, a line longer */
  KV_PROMPT_OUTPUT = 5, /* bytes for the terminal, above the line that is being edited */
  /* u32 ticket of the COMPLETE, u32 how many bytes before its cursor a choice takes the place of;
   * then the choices, each with a NUL behind it */
  KV_PROMPT_CHOICES = 6,
  KV_PROMPT_RAW = 7, /* u8: 1: keys go to the session as they come, output as it is; 0: no more */
  KV_PROMPT_BYE = 8, /* u8 exit code: the front end leaves */
};

/* Of READY. */
enum {
  KV_PROMPT_ANSWER = 1, /* what is typed is an answer to a question: one line, and no history */
};

/* From the front end. */
enum {
  KV_PROMPT_HELLO = 65,     /* u16 columns, u16 rows, u8 flags (below) */
  KV_PROMPT_SUBMIT = 66,    /* u32 number of the last READY, the text, UTF-8 */
  KV_PROMPT_COMPLETE = 67,  /* u32 ticket, u32 cursor in bytes from the text's start, the text */
  KV_PROMPT_INTERRUPT = 68, /* nothing: Ctrl-C while something runs, or at a question */
  /* u8 0: Ctrl-D on an empty line, u32 number of the last READY; or u8 1: the terminal is gone */
  KV_PROMPT_END = 69,
  KV_PROMPT_SIZE = 70, /* u16 columns, u16 rows: they have changed */
  KV_PROMPT_KEYS = 71, /* bytes, while RAW */
};

/* Of HELLO. */
enum {
  KV_PROMPT_COLOUR = 1, /* the terminal has colours, and they are welcome (no NO_COLOR) */
  KV_PROMPT_UTF8 = 2,
  KV_PROMPT_DUMB = 4, /* it cannot move its cursor: what is printed stays */
};

#endif
