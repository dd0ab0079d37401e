/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "compat.h"
#include "lrecipe.h"

#define MAX_DEPTH  16

/* Steps are numbers: a step, then its arguments. A part is named by its place
** in the table of parts. */
enum step {
  TABLE,    /* items, members: push a new table */
  PART,     /* part: push it */
  TEXT,     /* push the text */
  SET,      /* pop a key and a value into the table below */
  SET_AT,   /* index: pop a value into the table below */
  META      /* part: give the table this metatable */
};

struct writer {
  struct recipe *r;
  lua_State *L;
  int parts, nparts, depth;
  const char *key;
  int failed;
};

static void write_value (struct writer *w, int idx);


static void add (struct writer *w, int n) {
  struct recipe *r = w->r;
  if (r->n == r->room) {
    size_t room = r->room ? r->room * 2 : 64;
    int *steps = realloc(r->steps, room * sizeof *steps);
    if (steps == NULL) {
      w->failed = 1;
      return;
    }
    r->steps = steps;
    r->room = room;
  }
  r->steps[r->n++] = n;
}


/* Keeps the value on top of the stack, popped, as a part. */
static void add_part (struct writer *w, enum step step) {
  lua_rawseti(w->L, w->parts, ++w->nparts);
  add(w, step);
  add(w, w->nparts);
}


static int count_members (lua_State *L, int idx) {
  int n = 0;
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    n++;
    lua_pop(L, 1);
  }
  return n;
}


static void write_list (struct writer *w, int idx, int n) {
  int i;
  add(w, TABLE);
  add(w, n);
  add(w, 0);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(w->L, idx, i);
    write_value(w, lua_gettop(w->L));
    add(w, SET_AT);
    add(w, i);
  }
}


static void write_members (struct writer *w, int idx) {
  lua_State *L = w->L;
  add(w, TABLE);
  add(w, 0);
  add(w, count_members(L, idx));
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    int is_text = strcmp(lua_tostring(L, -2), w->key) == 0;
    lua_pushvalue(L, -2);
    add_part(w, PART);
    if (is_text) {
      add(w, TEXT);
      lua_pop(L, 1);
    }
    else write_value(w, lua_gettop(L));
    add(w, SET);
  }
}


static void write_table (struct writer *w, int idx) {
  if (lua_getmetatable(w->L, idx)) {   /* only arrays have one */
    int mt = lua_gettop(w->L);
    write_list(w, idx, (int)lua_rawlen(w->L, idx));
    lua_settop(w->L, mt);
    add_part(w, META);
  }
  else write_members(w, idx);
}


/* Pops the value, which is on top. */
static void write_value (struct writer *w, int idx) {
  if (w->failed || w->depth == MAX_DEPTH || !lua_checkstack(w->L, 8))
    w->failed = 1;
  else if (lua_type(w->L, idx) != LUA_TTABLE) {
    lua_pushvalue(w->L, idx);
    add_part(w, PART);
  }
  else {
    w->depth++;
    write_table(w, idx);
    w->depth--;
  }
  lua_settop(w->L, idx - 1);
}


void recipe_learn (struct recipe *r, lua_State *L, int value, int parts,
                   const char *key) {
  struct writer w = { 0 };
  int n = (int)lua_rawlen(L, parts);
  w.r = r;
  w.L = L;
  w.parts = parts;
  w.key = key;
  r->n = 0;
  lua_pushvalue(L, value);
  write_value(&w, lua_gettop(L));
  for (; n > w.nparts; n--) {
    lua_pushnil(L);
    lua_rawseti(L, parts, n);
  }
  if (w.failed) recipe_free(r);
}


int recipe_make (const struct recipe *r, lua_State *L, int parts, int text) {
  const int *s = r->steps, *end;
  if (s == NULL || !lua_checkstack(L, 2 * MAX_DEPTH + 4)) return 0;
  end = s + r->n;
  while (s < end) switch (*s++) {
    case TABLE:
      lua_createtable(L, s[0], s[1]);
      s += 2;
      break;
    case PART: lua_rawgeti(L, parts, *s++); break;
    case TEXT: lua_pushvalue(L, text); break;
    case SET: lua_rawset(L, -3); break;
    case SET_AT: lua_rawseti(L, -2, *s++); break;
    case META:
      lua_rawgeti(L, parts, *s++);
      lua_setmetatable(L, -2);
      break;
  }
  return 1;
}


void recipe_free (struct recipe *r) {
  free(r->steps);
  memset(r, 0, sizeof *r);
}
