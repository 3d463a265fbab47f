/*
 * Makes keys of the bytes that a terminal sends: characters, the sequences of xterm, tmux, the
 * Linux console and their like, and what is pasted in brackets. A CR comes as a LF, and the other
 * way. Knows no terminal, and no clock but the one it is told.
 */
#ifndef KV_PROMPT_KEYS_H
#define KV_PROMPT_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prompt/text.h"

/* The code of a key is that of its character, or one of these. */
enum {
  KV_KEY_NONE = 0x110000,
  KV_KEY_UP,
  KV_KEY_DOWN,
  KV_KEY_RIGHT,
  KV_KEY_LEFT,
  KV_KEY_HOME,
  KV_KEY_END,
  KV_KEY_DELETE,
  KV_KEY_PAGE_UP,
  KV_KEY_PAGE_DOWN,
  KV_KEY_PASTE, /* what was pasted is in `pasted` */
};

enum { KV_KEY_SHIFT = 1, KV_KEY_ALT = 2, KV_KEY_CONTROL = 4 };

enum {
  KV_KEY_WAIT = 30,         /* ms: longer after an ESC comes nothing of the same key */
  KV_PASTE_WAIT = 5000,     /* and to a paste belongs nothing more */
  KV_PASTE_MOST = 32 << 20, /* bytes; of one that has more, none are kept */
  KV_KEY_SEQUENCE_MOST = 32,
};

typedef struct kv_key {
  uint32_t code, modifiers;
} kv_key;

typedef struct kv_keys {
  int state;
  int64_t deadline;
  char some[KV_KEY_SEQUENCE_MOST]; /* of a sequence or of a character */
  size_t have;
  bool alt;
  /* UTF-8 without any control characters but newlines and tabs; it is whoever's takes it out */
  kv_bytes pasted;
  bool too_long; /* what was pasted last */
} kv_keys;

/* Takes bytes up to the end of a key, and returns how many; `key` is KV_KEY_NONE if none ended. */
size_t kv_keys_take(kv_keys *keys, const char *bytes, size_t size, int64_t now, kv_key *key);

/* When what has come is all that there is of its key: in ms of `now`, or -1. */
int64_t kv_keys_deadline(const kv_keys *keys);

/* That time has come. */
void kv_keys_expire(kv_keys *keys, kv_key *key);

/* Whether it is inside a paste. */
bool kv_keys_pasting(const kv_keys *keys);

void kv_keys_free(kv_keys *keys);

#endif
