/* SPDX-License-Identifier: MIT */
#ifndef MAREA_LLAZY_H
#define MAREA_LLAZY_H

#include <lua.h>

int llazy_library (lua_State *L);   /* open_lazily(path) -> whether it is open */

#endif
