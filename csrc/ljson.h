/* SPDX-License-Identifier: MIT */
/* JSON for Lua: the part of it that other C files use. */
#ifndef MAREA_LJSON_H
#define MAREA_LJSON_H

#include <stddef.h>

#include <lua.h>

/* Pushes the table that is marea.core's json; call it once for each state. */
int ljson_open (lua_State *L);

/* Pushes the value of a document and returns 1; or pushes nil and a message
** and returns 0. Raises only where memory ends. */
int ljson_decode (lua_State *L, const char *s, size_t n);

#endif
