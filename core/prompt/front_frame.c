/* What the session says. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/little.h"
#include "prompt/front.h"
#include "prompt/protocol.h"

static void welcome(kv_front *front, const uint8_t *payload) {
  pid_t process = (pid_t)kv_le32(payload);
  front->number = kv_le32(payload + 4);
  if (front->process >= 0) close(front->process);
  front->process = process > 0 ? (int)syscall(SYS_pidfd_open, process, 0) : -1;
}

/* What was submitted is no line any more: it stays, and what comes is below it. */
static void finish_line(kv_front *front) {
  kv_front_leave_line(front, "");
  if (!front->screen.dumb) kv_edit_begin(&front->edit);
  if (front->shown) kv_terminal_say(&front->terminal, "\n"); /* a question on a dumb terminal */
  front->shown = false;
  front->restart = true;
}

static void ready(kv_front *front, const kv_prompt_frame *frame) {
  size_t count;
  wchar_t *prompt = kv_wide((const char *)frame->payload + KV_PROMPT_READY_HEAD,
                            frame->size - KV_PROMPT_READY_HEAD, &count);
  if (prompt == NULL) return;
  bool goes_on = front->state == KV_STATE_EDIT;
  if (front->state == KV_STATE_WAIT) finish_line(front);
  if (front->state == KV_STATE_BUSY) kv_screen_erase(&front->screen);
  free(front->prompt);
  front->prompt = prompt;
  front->prompt_count = count;
  front->answer = frame->payload[0] & KV_PROMPT_ANSWER;
  front->ready = kv_le32(frame->payload + 1);
  front->dirty = true;
  kv_bytes_drop(&front->submitted, front->submitted.size);
  if (goes_on) return;
  kv_recall_none(front);
  kv_front_enter(front, KV_STATE_EDIT);
}

static void busy(kv_front *front) {
  if (front->state == KV_STATE_WAIT) {
    finish_line(front);
    if (!front->answer)
      kv_history_add(&front->history, kv_bytes_begin(&front->submitted), front->submitted.size);
  } else if (front->state == KV_STATE_EDIT) {
    finish_line(front);
  }
  kv_bytes_drop(&front->submitted, front->submitted.size);
  kv_front_enter(front, KV_STATE_BUSY);
}

static void more(kv_front *front) {
  if (front->state != KV_STATE_WAIT) return;
  if (front->screen.dumb) {
    kv_bytes_add(&front->submitted, "\n", 1);
  } else {
    kv_undo_step(&front->edit.undo);
    kv_edit_move(&front->edit, kv_edit_line(&front->edit).count);
    kv_edit_insert(&front->edit, L"\n");
  }
  kv_front_enter(front, KV_STATE_EDIT);
}

static void raw(kv_front *front, bool on) {
  if (on == (front->state == KV_STATE_RAW)) return;
  if (front->state == KV_STATE_EDIT || front->state == KV_STATE_WAIT) finish_line(front);
  kv_screen_erase(&front->screen);
  front->screen.end = (kv_column){0};
  kv_front_enter(front, on ? KV_STATE_RAW : KV_STATE_BUSY);
  if (!on || front->input.size == 0) return;
  kv_link_send(&front->link, KV_PROMPT_KEYS, NULL, 0, kv_bytes_begin(&front->input),
               front->input.size);
  kv_bytes_drop(&front->input, front->input.size);
}

void kv_front_frame(kv_front *front, const kv_prompt_frame *frame) {
  /* What the host has printed before it sent this; what an entry prints comes after its BUSY. */
  if (frame->kind == KV_PROMPT_READY || frame->kind == KV_PROMPT_OUTPUT ||
      frame->kind == KV_PROMPT_RAW || frame->kind == KV_PROMPT_BYE)
    kv_front_take_printed(front);
  switch (frame->kind) {
  case KV_PROMPT_WELCOME:
    welcome(front, frame->payload);
    break;
  case KV_PROMPT_READY:
    ready(front, frame);
    break;
  case KV_PROMPT_BUSY:
    busy(front);
    break;
  case KV_PROMPT_MORE:
    more(front);
    break;
  case KV_PROMPT_OUTPUT:
    kv_front_print(front, (const char *)frame->payload, frame->size);
    break;
  case KV_PROMPT_CHOICES: {
    kv_choices choices = kv_prompt_frame_choices(frame);
    kv_complete_end(front, &choices);
    break;
  }
  case KV_PROMPT_RAW:
    raw(front, frame->payload[0] != 0);
    break;
  case KV_PROMPT_BYE:
    kv_front_over(front, frame->payload[0], NULL);
    break;
  default: /* of a later session */
    break;
  }
}
