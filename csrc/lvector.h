/* SPDX-License-Identifier: MIT */
/* Vectors: float32 numbers packed in one userdata. Its size says how many, at
** least one; they never change once Lua has seen it. */
#ifndef MAREA_LVECTOR_H
#define MAREA_LVECTOR_H

#include <stddef.h>

#include <lua.h>

/* Defines the type; pushes the table that makes vectors. */
int lvector_open (lua_State *L);

/* The numbers of the vector at a stack index; NULL if none is there. */
const float *lvector_test (lua_State *L, int index, size_t *count);

/* Pushes the vector that base64 text stands for and returns NULL; or pushes
** nothing and returns why it stands for none. */
const char *lvector_decode (lua_State *L, const char *s, size_t n);

#endif
