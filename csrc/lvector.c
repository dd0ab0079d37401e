/* SPDX-License-Identifier: MIT */
/*
** Vectors for Lua. An embedding of 4096 numbers is 16 KiB and one object here,
** where a table takes 64 KiB. On the wire the numbers are little-endian; they
** are put together byte by byte, so any host reads them rightly, and where
** hosts agree the compiler makes plain copies of it.
*/
#include "lvector.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base64.h"
#include "compat.h"

#define TYPE    "marea.vector"
#define WIDTH   4            /* bytes of a number on the wire */
#define LANES   8            /* sums run side by side, so that they vectorise */
#define EMPTY   "a vector has at least one number"
#define BROKEN  "its bytes are no whole number of float32"

typedef char floats_have_four_bytes[sizeof(float) == WIDTH ? 1 : -1];


static float *push_new (lua_State *L, size_t count) {
  float *items = compat_scratch(L, count * sizeof *items);
  luaL_getmetatable(L, TYPE);
  lua_setmetatable(L, -2);
  return items;
}


const float *lvector_test (lua_State *L, int index, size_t *count) {
  int is_vector;
  if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index))
    return NULL;
  luaL_getmetatable(L, TYPE);
  is_vector = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  if (!is_vector) return NULL;
  *count = lua_rawlen(L, index) / sizeof(float);
  return lua_touserdata(L, index);
}


static const float *check_vector (lua_State *L, int arg, size_t *count) {
  const float *items = luaL_checkudata(L, arg, TYPE);
  *count = lua_rawlen(L, arg) / sizeof *items;
  return items;
}


/* ------------------------------------------------------------- the wire */

/* Both may work in place. */
static void from_wire (const unsigned char *bytes, size_t count, float *items) {
  for (size_t i = 0; i < count; i++, bytes += WIDTH) {
    uint32_t bits = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
                    (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    memcpy(items + i, &bits, sizeof bits);
  }
}


static void to_wire (const float *items, size_t count, unsigned char *bytes) {
  for (size_t i = 0; i < count; i++, bytes += WIDTH) {
    uint32_t bits;
    memcpy(&bits, items + i, sizeof bits);
    bytes[0] = (unsigned char)bits;
    bytes[1] = (unsigned char)(bits >> 8);
    bytes[2] = (unsigned char)(bits >> 16);
    bytes[3] = (unsigned char)(bits >> 24);
  }
}


const char *lvector_decode (lua_State *L, const char *s, size_t n) {
  size_t size = base64_size(s, n);
  const char *why = NULL;
  float *items;
  if (n == 0) return EMPTY;
  items = push_new(L, (size + WIDTH - 1) / WIDTH);
  if (!base64_decode(s, n, (unsigned char *)items)) why = "not base64";
  else if (size % WIDTH) why = BROKEN;
  if (why) lua_pop(L, 1);
  else from_wire((const unsigned char *)items, size / WIDTH, items);
  return why;
}


static const char *check_text (lua_State *L, size_t *n) {
  luaL_checktype(L, 1, LUA_TSTRING);
  return lua_tolstring(L, 1, n);
}


static int fail (lua_State *L, const char *why) {
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}


/* from_base64(text) -> vector | nil, message */
static int from_base64 (lua_State *L) {
  size_t n;
  const char *s = check_text(L, &n), *why = lvector_decode(L, s, n);
  return why ? fail(L, why) : 1;
}


/* from_bytes(text) -> vector | nil, message */
static int from_bytes (lua_State *L) {
  size_t n;
  const char *s = check_text(L, &n);
  if (n == 0) return fail(L, EMPTY);
  if (n % WIDTH) return fail(L, BROKEN);
  from_wire((const unsigned char *)s, n / WIDTH, push_new(L, n / WIDTH));
  return 1;
}


static const unsigned char *push_wire (lua_State *L, size_t *size) {
  size_t count;
  const float *items = check_vector(L, 1, &count);
  unsigned char *bytes = compat_scratch(L, count * WIDTH);
  to_wire(items, count, bytes);
  *size = count * WIDTH;
  return bytes;
}


static int to_bytes (lua_State *L) {
  size_t size;
  const unsigned char *bytes = push_wire(L, &size);
  lua_pushlstring(L, (const char *)bytes, size);
  return 1;
}


static int to_base64 (lua_State *L) {
  size_t size;
  const unsigned char *bytes = push_wire(L, &size);
  char *text = compat_scratch(L, base64_length(size));
  base64_encode(bytes, size, text);
  lua_pushlstring(L, text, base64_length(size));
  return 1;
}


/* ----------------------------------------------------------- arithmetic */

/* In doubles, where products of floats are exact and nothing overflows. */
static double product (const float *a, const float *b, size_t count) {
  double lanes[LANES] = { 0 }, sum = 0;
  size_t i = 0;
  for (; count - i >= LANES; i += LANES)
    for (int k = 0; k < LANES; k++)
      lanes[k] += (double)a[i + k] * (double)b[i + k];
  for (; i < count; i++) sum += (double)a[i] * (double)b[i];
  for (int k = 0; k < LANES; k++) sum += lanes[k];
  return sum;
}


static const float *check_other (lua_State *L, size_t count) {
  size_t others;
  const float *items = check_vector(L, 2, &others);
  if (others != count)
    luaL_error(L, "vectors of different lengths: %d and %d", (int)count,
               (int)others);
  return items;
}


static int dot (lua_State *L) {
  size_t count;
  const float *a = check_vector(L, 1, &count), *b = check_other(L, count);
  lua_pushnumber(L, product(a, b, count));
  return 1;
}


static int norm (lua_State *L) {
  size_t count;
  const float *a = check_vector(L, 1, &count);
  lua_pushnumber(L, sqrt(product(a, a, count)));
  return 1;
}


/* A vector of zeros has no direction, and is like no other. */
static int cosine (lua_State *L) {
  size_t count;
  const float *a = check_vector(L, 1, &count), *b = check_other(L, count);
  double both = product(a, a, count) * product(b, b, count);
  double value = both == 0 ? 0 : product(a, b, count) / sqrt(both);
  if (value > 1) value = 1;    /* by as much as rounding does */
  if (value < -1) value = -1;
  lua_pushnumber(L, value);
  return 1;
}


/* ------------------------------------------------------------- elements */

/* Upvalue 1: the methods. */
static int index_vector (lua_State *L) {
  size_t count;
  const float *items = check_vector(L, 1, &count);
  lua_Number at;
  if (lua_type(L, 2) != LUA_TNUMBER) {
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    return 1;
  }
  at = lua_tonumber(L, 2);
  if (at < 1 || at > (lua_Number)count || at != floor(at)) return 0;
  lua_pushnumber(L, items[(size_t)at - 1]);
  return 1;
}


static int length (lua_State *L) {
  size_t count;
  check_vector(L, 1, &count);
  lua_pushinteger(L, (lua_Integer)count);
  return 1;
}


static int describe (lua_State *L) {
  size_t count;
  check_vector(L, 1, &count);
  lua_pushfstring(L, TYPE " (%d numbers)", (int)count);
  return 1;
}


static int to_table (lua_State *L) {
  size_t count;
  const float *items = check_vector(L, 1, &count);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_pushnumber(L, items[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 1;
}


/* The number on top as a float; raises if it is none, or too large for one. */
static float check_item (lua_State *L, int index) {
  lua_Number value = lua_tonumber(L, -1);
  if (lua_type(L, -1) != LUA_TNUMBER)
    luaL_error(L, TYPE ": expected a number at [%d], got %s", index,
               luaL_typename(L, -1));
  if (isfinite(value) && fabs(value) >= 0x1.ffffffp+127)
    luaL_error(L, TYPE ": the number at [%d] is too large for a float32",
               index);
  return (float)value;
}


/* vector(list) -> vector; a vector is its own. Argument 1 is the callee. */
static int make (lua_State *L) {
  size_t count;
  float *items;
  lua_settop(L, 2);
  if (lvector_test(L, 2, &count)) return 1;
  if (!lua_istable(L, 2) || (count = lua_rawlen(L, 2)) == 0)
    return luaL_error(L, TYPE ": expected a non-empty list of numbers, got %s",
                      lua_istable(L, 2) ? "an empty table"
                                        : luaL_typename(L, 2));
  items = push_new(L, count);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 2, (int)i + 1);
    items[i] = check_item(L, (int)i + 1);
    lua_pop(L, 1);
  }
  return 1;
}


/* --------------------------------------------------------------- module */

/* Once a state: both C modules may ask. */
static void define (lua_State *L) {
  static const luaL_Reg methods[] = {
    { "dot",     dot },
    { "cosine",  cosine },
    { "norm",    norm },
    { "totable", to_table },
    { "base64",  to_base64 },
    { "bytes",   to_bytes },
    { NULL,      NULL }
  };
  if (luaL_newmetatable(L, TYPE)) {
    lua_newtable(L);
    compat_setfuncs(L, methods);
    lua_pushcclosure(L, index_vector, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, length);
    lua_setfield(L, -2, "__len");
    lua_pushcfunction(L, describe);
    lua_setfield(L, -2, "__tostring");
    lua_pushliteral(L, TYPE);
    lua_setfield(L, -2, "__name");
  }
  lua_pop(L, 1);
}


int lvector_open (lua_State *L) {
  static const luaL_Reg functions[] = {
    { "from_base64", from_base64 },
    { "from_bytes",  from_bytes },
    { NULL,          NULL }
  };
  define(L);
  lua_newtable(L);
  compat_setfuncs(L, functions);
  lua_newtable(L);
  lua_pushcfunction(L, make);
  lua_setfield(L, -2, "__call");
  lua_setmetatable(L, -2);
  return 1;
}
