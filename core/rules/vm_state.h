/*
 * What the files of the policy VM share.
 */
#ifndef KV_RULES_VM_STATE_H
#define KV_RULES_VM_STATE_H

#include <lauxlib.h>
#include <lua.h>
#include <setjmp.h>

#include "rules/arena.h"
#include "rules/vm.h"

/* Instructions between two looks at the budget. Small ones cost time, large ones precision. */
enum { KV_VM_STRIDE = 100 };

enum { KV_VM_READS_MAX = 16, KV_VM_PATH_MAX = 64, KV_VM_KEY_MAX = 160, KV_VM_SHOWN_MAX = 256 };

/* Why an evaluation ended before its time. */
typedef enum kv_vm_end {
  KV_VM_RUNS,
  KV_VM_OUT_OF_STEPS,
  KV_VM_OUT_OF_MEMORY,
  KV_VM_LONG_STRING, /* a string above KV_VM_STRING_MAX was to be made */
  KV_VM_DEEP,        /* the stack was to grow above STACK_MAX (vm.c) */
  KV_VM_NEEDS_FILE,
  KV_VM_BROKEN /* an error where none can be */
} kv_vm_end;

/* In evidence, and at the top of data, a name that is not there is an error; in data it is nil. */
typedef enum kv_view_kind { KV_EVIDENCE, KV_DATA_TOP, KV_DATA } kv_view_kind;

/* A table of evidence or data, as a policy holds it: a userdata in front of a node. */
typedef struct kv_view {
  const uint8_t *node; /* 'a' or 'o' */
  kv_view_kind kind;
  size_t path_size;
  char path[KV_VM_PATH_MAX]; /* "report"; "" at the top of evidence, "data" at that of data */
} kv_view;

/* A source, and which of its lines ran. */
typedef struct kv_cover {
  kv_blob code;
  uint8_t *hits; /* a bit for each line, from 1; NULL: the file did not run */
  size_t line_count;
} kv_cover;

/* What a rule read. */
typedef struct kv_read {
  const uint8_t *node; /* NULL: there is none of that name */
  size_t size;
  char text[KV_VM_PATH_MAX + KV_VM_KEY_MAX]; /* "report.vmpl" */
} kv_read;

typedef enum kv_statement_kind { KV_RULE, KV_EXPECT, KV_ANY_OF, KV_ALL_OF } kv_statement_kind;

typedef struct kv_statement {
  kv_statement_kind kind;
  char text[KV_VM_TEXT_MAX + 1];
  size_t file;     /* its place in `sources` */
  int line, group; /* group: number of its statement, 0: none */
  int function;    /* of a rule: LUA_NOREF while it has none */
  size_t requires; /* of an expectation: where it is in `requirements` */
} kv_statement;

struct kv_vm {
  lua_State *L;
  kv_arena arena;
  kv_vm_limits limits;
  int64_t steps_left;
  bool guarded; /* way_out leads out */
  bool denied;  /* the last request for memory was */
  bool loading;
  kv_vm_end end;
  jmp_buf way_out;
  const void *stack, *kept_stack; /* where Lua has its stack; and where, in the image */
  const void *newest;             /* the block that was asked for last */
  size_t newest_size;

  /* while it is loaded */
  const kv_vm_source *sources;
  size_t source_count, files_run;
  uint8_t *run_order; /* indices of sources */
  int *chain;         /* those whose chunks are running, the outermost first */
  size_t chain_length;
  kv_vm_need *need;

  /* what was loaded */
  char name[KV_VM_TEXT_MAX + 1], version[KV_VM_TEXT_MAX + 1], description[KV_VM_TEXT_MAX + 1];
  char **file_names;
  kv_statement *statements;
  size_t statement_count, statement_room;
  kv_blob requirements;
  int64_t load_steps;
  kv_cover *covers; /* by source; NULL unless lines are noted */
  kv_blob data;     /* one object */
  kv_blob_open data_open;

  /* while a rule runs */
  const kv_statement *rule;
  const uint8_t *evidence;
  kv_read reads[KV_VM_READS_MAX];
  size_t read_count;
};

/* The registry's field for the environment of policies. */
#define KV_VM_GLOBALS "a policy"

kv_vm *kv_vm_of(lua_State *L);

/* Calls a C function without arguments, which leaves two results. A status of Lua, or -1 if it was
 * stopped: then vm->end says why, and the state is only good to be restored. */
int kv_vm_call(kv_vm *vm, lua_CFunction function);

/* "its budget of steps is spent" … */
const char *kv_vm_end_text(const kv_vm *vm);

/* The message of an error at the top of the stack, cut to fit. */
void kv_vm_take_message(kv_vm *vm, char *to, size_t size);

/* Runs the source of that number, by the environment of policies. */
void kv_vm_run_file(lua_State *L, size_t index);

/* Raises if something is missing from what a policy has stated. */
void kv_vm_check_statements(lua_State *L);

/* Ends the evaluation. Does not return. */
_Noreturn void kv_vm_stop(kv_vm *vm, kv_vm_end end);

/* Takes `steps` from the budget, at most all: for the work of C functions. */
void kv_vm_charge(lua_State *L, size_t steps);

/* The nearest name for a mistyped one, among those offered; see lua/kavach/check.lua. */
typedef struct kv_nearest {
  char word[KV_VM_NAME_MAX + 1];
  size_t size, distance;
  char best[KV_VM_NAME_MAX + 1]; /* "": none is near */
} kv_nearest;
void kv_nearest_begin(kv_nearest *n, const char *word, size_t size);
void kv_nearest_offer(kv_nearest *n, const char *name, size_t size);

/* Put the functions of their part into the table at the top of the stack. */
void kv_vm_base(lua_State *L);
void kv_vm_strings(lua_State *L);
void kv_vm_tables(lua_State *L);
void kv_vm_statements(lua_State *L);

/* Puts the library at the top, under `name`, into the table below it, which gets a read-only view
 * of it; a name that it does not have is an error when it is asked for. Pops the library. */
void kv_vm_freeze(lua_State *L, const char *name);

/* Pushes tostring(value at index), without addresses in it. */
void kv_vm_to_text(lua_State *L, int index);

/* ---- lines that ran: vm_cover.c ---- */

/* Of the source whose chunk is at the top, if lines are noted. */
void kv_vm_cover_file(lua_State *L, size_t index);
void kv_vm_cover_line(lua_State *L, lua_Debug *ar);
/* Writes an array, of each file in the order in which they ran: { hits }, and its code. */
void kv_vm_put_cover(const kv_vm *vm, bool code, kv_blob *out);
void kv_vm_free_cover(kv_vm *vm);

/* ---- views: vm_views.c ---- */

void kv_vm_view_types(lua_State *L);
/* Pushes the view of an array or object. */
void kv_vm_push_view(lua_State *L, const uint8_t *node, kv_view_kind kind, const char *path);
const kv_view *kv_vm_to_view(lua_State *L, int index); /* NULL: the value is none */
/* Pushes key and value of the i-th member, from 0. */
void kv_vm_push_member(lua_State *L, const kv_view *view, uint32_t i);

/* Writes the value at `index` as a node, by raw access. Returns NULL, or what is wrong with it. */
const char *kv_vm_write_value(lua_State *L, int index, kv_blob *out);

#endif
