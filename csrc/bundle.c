/* SPDX-License-Identifier: MIT */
/* The whole library behind one entry, for programs that are linked with it:
** its modules go to package.preload, the Lua ones from memory. */
#include <string.h>

#include <lua.h>
#include <lauxlib.h>

#include "bundle.h"
#include "lcore.h"
#include "lnet.h"
#include "marea.h"


/* Runs a module's text, with its name as the argument; leaves its value. */
static int run (lua_State *L, const struct bundled *b) {
  if (luaL_loadbuffer(L, (const char *)b->text, b->len, b->chunk) != 0)
    return lua_error(L);
  lua_pushstring(L, b->name);
  lua_call(L, 1, 1);
  return 1;
}


static int load (lua_State *L) {
  return run(L, lua_touserdata(L, lua_upvalueindex(1)));
}


/* Puts a field of the table on top in the table's place. */
static void descend (lua_State *L, const char *field) {
  if (lua_istable(L, -1)) lua_getfield(L, -1, field);
  if (!lua_istable(L, -1))
    luaL_error(L, "marea needs the package library: call luaL_openlibs first");
  lua_replace(L, -2);
}


/* Pushes a table of the package library's. */
static void push_package (lua_State *L, const char *field) {
  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
  descend(L, "package");
  descend(L, field);
}


static const struct bundled *fill_preload (lua_State *L) {
  const struct bundled *b, *main = NULL;
  push_package(L, "preload");
  for (b = bundle; b->name; b++) {
    if (strcmp(b->name, "marea") == 0) main = b;
    lua_pushlightuserdata(L, (void *)(size_t)b);
    lua_pushcclosure(L, load, 1);
    lua_setfield(L, -2, b->name);
  }
  lua_pushcfunction(L, luaopen_marea_core);
  lua_setfield(L, -2, "marea.core");
  lua_pushcfunction(L, luaopen_marea_net);
  lua_setfield(L, -2, "marea.net");
  lua_pop(L, 1);
  return main;
}


LUALIB_API int luaopen_marea (lua_State *L) {
  push_package(L, "loaded");
  lua_getfield(L, -1, "marea");
  if (lua_istable(L, -1)) return 1;
  lua_pop(L, 1);
  run(L, fill_preload(L));
  lua_pushvalue(L, -1);
  lua_setfield(L, -3, "marea");
  return 1;
}
