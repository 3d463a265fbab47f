#define _GNU_SOURCE
#include "prompt/keys.h"

#include <string.h>

enum state { PLAIN, CHARACTER, ESCAPE, CSI, CONSOLE, SS3, STRING, STRING_ESCAPE, PASTE };

enum { ESC = 27, BELL = 7, DELETE_CODE = 127 };

static const char paste_end[] = "\033[201~";

static kv_key named(uint32_t code, uint32_t modifiers) {
  return (kv_key){.code = code, .modifiers = modifiers};
}

static void to_plain(kv_keys *keys) {
  keys->state = PLAIN;
  keys->have = 0;
  keys->alt = false;
}

static kv_key finish(kv_keys *keys, uint32_t code, uint32_t modifiers) {
  modifiers |= keys->alt ? KV_KEY_ALT : 0;
  to_plain(keys);
  return named(code, modifiers);
}

/* The final byte of an arrow, or of Home or End, with ESC [ or ESC O before it. */
static uint32_t by_letter(char letter) {
  static const char letters[] = "ABCDHF";
  static const uint32_t codes[] = {KV_KEY_UP,   KV_KEY_DOWN, KV_KEY_RIGHT,
                                   KV_KEY_LEFT, KV_KEY_HOME, KV_KEY_END};
  const char *found = letter ? strchr(letters, letter) : NULL;
  return found ? codes[found - letters] : KV_KEY_NONE;
}

static uint32_t by_number(unsigned number) {
  static const uint32_t codes[] = {KV_KEY_NONE,      KV_KEY_HOME, KV_KEY_NONE,
                                   KV_KEY_DELETE,    KV_KEY_END,  KV_KEY_PAGE_UP,
                                   KV_KEY_PAGE_DOWN, KV_KEY_HOME, KV_KEY_END};
  return number < sizeof codes / sizeof *codes ? codes[number] : KV_KEY_NONE;
}

static void numbers(const kv_keys *keys, unsigned list[3]) {
  size_t which = 0;
  for (size_t i = 0; i < keys->have; i++) {
    char c = keys->some[i];
    if (c == ';' && ++which > 2) return;
    if (c >= '0' && c <= '9' && list[which] < 1u << 24)
      list[which] = list[which] * 10 + (unsigned)(c - '0');
  }
}

/* A character with modifiers, as terminals report it that have been asked to tell such apart. */
static kv_key reported(kv_keys *keys, unsigned code, uint32_t modifiers) {
  bool control = modifiers & KV_KEY_CONTROL;
  if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
    return finish(keys, KV_KEY_NONE, 0);
  if (control && code >= '@' && code <= 'z') code &= 0x1f;
  return finish(keys, code, modifiers & KV_KEY_ALT);
}

static kv_key end_of_csi(kv_keys *keys, char last) {
  unsigned list[3] = {0};
  numbers(keys, list);
  uint32_t modifiers = list[1] > 0 && list[1] <= 8 ? list[1] - 1 : 0;
  if (last == 'u') return reported(keys, list[0], modifiers);
  if (last != '~') return finish(keys, by_letter(last), modifiers);
  if (list[0] == 27) return reported(keys, list[2], modifiers);
  if (list[0] != 200) return finish(keys, by_number(list[0]), modifiers);
  to_plain(keys);
  keys->state = PASTE;
  keys->pasted.from = keys->pasted.size = 0;
  keys->too_long = false;
  return named(KV_KEY_NONE, 0);
}

/* What was pasted, in the form that keys.h says. */
static void clean(kv_bytes *pasted) {
  const char *from = kv_bytes_begin(pasted);
  kv_bytes result = {0};
  for (size_t at = 0; at < pasted->size;) {
    wchar_t c;
    at += kv_utf8_get(from + at, pasted->size - at, &c);
    if (c == '\n' && at < pasted->size && from[at] == '\r') continue; /* CR LF, see keys.h */
    if (c == '\r') c = '\n';
    if ((c < ' ' && c != '\n' && c != '\t') || (c >= DELETE_CODE && c < 0xa0)) continue;
    char one[KV_UTF8_MOST];
    if (!kv_bytes_add(&result, one, kv_utf8_put(c, one))) break;
  }
  kv_bytes_free(pasted);
  *pasted = result;
}

static kv_key end_of_paste(kv_keys *keys) {
  clean(&keys->pasted);
  return finish(keys, KV_KEY_PASTE, 0);
}

static void keep(kv_keys *keys, const char *bytes, size_t size) {
  bool fits = !keys->too_long && size <= KV_PASTE_MOST - keys->pasted.size;
  if (fits && kv_bytes_add(&keys->pasted, bytes, size)) return;
  keys->too_long = true;
  kv_bytes_free(&keys->pasted);
}

/* Bytes of a paste. None are taken if the first is to be looked at again. */
static size_t take_paste(kv_keys *keys, const char *bytes, size_t size, kv_key *key) {
  if (keys->have == 0) {
    const char *mark = memchr(bytes, ESC, size);
    size_t count = mark ? (size_t)(mark - bytes) : size;
    keep(keys, bytes, count);
    if (count > 0) return count;
  }
  if (bytes[0] == paste_end[keys->have]) {
    if (++keys->have == sizeof paste_end - 1) *key = end_of_paste(keys);
    return 1;
  }
  keep(keys, paste_end, keys->have);
  keys->have = 0;
  return 0;
}

static void collect(kv_keys *keys, char byte) {
  if (keys->have < sizeof keys->some) keys->some[keys->have++] = byte;
}

static kv_key plain(kv_keys *keys, char byte) {
  size_t length = kv_utf8_length((unsigned char)byte);
  if (byte == ESC) {
    keys->state = ESCAPE;
    return named(KV_KEY_NONE, 0);
  }
  if (length == 1) return finish(keys, (uint32_t)byte, 0);
  keys->have = 0;
  if (length == 0) return finish(keys, KV_KEY_NONE, 0);
  keys->state = CHARACTER;
  collect(keys, byte);
  return named(KV_KEY_NONE, 0);
}

static kv_key character(kv_keys *keys, char byte) {
  if (((unsigned char)byte & 0xc0) != 0x80) { /* the character before is no more than a part */
    to_plain(keys);
    return plain(keys, byte);
  }
  wchar_t c;
  collect(keys, byte);
  if (keys->have < kv_utf8_length((unsigned char)keys->some[0])) return named(KV_KEY_NONE, 0);
  if (kv_utf8_get(keys->some, keys->have, &c) == 1) return finish(keys, KV_KEY_NONE, 0);
  return finish(keys, (uint32_t)c, 0);
}

static kv_key escape(kv_keys *keys, char byte) {
  if (byte == ESC) return named(ESC, 0); /* the one before; this one waits in its place */
  if (byte == '[') {
    keys->state = CSI;
  } else if (byte == 'O') {
    keys->state = SS3;
  } else if (byte && strchr("]P_^", byte)) {
    keys->state = STRING;
    collect(keys, byte);
  } else {
    keys->alt = true;
    return plain(keys, byte);
  }
  return named(KV_KEY_NONE, 0);
}

static kv_key csi(kv_keys *keys, char byte) {
  if (byte == '[' && keys->have == 0) {
    keys->state = CONSOLE;
  } else if (byte >= 0x20 && byte < 0x40) {
    collect(keys, byte);
  } else if (byte >= 0x40 && byte < DELETE_CODE) {
    return end_of_csi(keys, byte);
  } else { /* it was cut off */
    to_plain(keys);
    return plain(keys, byte);
  }
  return named(KV_KEY_NONE, 0);
}

/* An answer of the terminal that nobody has asked for. */
static kv_key string(kv_keys *keys, char byte) {
  if (byte == ESC) {
    keys->state = STRING_ESCAPE;
  } else if (byte == BELL || keys->state == STRING_ESCAPE) {
    to_plain(keys);
  } else {
    keys->have = 2; /* more than the key with Alt */
  }
  return named(KV_KEY_NONE, 0);
}

static kv_key one(kv_keys *keys, char byte) {
  switch (keys->state) {
  case CHARACTER:
    return character(keys, byte);
  case ESCAPE:
    return escape(keys, byte);
  case CSI:
    return csi(keys, byte);
  case CONSOLE:
    return finish(keys, KV_KEY_NONE, 0);
  case SS3:
    return finish(keys, by_letter(byte), 0);
  case STRING:
  case STRING_ESCAPE:
    return string(keys, byte);
  default:
    return plain(keys, byte);
  }
}

size_t kv_keys_take(kv_keys *keys, const char *bytes, size_t size, int64_t now, kv_key *key) {
  size_t taken = 0;
  *key = named(KV_KEY_NONE, 0);
  while (taken < size && key->code == KV_KEY_NONE) {
    if (keys->state == PASTE)
      taken += take_paste(keys, bytes + taken, size - taken, key);
    else
      *key = one(keys, bytes[taken++]);
  }
  keys->deadline = now + (keys->state == PASTE ? KV_PASTE_WAIT : KV_KEY_WAIT);
  return taken;
}

int64_t kv_keys_deadline(const kv_keys *keys) {
  /* Of a character the rest comes, or another key. */
  return keys->state == PLAIN || keys->state == CHARACTER ? -1 : keys->deadline;
}

void kv_keys_expire(kv_keys *keys, kv_key *key) {
  *key = named(KV_KEY_NONE, 0);
  if (keys->state == PASTE) {
    *key = end_of_paste(keys);
  } else if (keys->state == ESCAPE) {
    *key = finish(keys, ESC, 0);
  } else if (keys->state == SS3) {
    *key = finish(keys, 'O', KV_KEY_ALT);
  } else if (keys->state == STRING && keys->have == 1) {
    *key = finish(keys, (uint32_t)keys->some[0], KV_KEY_ALT);
  }
  if (keys->state != PLAIN) to_plain(keys);
}

bool kv_keys_pasting(const kv_keys *keys) { return keys->state == PASTE; }

void kv_keys_free(kv_keys *keys) { kv_bytes_free(&keys->pasted); }
