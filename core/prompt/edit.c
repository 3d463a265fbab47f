#define _GNU_SOURCE
#include "prompt/edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wctype.h>

/* The size of the terminal that nobody looks at. */
enum { COLUMNS = 80, ROWS = 2 };

static int own_terminal(kv_edit *edit, kv_error *error) {
  edit->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (edit->master < 0 || grantpt(edit->master) < 0 || unlockpt(edit->master) < 0)
    return kv_fail_errno(error, errno, "a pseudo-terminal");
  char name[64];
  if (ptsname_r(edit->master, name, sizeof name) != 0)
    return kv_fail_errno(error, errno, "a pseudo-terminal");
  edit->slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (edit->slave < 0) return kv_fail_errno(error, errno, "%s", name);
  ioctl(edit->slave, TIOCSWINSZ, &(struct winsize){.ws_row = ROWS, .ws_col = COLUMNS});
  return 0;
}

static void bind_commands(EditLine *libedit) {
  static const wchar_t *const commands[] = {L"ed-transpose-chars", L"em-upper-case",
                                            L"em-lower-case", L"em-capitol-case"};
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    wchar_t key[2] = {(wchar_t)(KV_EDIT_TRANSPOSE + i), 0};
    el_wset(libedit, EL_BIND, key, commands[i], NULL);
  }
}

int kv_edit_open(kv_edit *edit, el_rfunc_t next, void *data, kv_error *error) {
  *edit = (kv_edit){.master = -1, .slave = -1};
  edit->nowhere = fopen("/dev/null", "r+e");
  if (edit->nowhere == NULL) return kv_fail_errno(error, errno, "/dev/null");
  if (own_terminal(edit, error) < 0) return -1;
  edit->libedit = el_init_fd("kavach", edit->nowhere, edit->nowhere, edit->nowhere, edit->slave,
                             edit->slave, edit->slave);
  if (edit->libedit == NULL) return kv_fail(error, "io", "libedit cannot begin");
  el_set(edit->libedit, EL_SIGNAL, 0);
  el_wset(edit->libedit, EL_EDITOR, L"emacs");
  el_set(edit->libedit, EL_CLIENTDATA, data);
  el_wset(edit->libedit, EL_GETCFN, next);
  bind_commands(edit->libedit);
  return 0;
}

bool kv_edit_moves(const kv_edit *edit) {
  char *up = NULL;
  char name[] = "UP";
  return el_get(edit->libedit, EL_GETTC, name, &up) == 0 && up && strncmp(up, "\033[", 2) == 0;
}

void kv_edit_run(kv_edit *edit) {
  int count;
  el_wgets(edit->libedit, &count);
}

kv_line kv_edit_line(const kv_edit *edit) {
  const LineInfoW *line = el_wline(edit->libedit);
  return (kv_line){line->buffer, (size_t)(line->lastchar - line->buffer),
                   (size_t)(line->cursor - line->buffer)};
}

static bool insert(kv_edit *edit, const wchar_t *text) {
  return text[0] == 0 || el_winsertstr(edit->libedit, text) == 0;
}

bool kv_edit_insert(kv_edit *edit, const wchar_t *text) {
  kv_line line = kv_edit_line(edit);
  if (!insert(edit, text)) return false;
  kv_undo_add(&edit->undo, line.cursor, line.cursor, L"", 0, kv_edit_line(edit).count - line.count);
  return true;
}

bool kv_edit_type(kv_edit *edit, wchar_t character) {
  wchar_t text[2] = {character, 0};
  kv_line line = kv_edit_line(edit);
  wint_t before = line.cursor > 0 ? (wint_t)line.text[line.cursor - 1] : L' ';
  bool joins = !iswspace(before) || iswspace((wint_t)character);
  if (!insert(edit, text)) return false;
  kv_undo_type(&edit->undo, line.cursor, joins);
  return true;
}

void kv_edit_move(kv_edit *edit, size_t to) {
  kv_line line = kv_edit_line(edit);
  el_cursor(edit->libedit, (int)((ptrdiff_t)to - (ptrdiff_t)line.cursor));
}

static void erase(kv_edit *edit, size_t from, size_t to) {
  kv_edit_move(edit, to);
  el_deletestr(edit->libedit, (int)(to - from));
}

void kv_edit_erase(kv_edit *edit, size_t from, size_t to) {
  kv_line line = kv_edit_line(edit);
  kv_undo_add(&edit->undo, line.cursor, from, line.text + from, to - from, 0);
  erase(edit, from, to);
}

void kv_edit_replace(kv_edit *edit, const wchar_t *text) {
  kv_edit_erase(edit, 0, kv_edit_line(edit).count);
  kv_edit_insert(edit, text);
}

void kv_edit_note(kv_edit *edit) {
  kv_line line = kv_edit_line(edit);
  kv_undo_add(&edit->undo, line.cursor, 0, line.text, line.count, line.count);
}

/* Takes a change back; false if the text is as it was before it anyhow. */
static bool take_back(kv_edit *edit, const kv_change *change) {
  kv_line line = kv_edit_line(edit);
  bool same = change->inserted == change->erased_count &&
              wmemcmp(line.text + change->at, change->erased, change->inserted) == 0;
  if (!same) {
    erase(edit, change->at, change->at + change->inserted);
    insert(edit, change->erased);
  }
  kv_edit_move(edit, change->cursor);
  return !same;
}

static bool take_step_back(kv_edit *edit, unsigned step) {
  kv_undo *undo = &edit->undo;
  bool changed = false;
  while (undo->count > 0 && undo->changes[undo->count - 1].step == step) {
    kv_change change = kv_undo_take(undo);
    changed = take_back(edit, &change) || changed;
    free(change.erased);
  }
  return changed;
}

bool kv_edit_undo(kv_edit *edit) {
  kv_undo *undo = &edit->undo;
  bool changed = false;
  while (undo->count > 0 && !changed)
    changed = take_step_back(edit, undo->changes[undo->count - 1].step);
  return changed;
}

void kv_edit_undo_begun(kv_edit *edit) { take_step_back(edit, edit->undo.step); }

void kv_edit_begin(kv_edit *edit) {
  erase(edit, 0, kv_edit_line(edit).count);
  kv_undo_forget(&edit->undo);
}

void kv_edit_close(kv_edit *edit) {
  kv_undo_forget(&edit->undo);
  if (edit->libedit) el_end(edit->libedit);
  if (edit->nowhere) fclose(edit->nowhere);
  if (edit->slave >= 0) close(edit->slave);
  if (edit->master >= 0) close(edit->master);
}
