/*
 * The parts of `require "kavach.snp"`. Each sets its functions in the table at the top of the
 * stack.
 */
#ifndef KV_SNP_LUA_SNP_H
#define KV_SNP_LUA_SNP_H

#include <lua.h>

#include "base/error.h"

/* Reports, and names of their bits: lua_report.c. */
void kv_lua_report(lua_State *L);

/* What bytes are, and text encodings of bytes: lua_evidence.c. */
void kv_lua_evidence(lua_State *L);

/* The guest policy: lua_guest_policy.c. */
void kv_lua_guest_policy(lua_State *L);

/* Verifiers of reports: lua_verify.c. */
void kv_lua_verify(lua_State *L);

/* Launch digests and firmware images: lua_measure.c. */
void kv_lua_measure(lua_State *L);

/* ID blocks: lua_id_block.c. */
void kv_lua_id_block(lua_State *L);

/* The platform emulator: lua_emulate.c. */
void kv_lua_emulate(lua_State *L);

/* What certificates and revocation lists say: lua_certificate.c. */
void kv_lua_certificate(lua_State *L);

/* Digests of bytes: lua_digest.c. */
void kv_lua_digest(lua_State *L);

/* Pushes nil, the message and the kind; returns 3, for `return kv_lua_failure(L, &error)`. */
int kv_lua_failure(lua_State *L, const kv_error *error);

#endif
