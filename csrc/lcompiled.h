/* SPDX-License-Identifier: MIT */
#ifndef MAREA_LCOMPILED_H
#define MAREA_LCOMPILED_H

#include <lua.h>

/* Lets `require` take compiled files, once a state; `file` is where the name of
** the C module's own may be. [0, 0] */
void lcompiled_open (lua_State *L, int file);

#endif
