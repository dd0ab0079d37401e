/* SPDX-License-Identifier: MIT */
/* For programs that embed Lua and are linked with libmarea.a, libcurl and
** libuv: nothing of marea is then looked for in files.
**
**   luaL_openlibs(L);
**   lua_pushcfunction(L, luaopen_marea);
**   lua_call(L, 0, 1);             -- the module; `require "marea"` gives it, too
**
** A state belongs to the thread that first uses marea in it; there may be any
** number of states, in any number of threads. */
#ifndef MAREA_H
#define MAREA_H

#include <lua.h>

#ifdef __cplusplus
extern "C"
#endif
int luaopen_marea (lua_State *L);

#endif
