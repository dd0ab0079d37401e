/* SPDX-License-Identifier: MIT */
/* How to build the Lua value of a chunk again, but for one string: what
** decoding does for a chunk that fits a shape (shape.h), without reading it.
** The parts that stay the same are kept in a Lua table, ready made. */
#ifndef MAREA_LRECIPE_H
#define MAREA_LRECIPE_H

#include <stddef.h>

#include <lua.h>

struct recipe {
  int *steps;          /* owned; NULL: there is no recipe */
  size_t n, room;
};

/* Learns from the value at `value`, in which the only member named `key` is
** the string that differs. The parts go to the table at `parts`, emptied
** first. Without memory, or for a value too deep, there is no recipe. */
void recipe_learn (struct recipe *r, lua_State *L, int value, int parts,
                   const char *key);

/* Pushes the value with `text`, a string at that index, in its place. Returns
** 0, having pushed nothing, if there is no recipe or no room on the stack. */
int recipe_make (const struct recipe *r, lua_State *L, int parts, int text);

void recipe_free (struct recipe *r);

#endif
