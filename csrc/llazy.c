/* SPDX-License-Identifier: MIT */
/* Opens a shared library as the system does for programs: a function is looked
** up when it is first called. Lua has all of them looked up at once, those of
** the libraries below too: of libcurl's thirty a request calls very few. What
** is open already, Lua's `require` takes as it is. */
#include <dlfcn.h>

#include <lauxlib.h>

#include "llazy.h"


/* Never closed: who opens a module so goes on to load it, for good. */
int llazy_library (lua_State *L) {
  void *library = dlopen(luaL_checkstring(L, 1), RTLD_LAZY | RTLD_LOCAL);
  lua_pushboolean(L, library != NULL);
  return 1;
}
