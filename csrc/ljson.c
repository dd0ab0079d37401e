/* SPDX-License-Identifier: MIT */
/*
** Lua values out of JSON and JSON out of Lua values. What is decoded waits on
** the Lua stack until its container ends (or too many wait), so that tables
** are made at their size and never grow. What is encoded gathers in a buffer
** that Lua's collector owns, so that raising in the middle leaks nothing.
** Tables are read raw: no metamethod runs, so none can change what is walked.
*/
#include "ljson.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compat.h"
#include "json.h"
#include "lvector.h"

/* The codec: a table in the registry. Its key is a name and not an address,
** since each C module that decodes has a copy of this file. */
#define CODEC  "marea.codec"

enum {
  ARRAY_MT = 1,    /* metatable of every decoded array; marks one to encode */
  EMPTY_ARRAY_MT,  /* another such mark, or nil */
  EMPTY_ARRAY,     /* a light userdata that encodes as [], or nil */
  MAKE_INT64,      /* (high, low) -> LuaJIT's int64_t, or nil */
  INT64_DIGITS,    /* int64_t or uint64_t -> its digits; else nil; or nil */
  LIST             /* (...) -> {...} */
};


/* ============================================================= decoding */

#define FEW 16         /* slots that may wait for one table at first: most need
                          no more, and a stack that grew stays large a while; */
#define BATCH 64       /* those any table may have, */
#define LONG (4096 + BATCH)    /* and a list where there is room: it is then made
                          in one go, for half of what its items cost one by one.
                          Room for a batch more tells whether it is at its end */
#define FOLLOWS (1 << 18)  /* bytes that are still to come then: a stack that grew
                          for one list alone costs more than it spares */
#define BATCHED 32     /* containers deep; further in, tables are made first */
#define SLOTS 7900     /* a stack may have in any Lua; LuaJIT's most is 8000 */
#define GUESS_AHEAD (1 << 20)  /* bytes looked at to size a long list */

typedef struct decoder {
  lua_State *L;
  int codec;           /* stack slots: the codec, */
  int array_mt;        /* and its ARRAY_MT */
  int vectors;         /* whether base64 under "embedding" becomes one */
  double numbers[BATCH];
  json_parser parser;
} decoder;

/* A container under way; `waiting` slots follow its own on the stack. */
typedef struct pile {
  int slot;            /* nil, then the table */
  int waiting;
  int most;            /* that may wait as yet, */
  int limit;           /* and ever */
  int made;            /* whether slot holds the table */
  lua_Integer count;   /* items already in the table */
  const char *from;    /* where its text begins */
} pile;

static int push_value (decoder *d, json_event event);


static void push_unescaped (lua_State *L, const char *s, size_t n) {
  char small[512], *out = small;
  ptrdiff_t length;
  if (n > sizeof small) out = compat_scratch(L, n);
  length = json_unescape(s, n, out);
  lua_pushlstring(L, out, (size_t)length);
  if (out != small) lua_remove(L, -2);
}


static void push_string (decoder *d) {
  const json_parser *p = &d->parser;
  if (p->escaped) push_unescaped(d->L, p->text, p->length);
  else lua_pushlstring(d->L, p->text, p->length);
}


/* An integer where all numbers are doubles: beyond 2^53 as int64_t, if Lua
** has that. */
static void push_wide (decoder *d, int64_t value) {
  const int64_t exact = INT64_C(1) << 53;
  uint64_t bits = (uint64_t)value;
  double high = (double)(bits >> 32);
  lua_rawgeti(d->L, d->codec, MAKE_INT64);
  if ((value >= -exact && value <= exact) || lua_isnil(d->L, -1)) {
    lua_pop(d->L, 1);
    lua_pushnumber(d->L, (lua_Number)value);
    return;
  }
  lua_pushnumber(d->L, value < 0 ? high - 4294967296.0 : high);
  lua_pushnumber(d->L, (lua_Number)(bits & 0xFFFFFFFF));
  lua_call(d->L, 2, 1);
}


static void push_integer (decoder *d, int64_t value) {
  if (COMPAT_INTEGERS && (lua_Integer)value == value)
    lua_pushinteger(d->L, (lua_Integer)value);
  else if (value == (int32_t)value)
    lua_pushnumber(d->L, (lua_Number)value);
  else
    push_wide(d, value);
}


static int start_pile (decoder *d, pile *p, int least, int limit) {
  if (!lua_checkstack(d->L, FEW + 8)) {
    if (lua_gettop(d->L) < SLOTS) luaL_error(d->L, "not enough memory");
    d->parser.error = "nested too deeply";
    return 0;
  }
  lua_pushnil(d->L);
  p->slot = lua_gettop(d->L);
  p->waiting = p->made = 0;
  p->most = d->parser.depth > BATCHED ? least : FEW;
  p->limit = d->parser.depth > BATCHED ? least : limit;
  p->count = 0;
  p->from = d->parser.at;
  return 1;
}


/* Leaves room for a batch at each level, and for each further in the two slots
** of an object's and of its key's. */
static int may_grow (decoder *d, int more) {
  int taken = BATCHED * BATCH + 2 * d->parser.limit;
  return d->parser.end - d->parser.at > FOLLOWS &&
         lua_gettop(d->L) + more <= SLOTS - taken;
}


/* May one more wait? */
static int has_room (decoder *d, pile *p) {
  int most = p->most * 2;
  if (p->waiting < p->most) return 1;
  if (most > p->limit) most = p->limit;
  if (most == p->most || (most > BATCH && !may_grow(d, most - p->most)))
    return 0;
  if (!lua_checkstack(d->L, most - p->most + 8)) return 0;
  p->most = most;
  return 1;
}


static void make_table (lua_State *L, pile *p, int items, int members) {
  if (p->made) return;
  lua_createtable(L, items, members);
  lua_replace(L, p->slot);
  p->made = 1;
}


/* About how many items a list has whose first `waiting` are read. The list's
** plain items go up to the next bracket, and no other list's do, so all
** guesses together are no more than the text is long. */
static int guess_items (const decoder *d, const pile *p) {
  const char *at = d->parser.at, *bracket;
  size_t ahead = (size_t)(d->parser.end - at), read = (size_t)(at - p->from);
  if (p->waiting < BATCH) return p->waiting;
  if (ahead > GUESS_AHEAD) ahead = GUESS_AHEAD;
  bracket = memchr(at, ']', ahead);
  if (bracket) ahead = (size_t)(bracket - at);
  bracket = memchr(at, '[', ahead);
  if (bracket) ahead = (size_t)(bracket - at);
  return p->waiting + (int)(ahead * (size_t)p->waiting / read) + 8;
}


static void flush_items (decoder *d, pile *p) {
  make_table(d->L, p, p->made ? 0 : guess_items(d, p), 0);
  for (int i = p->waiting; i > 0; i--)
    lua_rawseti(d->L, p->slot, (int)p->count + i);
  p->count += p->waiting;
  p->waiting = 0;
}


/* First to last, so that of equal keys the last one wins. */
static void flush_members (decoder *d, pile *p) {
  lua_State *L = d->L;
  make_table(L, p, 0, p->waiting / 2);
  for (int i = 1; i <= p->waiting; i += 2) {
    lua_pushvalue(L, p->slot + i);
    lua_pushvalue(L, p->slot + i + 1);
    lua_rawset(L, p->slot);
  }
  lua_settop(L, p->slot);
  p->waiting = 0;
}


/* The list is at its end. A hook may want to yield, which it can't from inside
** a call of ours: with one there is none. */
static void finish_items (decoder *d, pile *p) {
  if (p->made || p->waiting <= FEW || lua_gethook(d->L)) {
    flush_items(d, p);
  } else {
    lua_rawgeti(d->L, d->codec, LIST);
    lua_replace(d->L, p->slot);
    lua_call(d->L, p->waiting, 1);
  }
  lua_pushvalue(d->L, d->array_mt);
  lua_setmetatable(d->L, p->slot);
}


/* The numbers that follow one: a list of them tends to be long. */
static void push_numbers (decoder *d, pile *p) {
  size_t count, room;
  do {
    if (!has_room(d, p)) flush_items(d, p);
    room = (size_t)(p->most - p->waiting);
    if (room > BATCH) room = BATCH;
    count = json_numbers(&d->parser, d->numbers, room);
    for (size_t i = 0; i < count; i++) lua_pushnumber(d->L, d->numbers[i]);
    p->waiting += (int)count;
  } while (count == room);
}


static int push_array (decoder *d) {
  pile p;
  json_event event;
  if (!start_pile(d, &p, 1, LONG)) return 0;
  while ((event = json_next(&d->parser)) != JSON_ARRAY_END) {
    if (!has_room(d, &p)) flush_items(d, &p);
    if (!push_value(d, event)) return 0;
    p.waiting++;
    if (event == JSON_NUMBER) push_numbers(d, &p);
  }
  finish_items(d, &p);
  return 1;
}


/* Whether the string just read, whose key is on top, was pushed as a vector.
** It is a Lua string first only where it has escapes, as PHP escapes each '/'. */
static int push_vector (decoder *d) {
  const json_parser *p = &d->parser;
  const char *s = p->text;
  size_t n = p->length;
  if (strcmp(lua_tostring(d->L, -1), "embedding") != 0) return 0;
  if (!p->escaped) return !lvector_decode(d->L, s, n);
  push_string(d);
  s = lua_tolstring(d->L, -1, &n);
  if (!lvector_decode(d->L, s, n)) lua_remove(d->L, -2);
  return 1;
}


static int push_member (decoder *d) {
  json_event event;
  push_string(d);
  event = json_next(&d->parser);
  if (d->vectors && event == JSON_STRING && push_vector(d)) return 1;
  return push_value(d, event);
}


static int push_object (decoder *d) {
  pile p;
  if (!start_pile(d, &p, 2, BATCH)) return 0;
  while (json_next(&d->parser) == JSON_KEY) {
    if (!has_room(d, &p)) flush_members(d, &p);
    if (!push_member(d)) return 0;
    p.waiting += 2;
  }
  if (d->parser.error) return 0;
  flush_members(d, &p);
  return 1;
}


static int push_value (decoder *d, json_event event) {
  lua_State *L = d->L;
  switch (event) {
    case JSON_NULL: lua_pushlightuserdata(L, NULL); return 1;
    case JSON_FALSE: lua_pushboolean(L, 0); return 1;
    case JSON_TRUE: lua_pushboolean(L, 1); return 1;
    case JSON_INTEGER: push_integer(d, d->parser.integer); return 1;
    case JSON_NUMBER: lua_pushnumber(L, d->parser.number); return 1;
    case JSON_STRING: push_string(d); return 1;
    case JSON_ARRAY: return push_array(d);
    case JSON_OBJECT: return push_object(d);
    default: return 0;
  }
}


/* Printable ASCII as it is, any other byte as \xNN; never more than `room`
** bytes, its NUL included. */
static void show_bytes (char *to, size_t room, const char *s, size_t n) {
  size_t used = 0;
  to[0] = '\0';
  for (size_t i = 0; i < n && room - used > 4; i++) {
    unsigned char c = (unsigned char)s[i];
    const char *format = c < 0x20 || c > 0x7E ? "\\x%02X" : "%c";
    used += (size_t)snprintf(to + used, room - used, format, c);
  }
}


static void push_error (decoder *d) {
  const json_parser *p = &d->parser;
  size_t left = (size_t)(p->end - p->at);
  char near[20 * 4 + 1], text[sizeof near + 80];
  unsigned long at = (unsigned long)(p->at - p->start) + 1;
  show_bytes(near, sizeof near, p->at, left < 20 ? left : 20);
  snprintf(text, sizeof text, left ? "%s at byte %lu near '%s'"
                                   : "%s at byte %lu", p->error, at, near);
  lua_pushstring(d->L, text);
}


static int decode_text (lua_State *L, const char *s, size_t n, int limit,
                        int vectors) {
  decoder d;
  int top = lua_gettop(L);
  luaL_checkstack(L, 8, "decoding JSON");
  d.L = L;
  d.vectors = vectors;
  lua_getfield(L, LUA_REGISTRYINDEX, CODEC);
  d.codec = top + 1;
  lua_rawgeti(L, d.codec, ARRAY_MT);
  d.array_mt = top + 2;
  json_start(&d.parser, s, n, limit);
  if (push_value(&d, json_next(&d.parser)) &&
      json_next(&d.parser) == JSON_END) {
    lua_replace(L, d.codec);
    lua_settop(L, d.codec);
    return 1;
  }
  lua_settop(L, top);
  lua_pushnil(L);
  push_error(&d);
  return 0;
}


int ljson_decode (lua_State *L, const char *s, size_t n) {
  return decode_text(L, s, n, JSON_DEPTH, 0);
}


static int check_depth (lua_State *L, int arg, lua_Integer depth) {
  luaL_argcheck(L, depth >= 1 && depth <= JSON_DEPTH_MAX, arg,
                "depth must be from 1 to 4096");
  return (int)depth;
}


/* decode(text [, depth | { depth =, vectors = }]) -> value | nil, message */
static int decode (lua_State *L) {
  size_t n;
  const char *s;
  int depth, vectors = 0;
  luaL_checktype(L, 1, LUA_TSTRING);
  s = lua_tolstring(L, 1, &n);
  lua_settop(L, 2);
  if (lua_istable(L, 2)) {
    lua_getfield(L, 2, "vectors");
    vectors = lua_toboolean(L, -1);
    lua_getfield(L, 2, "depth");
    lua_replace(L, 2);
  }
  depth = check_depth(L, 2, luaL_optinteger(L, 2, JSON_DEPTH));
  return decode_text(L, s, n, depth, vectors) ? 1 : 2;
}


/* ============================================================= encoding */

typedef struct encoder {
  lua_State *L;
  char *data;          /* `first`, or the scratch userdata in slot `box` */
  size_t size, room;   /* bytes of data used, and there */
  int box;
  int codec;           /* stack slot of the codec */
  int depth, limit;    /* containers open, and how many may be */
  int sorted;
  const void *array_mt, *empty_array_mt;  /* only compared */
  const void *empty_array;                /* NULL where there is none */
  char first[1024];
} encoder;

/* A table under way, in a chain up to the outermost. */
typedef struct level {
  const struct level *up;
  const void *table;   /* its address, to notice a cycle */
  const char *key;     /* of the member under way, alive in the table; */
  size_t length;
  lua_Number index;    /* or, where key is NULL, its index */
} level;

typedef struct member {
  const char *key;     /* alive in the table */
  size_t length;
} member;

static void encode_value (encoder *e, const level *up);


static void grow (encoder *e, size_t more) {
  size_t room = e->room * 2;
  char *data;
  if (room < e->size + more) room = e->size + more;
  data = compat_scratch(e->L, room);
  memcpy(data, e->data, e->size);
  lua_replace(e->L, e->box);
  e->data = data;
  e->room = room;
}


/* Where `more` bytes can be written; the caller then adds to size. */
static inline char *reserve (encoder *e, size_t more) {
  if (e->room - e->size < more) grow(e, more);
  return e->data + e->size;
}


static inline void add (encoder *e, const char *s, size_t n) {
  if (n == 0) return;
  memcpy(reserve(e, n), s, n);
  e->size += n;
}


static inline void add_byte (encoder *e, char c) {
  *reserve(e, 1) = c;
  e->size++;
}


static int is_name (const char *s, size_t n) {
  if (n == 0 || n > 40) return 0;
  for (size_t i = 0; i < n; i++) {
    char c = s[i], letter = (char)(c | 0x20);
    int digit = c >= '0' && c <= '9';
    if (c != '_' && !(letter >= 'a' && letter <= 'z') && !(digit && i > 0))
      return 0;
  }
  return 1;
}


/* One step of a path: .name, ["any key"] or [3]. */
static void write_step (char *to, size_t room, const level *at, int first) {
  char key[100];
  if (!at->key) {
    snprintf(to, room, "[%.14g]", at->index);
  } else if (is_name(at->key, at->length)) {
    snprintf(to, room, "%s%.*s", first ? "" : ".", (int)at->length, at->key);
  } else {
    show_bytes(key, sizeof key, at->key, at->length < 40 ? at->length : 40);
    snprintf(to, room, "[\"%s\"]", key);
  }
}


/* The path's outer steps, as far as they fit; returns the bytes used. */
static size_t write_path (char *to, size_t room, const level *at) {
  size_t used = at->up ? write_path(to, room, at->up) : 0;
  if (room - used < 128) return used;
  write_step(to + used, room - used, at, used == 0);
  return used + strlen(to + used);
}


/* Raises; `at` leads to what can't be encoded, and is NULL at the top. */
static int refuse (encoder *e, const level *at, const char *what) {
  char path[512];
  if (!at) return luaL_error(e->L, "cannot encode %s", what);
  write_path(path, sizeof path, at);
  return luaL_error(e->L, "cannot encode %s at %s", what, path);
}


static int refuse_type (encoder *e, const level *at, int index) {
  int type = lua_type(e->L, index);
  const char *name = lua_typename(e->L, type);
  if (type == LUA_TTHREAD) name = "coroutine";
  if (type == LUA_TLIGHTUSERDATA) name = "light userdata";
  return refuse(e, at, lua_pushfstring(e->L, "a %s", name));
}


static void encode_text (encoder *e, const char *s, size_t n) {
  add_byte(e, '"');
  while (n > 0) {
    size_t used = json_clean(s, n);
    add(e, s, used);
    s += used;
    n -= used;
    if (n == 0) break;
    e->size += json_escape(s, n, reserve(e, JSON_ESCAPE_SIZE), &used);
    s += used;
    n -= used;
  }
  add_byte(e, '"');
}


static void encode_string (encoder *e) {
  size_t n;
  const char *s = lua_tolstring(e->L, -1, &n);
  encode_text(e, s, n);
}


/* Where all numbers are doubles, one that counts is written as it counts. */
static int is_whole (double value) {
  if (COMPAT_INTEGERS || fabs(value) > 9007199254740992.0) return 0;
  return value == floor(value) && !(value == 0 && signbit(value));
}


static void encode_number (encoder *e, const level *up) {
  lua_State *L = e->L;
  char *to = reserve(e, JSON_NUMBER_SIZE);
  double value = lua_tonumber(L, -1);
  if (lua_isinteger(L, -1))
    e->size += json_write_integer(lua_tointeger(L, -1), to);
  else if (isnan(value))
    refuse(e, up, "NaN");
  else if (isinf(value))
    refuse(e, up, "an infinity");
  else if (is_whole(value))
    e->size += json_write_integer((int64_t)value, to);
  else
    e->size += json_write_number(value, to);
}


/* LuaJIT's 64-bit integers; the codec knows how to tell and write them. */
static void encode_cdata (encoder *e, const level *up) {
  lua_State *L = e->L;
  size_t n;
  const char *digits;
  lua_rawgeti(L, e->codec, INT64_DIGITS);
  if (lua_isnil(L, -1)) refuse_type(e, up, -2);
  lua_pushvalue(L, -2);
  lua_call(L, 1, 1);
  digits = lua_tolstring(L, -1, &n);
  if (!digits) refuse_type(e, up, -2);
  add(e, digits, n);
  lua_pop(L, 1);
}


static void encode_pointer (encoder *e, const level *up) {
  const void *pointer = lua_touserdata(e->L, -1);
  if (!pointer) add(e, "null", 4);
  else if (pointer == e->empty_array) add(e, "[]", 2);
  else refuse_type(e, up, -1);
}


/* A vector is a list of numbers; no other userdata has JSON. */
static void encode_userdata (encoder *e, const level *up) {
  level at = { up, NULL, NULL, 0, 0 };
  size_t count;
  const float *items = lvector_test(e->L, -1, &count);
  if (!items) refuse_type(e, up, -1);
  add_byte(e, '[');
  for (size_t i = 0; i < count; i++) {
    at.index = (lua_Number)(i + 1);
    if (isnan(items[i])) refuse(e, &at, "NaN");
    if (isinf(items[i])) refuse(e, &at, "an infinity");
    if (i > 0) add_byte(e, ',');
    e->size += json_write_float(items[i], reserve(e, JSON_NUMBER_SIZE));
  }
  add_byte(e, ']');
}


/* Whether the table on top has an array's metatable. */
static int is_marked (const encoder *e) {
  const void *mt;
  if (!lua_getmetatable(e->L, -1)) return 0;
  mt = lua_topointer(e->L, -1);
  lua_pop(e->L, 1);
  return mt == e->array_mt || mt == e->empty_array_mt;
}


static int is_array (const encoder *e) {
  int found;
  if (is_marked(e)) return 1;
  lua_rawgeti(e->L, -1, 1);
  found = !lua_isnil(e->L, -1);
  lua_pop(e->L, 1);
  return found;
}


/* Makes the key at -2 the level's own, for a message. */
static void name_key (lua_State *L, level *at, int type) {
  at->key = NULL;
  if (type == LUA_TSTRING) at->key = lua_tolstring(L, -2, &at->length);
  else at->index = lua_tonumber(L, -2);
}


/* Raises if the key at -2 doesn't belong into a list; else returns it. */
static lua_Number check_index (encoder *e, level *at) {
  lua_State *L = e->L;
  int type = lua_type(L, -2);
  lua_Number index = type == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
  if (index >= 1 && index == floor(index)) return index;
  if (type != LUA_TNUMBER && type != LUA_TSTRING)
    refuse(e, at->up, "a list with other keys");
  name_key(L, at, type);
  refuse(e, at, "a list with other keys");
  return 0;
}


/* How many items a list has; raises unless their keys are 1..n and no more. */
static lua_Integer check_list (encoder *e, level *at) {
  lua_State *L = e->L;
  lua_Integer count = 0;
  lua_Number last = 0;
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    lua_Number index = check_index(e, at);
    if (index > last) last = index;
    count++;
    lua_pop(L, 1);
  }
  if (last == (lua_Number)count) return count;
  for (count = 1; lua_rawgeti(L, -1, (int)count), !lua_isnil(L, -1); count++)
    lua_pop(L, 1);
  at->index = (lua_Number)count;
  refuse(e, at, "a list with holes");
  return 0;
}


static void encode_array (encoder *e, level *at) {
  lua_Integer count = check_list(e, at);
  add_byte(e, '[');
  for (lua_Integer i = 1; i <= count; i++) {
    if (i > 1) add_byte(e, ',');
    lua_rawgeti(e->L, -1, i);
    at->index = (lua_Number)i;
    encode_value(e, at);
    lua_pop(e->L, 1);
  }
  add_byte(e, ']');
}


/* Raises unless the key at -2 is a string; makes it the level's own. */
static void check_key (encoder *e, level *at) {
  int type = lua_type(e->L, -2);
  if (type != LUA_TSTRING && type != LUA_TNUMBER)
    refuse(e, at->up, lua_pushfstring(e->L, "a table with a %s as a key",
                                      lua_typename(e->L, type)));
  name_key(e->L, at, type);
  if (type == LUA_TNUMBER) refuse(e, at, "a number as a key");
}


/* The member whose value is on top and whose key the level has. */
static void encode_member (encoder *e, level *at) {
  encode_text(e, at->key, at->length);
  add_byte(e, ':');
  encode_value(e, at);
}


static void encode_pairs (encoder *e, level *at) {
  lua_State *L = e->L;
  int more = 0;
  lua_pushnil(L);
  for (; lua_next(L, -2); lua_pop(L, 1)) {
    check_key(e, at);
    if (more++) add_byte(e, ',');
    encode_member(e, at);
  }
}


static int compare_members (const void *a, const void *b) {
  const member *x = a, *y = b;
  size_t n = x->length < y->length ? x->length : y->length;
  int order = memcmp(x->key, y->key, n);
  if (order) return order;
  return (x->length > y->length) - (x->length < y->length);
}


/* Pushes a list of the keys of the table on top, which keeps them alive, and
** scratch with its members. What is allocated here may run a finalizer, and
** that may change the table: only what was counted is taken. */
static member *push_members (encoder *e, level *at, size_t *count) {
  lua_State *L = e->L;
  member *list;
  size_t n = 0, room;
  lua_pushnil(L);
  for (; lua_next(L, -2); lua_pop(L, 1)) {
    check_key(e, at);
    n++;
  }
  room = n;
  lua_createtable(L, (int)room, 0);
  list = compat_scratch(L, room * sizeof *list + 1);
  n = 0;
  lua_pushnil(L);
  for (; lua_next(L, -4); lua_pop(L, 1)) {
    if (n == room || lua_type(L, -2) != LUA_TSTRING) continue;
    list[n].key = lua_tolstring(L, -2, &list[n].length);
    lua_pushvalue(L, -2);
    lua_rawseti(L, -5, (int)++n);
  }
  *count = n;
  return list;
}


static void encode_sorted (encoder *e, level *at) {
  lua_State *L = e->L;
  size_t count;
  member *list = push_members(e, at, &count);
  qsort(list, count, sizeof *list, compare_members);
  for (size_t i = 0; i < count; i++) {
    at->key = list[i].key;
    at->length = list[i].length;
    if (i) add_byte(e, ',');
    lua_pushlstring(L, at->key, at->length);
    lua_rawget(L, -4);
    encode_member(e, at);
    lua_pop(L, 1);
  }
  lua_pop(L, 2);
}


static void encode_object (encoder *e, level *at) {
  add_byte(e, '{');
  if (e->sorted) encode_sorted(e, at);
  else encode_pairs(e, at);
  add_byte(e, '}');
}


static void check_cycle (encoder *e, const level *up, const void *table) {
  for (const level *at = up; at; at = at->up)
    if (at->table == table) refuse(e, up, "a cycle");
}


static void encode_table (encoder *e, const level *up) {
  level at = { up, lua_topointer(e->L, -1), NULL, 0, 0 };
  check_cycle(e, up, at.table);
  if (e->depth == e->limit)
    refuse(e, up, lua_pushfstring(e->L, "more than %d levels", e->limit));
  luaL_checkstack(e->L, 8, "encoding JSON");
  e->depth++;
  if (is_array(e)) encode_array(e, &at);
  else encode_object(e, &at);
  e->depth--;
}


/* The value on top, which stays there. */
static void encode_value (encoder *e, const level *up) {
  switch (lua_type(e->L, -1)) {
    case LUA_TBOOLEAN:
      if (lua_toboolean(e->L, -1)) add(e, "true", 4);
      else add(e, "false", 5);
      break;
    case LUA_TNUMBER: encode_number(e, up); break;
    case LUA_TSTRING: encode_string(e); break;
    case LUA_TTABLE: encode_table(e, up); break;
    case LUA_TLIGHTUSERDATA: encode_pointer(e, up); break;
    case LUA_TUSERDATA: encode_userdata(e, up); break;
    case COMPAT_TCDATA: encode_cdata(e, up); break;
    default: refuse_type(e, up, -1);
  }
}


/* Pushes the codec and the slot of the buffer. */
static void start_encoder (encoder *e, lua_State *L) {
  luaL_checkstack(L, 16, "encoding JSON");
  e->L = L;
  e->data = e->first;
  e->size = 0;
  e->room = sizeof e->first;
  e->depth = 0;
  lua_getfield(L, LUA_REGISTRYINDEX, CODEC);
  e->codec = lua_gettop(L);
  lua_rawgeti(L, e->codec, ARRAY_MT);
  e->array_mt = lua_topointer(L, -1);
  lua_rawgeti(L, e->codec, EMPTY_ARRAY_MT);
  e->empty_array_mt = lua_topointer(L, -1);
  lua_rawgeti(L, e->codec, EMPTY_ARRAY);
  e->empty_array = lua_touserdata(L, -1);
  lua_pop(L, 3);
  lua_pushnil(L);
  e->box = lua_gettop(L);
}


static void read_options (lua_State *L, encoder *e) {
  e->limit = JSON_DEPTH;
  e->sorted = 0;
  if (lua_isnoneornil(L, 2)) return;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_getfield(L, 2, "sort");
  e->sorted = lua_toboolean(L, -1);
  lua_getfield(L, 2, "depth");
  e->limit = check_depth(L, 2, luaL_optinteger(L, -1, JSON_DEPTH));
  lua_pop(L, 2);
}


/* encode(value [, { sort =, depth = }]) -> text */
static int encode (lua_State *L) {
  encoder e;
  luaL_checkany(L, 1);
  read_options(L, &e);
  start_encoder(&e, L);
  lua_pushvalue(L, 1);
  encode_value(&e, NULL);
  lua_pushlstring(L, e.data, e.size);
  return 1;
}


/* =============================================================== module */

/* setup(values): the codec's, by name, from the Lua half; what is absent
** stays as it is. Returns the metatable of arrays. */
static int setup (lua_State *L) {
  static const char *const names[] = { "array_mt", "empty_array_mt",
    "empty_array", "make_int64", "int64_digits", NULL };
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_getfield(L, LUA_REGISTRYINDEX, CODEC);
  for (int i = 0; names[i]; i++) {
    lua_getfield(L, 1, names[i]);
    if (lua_isnil(L, -1)) lua_pop(L, 1);
    else lua_rawseti(L, -2, i + ARRAY_MT);
  }
  lua_rawgeti(L, -1, ARRAY_MT);
  return 1;
}


/* One codec a state, however often the module is opened: tables it marked
** once must stay marked. */
static void open_codec (lua_State *L) {
  int known;
  lua_getfield(L, LUA_REGISTRYINDEX, CODEC);
  known = lua_istable(L, -1);
  lua_pop(L, 1);
  if (known) return;
  lua_createtable(L, LIST, 0);
  lua_newtable(L);
  lua_pushliteral(L, "marea.array");
  lua_setfield(L, -2, "__name");
  lua_rawseti(L, -2, ARRAY_MT);
  if (luaL_loadstring(L, "return {...}") != 0) lua_error(L);
  lua_rawseti(L, -2, LIST);
  lua_setfield(L, LUA_REGISTRYINDEX, CODEC);
}


int ljson_open (lua_State *L) {
  static const luaL_Reg functions[] = {
    { "decode", decode },
    { "encode", encode },
    { "setup",  setup },
    { NULL,     NULL }
  };
  open_codec(L);
  lua_newtable(L);
  compat_setfuncs(L, functions);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  return 1;
}
