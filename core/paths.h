/*
 * Where the parts of this build or installation stand, seen from the code that asks.
 */
#ifndef KV_PATHS_H
#define KV_PATHS_H

enum { KV_PATH_MAX = 4096 };

/* The directory of core.so and the helper programs: $KAVACH_LIB_DIR, or beside core.so if this code
 * is in it, or where an installation has it, seen from the program; else in the build tree. */
void kv_helper_dir(char path[KV_PATH_MAX]);

/* The directory of kavach/init.lua: the installed one, seen from the program, or the source tree's.
 */
void kv_lua_dir(char path[KV_PATH_MAX]);

#endif
