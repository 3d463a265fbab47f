/*
 * What Lua sees of this room: qemu_argv, qemu_find, cpu_has_virt, cpu_sev.
 */
#ifndef KV_QEMU_LUA_QEMU_H
#define KV_QEMU_LUA_QEMU_H

#include <lua.h>

/* Sets the room's functions in the table at the top of the stack. */
void kv_lua_qemu(lua_State *L);

#endif
