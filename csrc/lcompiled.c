/* SPDX-License-Identifier: MIT */
/*
** A searcher for `require` that spares Lua the parsing of this library, which is
** a sixth of what a program that makes one request takes. Beside the C modules
** there may be a compiled file for each Lua module: its source, as it was, and
** then its code. The code is taken if the source that `require` would load is
** still that. Whatever else is found, or isn't, is left to Lua.
*/
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <lauxlib.h>

#include "compat.h"
#include "lcompiled.h"

#define OPENED     "marea.compiled"   /* in the registry, where this is done */
#define PREFIX     "marea."
#define CORE       "marea.core"
#define SIGNATURE  '\033'             /* all code begins so, and no source of ours
                                         has it */


/* Pushes the package library as it was loaded, whatever a sandbox shows of it. */
static int push_package (lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
  if (!lua_istable(L, -1)) return 0;
  lua_getfield(L, -1, "package");
  return lua_istable(L, -1);
}


/* Pushes package.searchpath(name, package[field]), if it is a path: whether. */
static int push_path (lua_State *L, const char *name, const char *field) {
  if (!push_package(L)) return 0;
  lua_getfield(L, -1, "searchpath");
  lua_pushstring(L, name);
  lua_getfield(L, -3, field);
  if (!lua_isfunction(L, -3) || !lua_isstring(L, -1)) return 0;
  lua_call(L, 2, 1);
  return lua_isstring(L, -1);
}


/* Pushes memory with what the file holds; NULL where it can't be read whole. */
static const char *push_file (lua_State *L, const char *path, size_t *size) {
  struct stat about;
  FILE *file;
  char *text;
  size_t n;
  if (stat(path, &about) != 0 || !S_ISREG(about.st_mode)) return NULL;
  *size = (size_t)about.st_size;
  text = compat_scratch(L, *size + 1);
  file = fopen(path, "rb");
  if (!file) return NULL;
  setvbuf(file, NULL, _IONBF, 0);
  n = fread(text, 1, *size, file);
  fclose(file);
  return n == *size ? text : NULL;
}


/* Where the compiled file of marea.x.y would be: beside the C modules, x/y.luac */
static const char *push_compiled_path (lua_State *L, const char *name) {
  const char *rest = luaL_gsub(L, name + sizeof PREFIX - 1, ".", "/");
  return lua_pushfstring(L, "%s%s.luac", lua_tostring(L, lua_upvalueindex(1)),
                         rest);
}


static int load_code (lua_State *L, const char *name, const char *path) {
  size_t source_size, size;
  const char *source, *text = push_file(L, push_compiled_path(L, name), &size);
  if (!text) return 0;
  source = push_file(L, path, &source_size);
  if (!source || source_size >= size || text[source_size] != SIGNATURE) return 0;
  if (memcmp(source, text, source_size) != 0) return 0;
  return luaL_loadbuffer(L, text + source_size, size - source_size, path) == 0;
}


/* search(name) -> loader, path; nothing where that is for another to do */
static int search (lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  int path;
  if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0) return 0;
  if (!push_path(L, name, "path")) return 0;
  path = lua_gettop(L);
  if (!load_code(L, name, lua_tostring(L, path))) return 0;
  lua_pushvalue(L, path);
  return 2;
}


/* Pushes the directory of this module, with the slash; whether it is known. */
static int push_directory (lua_State *L) {
  const char *path, *slash;
  if (!push_path(L, CORE, "cpath")) return 0;
  path = lua_tostring(L, -1);
  slash = strrchr(path, '/');
  if (!slash) return 0;
  lua_pushlstring(L, path, (size_t)(slash - path) + 1);
  return 1;
}


static int push_searchers (lua_State *L) {
  if (!push_package(L)) return 0;
  lua_getfield(L, -1, LUA_VERSION_NUM < 502 ? "loaders" : "searchers");
  return lua_istable(L, -1);
}


/* After the first searcher, which finds what is in memory. */
static void insert (lua_State *L, int searchers, int searcher) {
  int last = (int)lua_rawlen(L, searchers);
  for (int i = last; i >= 2; i--) {
    lua_rawgeti(L, searchers, i);
    lua_rawseti(L, searchers, i + 1);
  }
  lua_pushvalue(L, searcher);
  lua_rawseti(L, searchers, last < 1 ? 1 : 2);
}


static int is_open (lua_State *L) {
  int open;
  lua_getfield(L, LUA_REGISTRYINDEX, OPENED);
  open = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return open;
}


void lcompiled_open (lua_State *L) {
  int top = lua_gettop(L), searchers;
  if (is_open(L)) return;
  if (push_searchers(L)) {
    searchers = lua_gettop(L);
    if (push_directory(L)) {
      lua_pushcclosure(L, search, 1);
      insert(L, searchers, lua_gettop(L));
      lua_pushboolean(L, 1);
      lua_setfield(L, LUA_REGISTRYINDEX, OPENED);
    }
  }
  lua_settop(L, top);
}
