/* SPDX-License-Identifier: MIT */
#ifndef MAREA_LCOMPILED_H
#define MAREA_LCOMPILED_H

#include <lua.h>

/* Lets `require` take compiled files, once a state; [0, 0] */
void lcompiled_open (lua_State *L);

#endif
