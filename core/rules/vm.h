/*
 * The policy VM: a Lua state in which an attestation policy is loaded once and then evaluated for
 * one piece of evidence after the other, each time from the same state. The language is told in
 * lua/kavach/attest/script/init.lua.
 *
 * A policy is hostile code. It has an allow-list of functions and no others; all that it is given
 * is read-only; a budget of steps (instructions, and the work of C functions at their size) and of
 * memory ends it by a longjmp out of the interpreter, which no pcall, __close or handler sees: what
 * it leaves is thrown away. Nothing that it reads depends on a clock, an address or a hash seed.
 */
#ifndef KV_RULES_VM_H
#define KV_RULES_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "rules/blob.h"

enum {
  KV_VM_STEPS = 1000000, /* the budget, unless another is given */
  KV_VM_STEPS_LEAST = 1000,
  KV_VM_STEPS_MOST = 100000000,
  KV_VM_MEMORY = 16 << 20, /* bytes, of the policy's own values: data is not among them */
  KV_VM_MEMORY_LEAST = 1 << 20,
  KV_VM_MEMORY_MOST = 256 << 20,
  KV_VM_STRING_MAX = 8 << 10,  /* the longest string there is in a policy */
  KV_VM_STATEMENTS_MAX = 1000, /* rules, expectations and groups */
  KV_VM_TEXT_MAX = 200,        /* bytes of a rule's text, a description … */
  KV_VM_REASON_MAX = 512,
  KV_VM_NAME_MAX = 64
};

typedef struct kv_vm kv_vm;

typedef struct kv_vm_limits {
  int64_t steps;
  size_t memory;
  bool covers; /* it notes which lines ran */
} kv_vm_limits;

/* Text of a policy's file. The first is the policy; the others are there to be included. */
typedef struct kv_vm_source {
  const char *name; /* "prod.lua": what messages call it, and `include` looks for */
  const char *text;
  size_t size;
} kv_vm_source;

/* A table of data: `document` is JSON. */
typedef struct kv_vm_data {
  const char *name;
  const char *document;
  size_t size;
} kv_vm_data;

/* Makes a VM; NULL with *error. */
kv_vm *kv_vm_open(const kv_vm_limits *limits, kv_error *error);
void kv_vm_close(kv_vm *vm);

/* Adds a table of data, which the VM copies; before kv_vm_load. */
int kv_vm_add_data(kv_vm *vm, const kv_vm_data *data, kv_error *error);

/* Whether, and for which file that is not among the sources, a policy asked. */
typedef struct kv_vm_need {
  char name[KV_VM_NAME_MAX + 8];
  char by[2 * KV_VM_REASON_MAX]; /* the include: its place, and the files that led to it */
} kv_vm_need;

/* Runs the policy's text, once in a VM's life. Returns 0; -1 with *error, or, if a file is missing,
 * with need->name not empty. */
int kv_vm_load(kv_vm *vm, const kv_vm_source *sources, size_t count, kv_vm_need *need,
               kv_error *error);

/* What was loaded, as an object: name, version, description, files (in the order in which they
 * were run), steps, if lines are noted lines, an array of { code, hits } of each of `files`: the
 * bytecode, and a bit for each line that has run; and statements, an array of { kind = "rule" |
 * "expect" | "any_of" | "all_of", text, file, line, group (the number of the one that it is in,
 * from 1), requires }. */
void kv_vm_describe(const kv_vm *vm, kv_blob *out);

/* Evaluates all rules for the evidence, an object that was checked. Writes an object.
 *
 * rules: a letter for each statement, in their order: 'p' passed, 'f' false, 'n' nothing, 'v' some
 * other value, 'e' an error, 's' out of steps, 'm' out of memory, 'x' not run; '-' where the
 * statement is no rule.
 *
 * reasons: of rules that did not pass, { statement, text or nil, name, value, name, value … }: the
 * fields that it read.
 *
 * steps, space: what it took; space in bytes of memory, beyond what the policy always has, in
 * whole 64 KiB.
 *
 * lines: if they are noted, { hits } of each file, as kv_vm_describe has it. */
void kv_vm_evaluate(kv_vm *vm, const uint8_t *evidence, kv_blob *out);

#endif
