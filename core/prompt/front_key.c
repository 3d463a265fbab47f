/* What each key does to the line. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "base/little.h"
#include "prompt/front.h"
#include "prompt/protocol.h"

enum { DELETE_CODE = 127, C1_END = 0xa0 };

#define CONTROL(letter) ((letter)&0x1f)

void kv_front_beep(kv_front *front) {
  if (!front->screen.dumb) kv_terminal_say(&front->terminal, "\a");
}

static kv_line line_of(const kv_front *front) { return kv_edit_line(&front->edit); }

static void tell(kv_front *front, const char *text) {
  kv_front_beep(front);
  kv_front_print(front, text, strlen(text));
}

static bool has_room(const kv_front *front, size_t count) {
  return line_of(front).count + count <= KV_LINE_MOST;
}

static bool insert(kv_front *front, const wchar_t *text, size_t count) {
  bool fine = has_room(front, count) && kv_edit_insert(&front->edit, text);
  if (!fine) kv_front_beep(front);
  return fine;
}

void kv_front_submit(kv_front *front, const char *text, size_t size) {
  uint8_t number[4];
  kv_put_le(number, front->ready, sizeof number);
  kv_front_enter(front, KV_STATE_WAIT);
  kv_link_send(&front->link, KV_PROMPT_SUBMIT, number, sizeof number, text, size);
}

void kv_front_end_of_input(kv_front *front) {
  uint8_t payload[5] = {0};
  kv_put_le(payload + 1, front->ready, 4);
  kv_link_send(&front->link, KV_PROMPT_END, payload, sizeof payload, NULL, 0);
}

void kv_front_refuse(kv_front *front) {
  kv_front_enter(front, KV_STATE_WAIT);
  kv_front_interrupt(front);
}

static void enter(kv_front *front) {
  kv_line line = line_of(front);
  if (kv_wide_bytes(line.text, line.count) >= KV_PROMPT_SUBMIT_MOST) {
    tell(front, "(the line is too long to be sent)\n");
    return;
  }
  kv_bytes *text = &front->submitted;
  kv_bytes_drop(text, text->size);
  kv_bytes_add_wide(text, line.text, line.count);
  kv_front_submit(front, kv_bytes_begin(text), text->size);
}

static void insert_newline(kv_front *front) {
  if (!front->answer) insert(front, L"\n", 1);
}

/* Ctrl-C: the line is given up. */
static void give_up(kv_front *front) {
  static const char hint[] = "(Ctrl-D or .quit leaves)\n";
  bool empty = line_of(front).count == 0;
  if (!front->answer) kv_front_leave_line(front, "^C");
  kv_edit_begin(&front->edit);
  kv_recall_none(front);
  if (front->answer)
    kv_front_refuse(front);
  else if (empty)
    kv_screen_print(&front->screen, hint, sizeof hint - 1);
}

static void delete_right(kv_front *front) {
  kv_line line = line_of(front);
  kv_edit_erase(&front->edit, line.cursor, kv_line_right(&line));
}

static void delete_left(kv_front *front) {
  kv_line line = line_of(front);
  kv_edit_erase(&front->edit, kv_line_left(&line), line.cursor);
}

static void end_of_input(kv_front *front) {
  if (line_of(front).count > 0)
    delete_right(front);
  else
    kv_front_end_of_input(front);
}

static void move(kv_front *front, size_t (*where)(const kv_line *)) {
  kv_line line = line_of(front);
  kv_edit_move(&front->edit, where(&line));
}

static void left(kv_front *front) { move(front, kv_line_left); }
static void right(kv_front *front) { move(front, kv_line_right); }
static void word_left(kv_front *front) { move(front, kv_line_word_left); }
static void word_right(kv_front *front) { move(front, kv_line_word_right); }
static void begin(kv_front *front) { move(front, kv_line_begin); }
static void end(kv_front *front) { move(front, kv_line_end); }
static void first(kv_front *front) { kv_edit_move(&front->edit, 0); }
static void last(kv_front *front) { kv_edit_move(&front->edit, line_of(front).count); }

static void up(kv_front *front) {
  size_t to;
  kv_line line = line_of(front);
  if (kv_line_up(&line, &to))
    kv_edit_move(&front->edit, to);
  else
    kv_recall_older(front);
}

static void down(kv_front *front) {
  size_t to;
  kv_line line = line_of(front);
  if (kv_line_down(&line, &to))
    kv_edit_move(&front->edit, to);
  else
    kv_recall_newer(front);
}

/* libedit has what was deleted last for what was killed, so that it is kept here. */
static void kill_to(kv_front *front, size_t to) {
  kv_line line = line_of(front);
  size_t from = to < line.cursor ? to : line.cursor;
  size_t count = to < line.cursor ? line.cursor - to : to - line.cursor;
  wchar_t *killed = count > 0 ? calloc(count + 1, sizeof *killed) : NULL;
  if (killed == NULL) return;
  wmemcpy(killed, line.text + from, count);
  free(front->killed);
  front->killed = killed;
  kv_edit_erase(&front->edit, from, from + count);
}

static void kill_word_left(kv_front *front) {
  kv_line line = line_of(front);
  kill_to(front, kv_line_word_left(&line));
}

static void kill_word_right(kv_front *front) {
  kv_line line = line_of(front);
  kill_to(front, kv_line_word_right(&line));
}

static void kill_begin(kv_front *front) {
  kv_line line = line_of(front);
  kill_to(front, kv_line_begin(&line));
}

/* At the end of one of several lines, the newline. */
static void kill_end(kv_front *front) {
  kv_line line = line_of(front);
  size_t to = kv_line_end(&line);
  kill_to(front, to == line.cursor && to < line.count ? to + 1 : to);
}

static void yank(kv_front *front) {
  if (front->killed) insert(front, front->killed, wcslen(front->killed));
}

static void undo(kv_front *front) {
  if (!kv_edit_undo(&front->edit)) kv_front_beep(front);
  kv_recall_none(front);
}

static void command(kv_front *front, wchar_t which) {
  kv_edit_note(&front->edit);
  front->command = which;
}

static void transpose(kv_front *front) { command(front, KV_EDIT_TRANSPOSE); }
static void upper(kv_front *front) { command(front, KV_EDIT_UPPER); }
static void lower(kv_front *front) { command(front, KV_EDIT_LOWER); }
static void capital(kv_front *front) { command(front, KV_EDIT_CAPITAL); }
static void clear(kv_front *front) { kv_screen_clear(&front->screen); }
static void quote(kv_front *front) { front->quotes = true; }

static void paste(kv_front *front) {
  kv_bytes *pasted = &front->keys.pasted;
  size_t count = 0;
  wchar_t *text = kv_wide(kv_bytes_begin(pasted), pasted->size, &count);
  for (size_t i = 0; text && front->answer && i < count; i++)
    if (text[i] == '\n') text[i] = ' ';
  if (front->keys.too_long || !text || !insert(front, text, count))
    tell(front, "(what was pasted is too long: none of it is taken)\n");
  free(text);
  kv_bytes_free(pasted);
}

typedef struct binding {
  uint32_t code, modifiers;
  void (*act)(kv_front *);
} binding;

static const binding bindings[] = {
    {'\n', 0, enter},
    {'\r', 0, enter},
    {'\n', KV_KEY_ALT, insert_newline},
    {'\r', KV_KEY_ALT, insert_newline},
    {'\t', 0, kv_complete_begin},
    {'\b', 0, delete_left},
    {DELETE_CODE, 0, delete_left},
    {'\b', KV_KEY_ALT, kill_word_left},
    {DELETE_CODE, KV_KEY_ALT, kill_word_left},
    {CONTROL('A'), 0, begin},
    {CONTROL('B'), 0, left},
    {CONTROL('C'), 0, give_up},
    {CONTROL('D'), 0, end_of_input},
    {CONTROL('E'), 0, end},
    {CONTROL('F'), 0, right},
    {CONTROL('K'), 0, kill_end},
    {CONTROL('L'), 0, clear},
    {CONTROL('N'), 0, down},
    {CONTROL('P'), 0, up},
    {CONTROL('R'), 0, kv_search_begin},
    {CONTROL('T'), 0, transpose},
    {CONTROL('U'), 0, kill_begin},
    {CONTROL('V'), 0, quote},
    {CONTROL('W'), 0, kill_word_left},
    {CONTROL('Y'), 0, yank},
    {CONTROL('Z'), 0, kv_front_suspend},
    {CONTROL('_'), 0, undo}, /* also what terminals send for Ctrl-/ */
    {'b', KV_KEY_ALT, word_left},
    {'f', KV_KEY_ALT, word_right},
    {'d', KV_KEY_ALT, kill_word_right},
    {'c', KV_KEY_ALT, capital},
    {'l', KV_KEY_ALT, lower},
    {'u', KV_KEY_ALT, upper},
    {'<', KV_KEY_ALT, first},
    {'>', KV_KEY_ALT, last},
    {KV_KEY_LEFT, 0, left},
    {KV_KEY_RIGHT, 0, right},
    {KV_KEY_LEFT, KV_KEY_CONTROL, word_left},
    {KV_KEY_RIGHT, KV_KEY_CONTROL, word_right},
    {KV_KEY_LEFT, KV_KEY_ALT, word_left},
    {KV_KEY_RIGHT, KV_KEY_ALT, word_right},
    {KV_KEY_UP, 0, up},
    {KV_KEY_DOWN, 0, down},
    {KV_KEY_HOME, 0, begin},
    {KV_KEY_END, 0, end},
    {KV_KEY_HOME, KV_KEY_CONTROL, first},
    {KV_KEY_END, KV_KEY_CONTROL, last},
    {KV_KEY_DELETE, 0, delete_right},
    {KV_KEY_DELETE, KV_KEY_CONTROL, kill_word_right},
    {KV_KEY_PASTE, 0, paste},
};

static void insert_one(kv_front *front, uint32_t code) {
  if (!has_room(front, 1) || !kv_edit_type(&front->edit, (wchar_t)code)) kv_front_beep(front);
}

void kv_front_act(kv_front *front, const kv_key *key) {
  bool quoted = front->quotes && key->code <= 0x10ffff && key->code > 0;
  front->quotes = false;
  front->completes_until = -1; /* what is asked for is not what is there now */
  if (front->search.on && kv_search_key(front, key)) return;
  kv_undo_step(&front->edit.undo);
  if (quoted) {
    insert_one(front, key->code == '\r' ? '\n' : key->code);
    return;
  }
  for (size_t i = 0; i < sizeof bindings / sizeof *bindings; i++) {
    const binding *one = &bindings[i];
    if (one->code != key->code || one->modifiers != key->modifiers) continue;
    one->act(front);
    return;
  }
  bool visible =
      key->code >= ' ' && key->code <= 0x10ffff && (key->code < DELETE_CODE || key->code >= C1_END);
  if (visible && key->modifiers == 0) insert_one(front, key->code);
}
