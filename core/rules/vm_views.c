/* Evidence and data as a policy sees them: read-only, and each read noted while a rule runs. */
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "rules/vm_state.h"

/* Room for so many views before the table of them has to grow. */
enum { VIEWS = 32 };

enum { READ_STEPS = 5, MISS_STEPS = 2000, CANDIDATES_MAX = 256, VALUE_DEPTH = 8 };

/* In the registry: the metatable, and the views by their nodes. */
static const char type_key = 0, views_key = 0;

const kv_view *kv_vm_to_view(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index)) return NULL;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &type_key);
  bool is = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is ? lua_touserdata(L, index) : NULL;
}

static bool is_table(const uint8_t *node) { return *node == 'a' || *node == 'o'; }

void kv_vm_push_view(lua_State *L, const uint8_t *node, kv_view_kind kind, const char *path) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &views_key);
  if (lua_rawgetp(L, -1, node) == LUA_TNIL) {
    lua_pop(L, 1);
    kv_view *view = lua_newuserdatauv(L, sizeof *view, 0);
    view->node = node;
    view->kind = kind;
    view->path_size = strnlen(path, sizeof view->path - 1);
    memcpy(view->path, path, view->path_size);
    view->path[view->path_size] = '\0';
    lua_rawgetp(L, LUA_REGISTRYINDEX, &type_key);
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, -3, node);
  }
  lua_remove(L, -2);
}

/* ---- what was read ---- */

/* Writes "PATH.KEY", or "KEY"; returns its length. */
static size_t write_name(const kv_view *view, const char *key, size_t size, char *to, size_t room) {
  size_t at = view->path_size < room ? view->path_size : 0;
  memcpy(to, view->path, at);
  if (at > 0 && size > 0 && key[0] != '[') to[at++] = '.';
  if (size > room - at) size = room - at;
  memcpy(to + at, key, size);
  return at + size;
}

static void note_read(lua_State *L, const kv_view *view, const char *key, size_t size,
                      const uint8_t *node) {
  kv_vm *vm = kv_vm_of(L);
  if (vm->loading || vm->read_count == KV_VM_READS_MAX) return;
  kv_read *read = &vm->reads[vm->read_count];
  read->node = node;
  read->size = write_name(view, key, size, read->text, sizeof read->text);
  for (size_t i = 0; i < vm->read_count; i++) {
    const kv_read *known = &vm->reads[i];
    if (known->node == node && known->size == read->size &&
        memcmp(known->text, read->text, read->size) == 0)
      return;
  }
  vm->read_count++;
}

/* ---- values ---- */

static void push_text(lua_State *L, const uint8_t *node) {
  size_t size;
  char digits[KV_VM_STRING_MAX + 1];
  const uint8_t *bytes = kv_blob_bytes(node, &size);
  if (size > (*node == 'x' ? KV_VM_STRING_MAX / 2 : KV_VM_STRING_MAX))
    luaL_error(L, "a text of %d bytes is too long for a policy", (int)size);
  if (*node == 's') {
    lua_pushlstring(L, (const char *)bytes, size);
  } else {
    kv_hex_encode(bytes, size, digits);
    lua_pushlstring(L, digits, 2 * size);
  }
}

static void push_value(lua_State *L, const kv_view *view, const char *key, size_t size,
                       const uint8_t *node) {
  char path[KV_VM_PATH_MAX];
  switch (*node) {
  case 't':
  case 'f':
    lua_pushboolean(L, *node == 't');
    break;
  case 'i':
    lua_pushinteger(L, kv_blob_integer(node));
    break;
  case 'd':
    lua_pushnumber(L, kv_blob_float(node));
    break;
  case 's':
  case 'x':
    push_text(L, node);
    break;
  case 'n':
    lua_pushnil(L);
    break;
  default:
    path[write_name(view, key, size, path, sizeof path - 1)] = '\0';
    kv_vm_push_view(L, node, view->kind == KV_EVIDENCE ? KV_EVIDENCE : KV_DATA, path);
  }
}

/* ---- the metatable ---- */

static const char *name_of(const kv_view *view) {
  if (view->kind != KV_EVIDENCE) return view->path;
  return view->path[0] ? view->path : "the evidence";
}

static int refuse_name(lua_State *L, const kv_view *view, const char *name, size_t size) {
  kv_nearest nearest;
  kv_vm_charge(L, MISS_STEPS);
  kv_nearest_begin(&nearest, name, size);
  uint32_t count = kv_blob_count(view->node);
  for (uint32_t i = 0; i < count && i < CANDIDATES_MAX; i++) {
    const uint8_t *key;
    size_t key_size;
    kv_blob_entry(view->node, i, &key, &key_size);
    kv_nearest_offer(&nearest, (const char *)key, key_size);
  }
  const char *hint = "";
  if (nearest.best[0]) hint = lua_pushfstring(L, " (did you mean '%s'?)", nearest.best);
  if (size > KV_VM_NAME_MAX) name = "of a long name";
  if (view->kind == KV_DATA_TOP)
    return luaL_error(L, "there is no data '%s'%s: it is given with --data %s=FILE", name, hint,
                      name);
  return luaL_error(L, "%s has no field '%s'%s", name_of(view), name, hint);
}

static int index_object(lua_State *L, const kv_view *view) {
  size_t size;
  const char *key = lua_tolstring(L, 2, &size);
  const uint8_t *node = kv_blob_find(view->node, key, size);
  if (!node && view->kind != KV_DATA) return refuse_name(L, view, key, size);
  if (!node || !is_table(node)) note_read(L, view, key, size, node);
  if (node)
    push_value(L, view, key, size, node);
  else
    lua_pushnil(L);
  return 1;
}

/* ipairs would end at a null, and a rule not see what is behind it. */
static void refuse_null(lua_State *L, const kv_view *view, lua_Integer i, const uint8_t *node) {
  if (*node == 'n') luaL_error(L, "%s has a null as its item %d", name_of(view), (int)i);
}

static int index_array(lua_State *L, const kv_view *view, lua_Integer i) {
  char key[32];
  bool is_in = i >= 1 && i <= kv_blob_count(view->node);
  const uint8_t *node = is_in ? kv_blob_item(view->node, (uint32_t)i - 1) : NULL;
  int size = snprintf(key, sizeof key, "[%lld]", (long long)i);
  if (node) refuse_null(L, view, i, node);
  if (!node || !is_table(node)) note_read(L, view, key, (size_t)size, node);
  if (node)
    push_value(L, view, key, (size_t)size, node);
  else
    lua_pushnil(L);
  return 1;
}

/* Nothing but Lua itself calls it: the metatable is hidden. */
static int view_index(lua_State *L) {
  const kv_view *view = lua_touserdata(L, 1);
  int whole = 0;
  kv_vm_charge(L, READ_STEPS);
  if (*view->node == 'o' && lua_type(L, 2) == LUA_TSTRING) return index_object(L, view);
  lua_Integer i = lua_type(L, 2) == LUA_TNUMBER ? lua_tointegerx(L, 2, &whole) : 0;
  if (*view->node == 'a' && whole) return index_array(L, view, i);
  if (view->kind == KV_DATA) return lua_pushnil(L), 1;
  return luaL_error(L, "%s has %s, not a %s", name_of(view),
                    *view->node == 'o' ? "fields by name" : "items by number", luaL_typename(L, 2));
}

static int view_newindex(lua_State *L) {
  return luaL_error(L, "%s is read-only", name_of(lua_touserdata(L, 1)));
}

static int view_length(lua_State *L) {
  const kv_view *view = lua_touserdata(L, 1);
  lua_pushinteger(L, kv_blob_count(view->node));
  return 1;
}

static int view_text(lua_State *L) {
  lua_pushstring(L, name_of(lua_touserdata(L, 1)));
  return 1;
}

void kv_vm_push_member(lua_State *L, const kv_view *view, uint32_t i) {
  const uint8_t *key, *node;
  size_t size;
  char number[32];
  kv_vm_charge(L, READ_STEPS);
  if (*view->node == 'a') {
    lua_pushinteger(L, (lua_Integer)i + 1);
    size = (size_t)snprintf(number, sizeof number, "[%lu]", (unsigned long)i + 1);
    key = (const uint8_t *)number;
    node = kv_blob_item(view->node, i);
    refuse_null(L, view, (lua_Integer)i + 1, node);
  } else {
    node = kv_blob_entry(view->node, i, &key, &size);
    if (size > KV_VM_STRING_MAX) luaL_error(L, "a name in %s is too long", name_of(view));
    lua_pushlstring(L, (const char *)key, size);
  }
  if (view->kind == KV_EVIDENCE && !is_table(node))
    note_read(L, view, (const char *)key, size, node);
  push_value(L, view, (const char *)key, size, node);
}

void kv_vm_view_types(lua_State *L) {
  static const luaL_Reg functions[] = {{"__index", view_index},
                                       {"__newindex", view_newindex},
                                       {"__len", view_length},
                                       {"__tostring", view_text},
                                       {NULL, NULL}};
  lua_newtable(L);
  luaL_setfuncs(L, functions, 0);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &type_key);
  lua_createtable(L, 0, VIEWS);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &views_key);
}

/* ---- a policy's own values, as nodes ---- */

static const char *write_at(lua_State *L, int index, kv_blob *out, int depth);

/* Whether the keys are 1 to n, n > 0; else -1 if all are text, -2 if they are neither. */
static lua_Integer keys_of(lua_State *L, int table) {
  lua_Integer count = 0, numbers = 0, most = 0;
  bool good = true;
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_pop(L, 1);
    count++;
    if (lua_isinteger(L, -1)) {
      lua_Integer key = lua_tointeger(L, -1);
      numbers++;
      if (key > most) most = key;
      good = good && key >= 1;
    } else if (lua_type(L, -1) != LUA_TSTRING) {
      lua_pop(L, 1);
      return -2;
    }
  }
  if (good && count > 0 && numbers == count && most == count) return count;
  return numbers == 0 ? -1 : -2;
}

static const char *write_list(lua_State *L, int table, lua_Integer count, kv_blob *out, int depth) {
  kv_blob_open in = kv_blob_begin(out, 'a');
  for (lua_Integer i = 1; i <= count; i++) {
    kv_blob_next(out, &in);
    lua_rawgeti(L, table, i);
    const char *problem = write_at(L, lua_gettop(L), out, depth);
    lua_pop(L, 1);
    if (problem) return problem;
  }
  kv_blob_end(out, &in);
  return NULL;
}

static const char *write_table(lua_State *L, int table, kv_blob *out, int depth) {
  if (depth == 0) return "tables that are nested too deep";
  luaL_checkstack(L, 8, NULL);
  lua_Integer count = keys_of(L, table);
  if (count == -2) return "a table that is neither a list nor has names as keys";
  if (count > 0) return write_list(L, table, count, out, depth - 1);
  kv_blob_open in = kv_blob_begin(out, 'o');
  lua_pushnil(L);
  while (lua_next(L, table)) {
    size_t size;
    const char *key = lua_tolstring(L, -2, &size);
    kv_blob_key(out, &in, key, size);
    const char *problem = write_at(L, lua_gettop(L), out, depth - 1);
    if (problem) return problem;
    lua_pop(L, 1);
  }
  kv_blob_end(out, &in);
  return NULL;
}

static const char *write_at(lua_State *L, int index, kv_blob *out, int depth) {
  size_t size;
  const kv_view *view = kv_vm_to_view(L, index);
  kv_vm_charge(L, 1);
  switch (lua_type(L, index)) {
  case LUA_TBOOLEAN:
    kv_blob_put_boolean(out, lua_toboolean(L, index));
    return NULL;
  case LUA_TNUMBER:
    if (lua_isinteger(L, index))
      kv_blob_put_integer(out, lua_tointeger(L, index));
    else
      kv_blob_put_float(out, lua_tonumber(L, index));
    return NULL;
  case LUA_TSTRING: {
    const char *text = lua_tolstring(L, index, &size);
    kv_blob_put_bytes(out, 's', text, size);
    return NULL;
  }
  case LUA_TTABLE:
    return write_table(L, index, out, depth);
  case LUA_TUSERDATA:
    if (view && view->kind != KV_EVIDENCE) {
      kv_vm_charge(L, kv_blob_size(view->node) / 16);
      kv_blob_put_node(out, view->node);
      return NULL;
    }
    return "a value that is none of a policy's own";
  case LUA_TFUNCTION:
    return "a function";
  default:
    return "a value that says nothing";
  }
}

const char *kv_vm_write_value(lua_State *L, int index, kv_blob *out) {
  const char *problem = write_at(L, lua_absindex(L, index), out, VALUE_DEPTH);
  return problem;
}
