/*
 * The parts of QEMU's command line: launch.c puts them together, launch_snp.c has what is SEV-SNP's
 * alone.
 */
#ifndef KV_QEMU_LAUNCH_PARTS_H
#define KV_QEMU_LAUNCH_PARTS_H

#include "qemu/launch.h"

/* The tag of the folder that commands may be written to. */
#define KV_SHARE_TASK "task"

void kv_launch_option(kv_words *words, const char *name, const char *value);
void kv_launch_number(kv_words *words, const char *name, uint64_t number, const char *unit);
void kv_launch_share(kv_words *words, const kv_share *share);

/* -smp and -m. */
void kv_launch_size(kv_words *words, const kv_launch *launch);

int kv_launch_snp_check(const kv_launch *launch, kv_error *error);

/* `upstream`: the guest's memory and its protection, behind the machine. */
void kv_launch_snp_objects(kv_words *words, const kv_launch *launch);

/* `seed`: all of its vector behind QEMU's name. */
void kv_launch_seed(kv_words *words, const kv_launch *launch);

#endif
