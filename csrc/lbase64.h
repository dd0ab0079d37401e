/* SPDX-License-Identifier: MIT */
#ifndef MAREA_LBASE64_H
#define MAREA_LBASE64_H

#include <lua.h>

int lbase64_open (lua_State *L);   /* pushes the table of functions */

#endif
