/* Reports for Lua: a table of fields, by the names of kv_report_fields. */
#include <lauxlib.h>
#include <string.h>

#include "base/little.h"
#include "snp/lua_snp.h"
#include "snp/report.h"

static int parse(lua_State *L, int index, kv_report *report, kv_error *error) {
  size_t size;
  const char *bytes = luaL_checklstring(L, index, &size);
  return kv_report_parse((const uint8_t *)bytes, size, report, error);
}

/* A product by name, or none: KV_PRODUCT_UNKNOWN. */
static kv_product product_argument(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) return KV_PRODUCT_UNKNOWN;
  size_t size;
  const char *name = luaL_checklstring(L, index, &size);
  kv_product product = kv_product_of_name(name, size);
  luaL_argcheck(L, product != KV_PRODUCT_UNKNOWN, index, "unknown product (Milan, Genoa or Turin)");
  return product;
}

static void push_product(lua_State *L, kv_product product) {
  if (product == KV_PRODUCT_UNKNOWN)
    lua_pushnil(L);
  else
    lua_pushstring(L, kv_product_name(product));
}

/* ---- fields ---- */

static void push_field(lua_State *L, const kv_report *report, const kv_report_field *field) {
  if (field->number)
    lua_pushinteger(L, (lua_Integer)kv_report_number(report, field));
  else
    lua_pushlstring(L, (const char *)report + field->member, field->size);
}

/* R and S: parts of `signature`, which Lua has as a whole. */
static bool is_scalar(const kv_report_field *field) {
  return field->offset >= KV_REPORT_SIGNED_SIZE;
}

/* report_parse(bytes): every field that the report's version has (numbers as integers: 64-bit masks
 * whole, so perhaps negative), `signature` (the 512 bytes from 0x2a0), `raw` (all 1184), and
 * `product` if the report tells it. Or nil, a message and a kind. */
static int report_parse(lua_State *L) {
  kv_report report;
  kv_error error;
  if (parse(L, 1, &report, &error) < 0) return kv_lua_failure(L, &error);
  size_t count;
  const kv_report_field *fields = kv_report_fields(&count);
  lua_createtable(L, 0, (int)count + 3);
  for (size_t i = 0; i < count; i++) {
    if (fields[i].since > report.version || is_scalar(&fields[i])) continue;
    push_field(L, &report, &fields[i]);
    lua_setfield(L, -2, fields[i].name);
  }
  lua_pushlstring(L, (const char *)report.raw + KV_REPORT_SIZE - KV_REPORT_SIGNATURE_SIZE,
                  KV_REPORT_SIGNATURE_SIZE);
  lua_setfield(L, -2, "signature");
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "raw");
  push_product(L, kv_product_of_report(&report));
  lua_setfield(L, -2, "product");
  return 1;
}

/* The bytes in field `name` of the table, which must be `size` of them; NULL if there are none. */
static const char *bytes_of(lua_State *L, const char *name, size_t size) {
  const char *bytes = NULL;
  int type = lua_getfield(L, 1, name);
  if (type == LUA_TSTRING) {
    size_t length;
    bytes = lua_tolstring(L, -1, &length);
    if (length != size) luaL_error(L, "report_bytes: %s must be %d bytes", name, (int)size);
  } else if (type != LUA_TNIL) {
    luaL_error(L, "report_bytes: %s must be a string", name);
  }
  lua_pop(L, 1); /* the table still holds it */
  return bytes;
}

static void take_number(lua_State *L, uint8_t *to, const kv_report_field *field) {
  int whole = 0;
  int type = lua_getfield(L, 1, field->name);
  lua_Integer value = type == LUA_TNUMBER ? lua_tointegerx(L, -1, &whole) : 0;
  lua_pop(L, 1);
  if (type == LUA_TNIL) return;
  if (!whole) luaL_error(L, "report_bytes: %s must be an integer", field->name);
  uint64_t bits = (uint64_t)value;
  if (field->size < 8 && bits >> 8 * field->size)
    luaL_error(L, "report_bytes: %s does not fit in %d bytes", field->name, (int)field->size);
  if (field->size == 1) {
    uint8_t small = (uint8_t)bits;
    memcpy(to, &small, sizeof small);
  } else if (field->size == 4) {
    uint32_t middle = (uint32_t)bits;
    memcpy(to, &middle, sizeof middle);
  } else {
    memcpy(to, &bits, sizeof bits);
  }
}

/* Whether the table has a value for a field that its version has no place for. */
static void refuse_later(lua_State *L, const kv_report_field *field, uint32_t version) {
  if (lua_getfield(L, 1, field->name) != LUA_TNIL)
    luaL_error(L, "report_bytes: a report of version %d has no %s", (int)version, field->name);
  lua_pop(L, 1);
}

static uint32_t version_of(lua_State *L) {
  int whole = 0;
  lua_getfield(L, 1, "version");
  lua_Integer version = lua_tointegerx(L, -1, &whole);
  lua_pop(L, 1);
  if (!whole || version < KV_REPORT_VERSION_MIN || version > KV_REPORT_VERSION_MAX)
    luaL_error(L, "report_bytes: version must be %d to %d", KV_REPORT_VERSION_MIN,
               KV_REPORT_VERSION_MAX);
  return (uint32_t)version;
}

/* report_bytes(table): the 1184 bytes. Its fields are written over its `raw` (zeros if it has
 * none), `signature` before signature_r and signature_s. Raises if one does not fit. */
static int report_bytes(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  kv_report report;
  kv_error error;
  const char *raw = bytes_of(L, "raw", KV_REPORT_SIZE);
  uint8_t start[KV_REPORT_SIZE] = {0};
  if (raw) memcpy(start, raw, sizeof start);
  const char *signature = bytes_of(L, "signature", KV_REPORT_SIGNATURE_SIZE);
  if (signature)
    memcpy(start + KV_REPORT_SIZE - KV_REPORT_SIGNATURE_SIZE, signature, KV_REPORT_SIGNATURE_SIZE);
  kv_put_le(start, version_of(L), 4);
  if (kv_report_parse(start, sizeof start, &report, &error) < 0)
    return luaL_error(L, "%s", error.message);
  size_t count;
  const kv_report_field *fields = kv_report_fields(&count);
  for (size_t i = 0; i < count; i++) {
    uint8_t *to = (uint8_t *)&report + fields[i].member;
    if (fields[i].since > report.version) {
      refuse_later(L, &fields[i], report.version);
    } else if (fields[i].number) {
      take_number(L, to, &fields[i]);
    } else {
      const char *bytes = bytes_of(L, fields[i].name, fields[i].size);
      if (bytes) memcpy(to, bytes, fields[i].size);
    }
  }
  kv_report_write(&report, start);
  lua_pushlstring(L, (const char *)start, sizeof start);
  return 1;
}

/* report_fields(): a list of { name=, offset=, size=, since=, number= }, in the report's order. */
static int report_fields(lua_State *L) {
  size_t count;
  const kv_report_field *fields = kv_report_fields(&count);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_createtable(L, 0, 5);
    lua_pushstring(L, fields[i].name), lua_setfield(L, -2, "name");
    lua_pushinteger(L, fields[i].offset), lua_setfield(L, -2, "offset");
    lua_pushinteger(L, fields[i].size), lua_setfield(L, -2, "size");
    lua_pushinteger(L, fields[i].since), lua_setfield(L, -2, "since");
    lua_pushboolean(L, fields[i].number), lua_setfield(L, -2, "number");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* ---- what fields mean ---- */

/* report_check(bytes[, product]): a list of { rule=, field=, offset=, message= }, empty if nothing
 * is wrong. Or nil, a message and a kind. */
static int report_check(lua_State *L) {
  kv_report report;
  kv_error error;
  kv_product product = product_argument(L, 2);
  if (parse(L, 1, &report, &error) < 0) return kv_lua_failure(L, &error);
  kv_report_problem problems[KV_REPORT_PROBLEMS_MAX];
  size_t count = kv_report_check(&report, product, problems);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    char text[256];
    lua_createtable(L, 0, 4);
    lua_pushstring(L, kv_report_rule_name(problems[i].rule)), lua_setfield(L, -2, "rule");
    lua_pushstring(L, problems[i].field), lua_setfield(L, -2, "field");
    lua_pushinteger(L, problems[i].offset), lua_setfield(L, -2, "offset");
    lua_pushstring(L, kv_report_problem_text(&report, &problems[i], text, sizeof text));
    lua_setfield(L, -2, "message");
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/* report_tcbs(bytes[, product]): { current=, reported=, committed=, launch= }, each a table of the
 * components that the layout has (boot_loader, tee, snp, microcode; fmc); nil if the layout cannot
 * be known. Or nil, a message and a kind. */
static int report_tcbs(lua_State *L) {
  kv_report report;
  kv_error error;
  kv_product product = product_argument(L, 2);
  if (parse(L, 1, &report, &error) < 0) return kv_lua_failure(L, &error);
  kv_tcb_layout layout = kv_tcb_layout_of_report(&report, product);
  if (layout == KV_TCB_UNKNOWN) return lua_pushnil(L), 1;
  const struct {
    const char *name;
    uint64_t value;
  } tcbs[] = {{"current", report.current_tcb},
              {"reported", report.reported_tcb},
              {"committed", report.committed_tcb},
              {"launch", report.launch_tcb}};
  lua_createtable(L, 0, 4);
  for (size_t i = 0; i < sizeof tcbs / sizeof *tcbs; i++) {
    kv_tcb tcb = kv_tcb_parse(layout, tcbs[i].value);
    lua_createtable(L, 0, KV_TCB_PARTS);
    for (int part = 0; part < KV_TCB_PARTS; part++) {
      if (!kv_tcb_has(layout, (kv_tcb_part)part)) continue;
      lua_pushinteger(L, tcb.part[part]);
      lua_setfield(L, -2, kv_tcb_part_name((kv_tcb_part)part));
    }
    lua_setfield(L, -2, tcbs[i].name);
  }
  return 1;
}

/* platform_info(bits): { names… set }, and the bits that have no name. */
static int platform_info(lua_State *L) {
  uint64_t bits = (uint64_t)luaL_checkinteger(L, 1);
  size_t count;
  const kv_bit *known = kv_platform_bits(&count);
  lua_createtable(L, 0, (int)count);
  for (size_t i = 0; i < count; i++) {
    lua_pushboolean(L, (bits >> known[i].bit & 1) != 0);
    lua_setfield(L, -2, known[i].name);
  }
  lua_pushinteger(L, (lua_Integer)kv_platform_unknown(bits));
  return 2;
}

/* product_of(family, model): its name, or nil. */
static int product_of(lua_State *L) {
  lua_Integer family = luaL_checkinteger(L, 1), model = luaL_checkinteger(L, 2);
  luaL_argcheck(L, family >= 0 && family <= 0xff, 1, "a family is 0 to 255");
  luaL_argcheck(L, model >= 0 && model <= 0xff, 2, "a model is 0 to 255");
  push_product(L, kv_product_of_cpuid((unsigned)family, (unsigned)model));
  return 1;
}

void kv_lua_report(lua_State *L) {
  static const luaL_Reg FUNCTIONS[] = {
      {"report_parse", report_parse},   {"report_bytes", report_bytes},
      {"report_fields", report_fields}, {"report_check", report_check},
      {"report_tcbs", report_tcbs},     {"platform_info", platform_info},
      {"product_of", product_of},       {NULL, NULL}};
  luaL_setfuncs(L, FUNCTIONS, 0);
}
