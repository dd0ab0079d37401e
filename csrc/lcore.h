/* SPDX-License-Identifier: MIT */
/* The C modules, for programs that link them in. */
#ifndef MAREA_LCORE_H
#define MAREA_LCORE_H

#include <lua.h>
#include <lauxlib.h>

LUALIB_API int luaopen_marea_core (lua_State *L);
LUALIB_API int luaopen_marea_net (lua_State *L);

#endif
