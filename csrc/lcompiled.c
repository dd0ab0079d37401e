/* SPDX-License-Identifier: MIT */
/*
** A searcher for `require` that spares Lua the parsing of this library, which is
** a sixth of what a program that makes one request takes. Beside the C modules
** there may be a compiled file for each Lua module: its source, as it was, and
** then its code. The code is taken if the source that Lua itself would load is
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


/* Pushes results of package.searchpath(name, package[field]), where there is
** that function and such a field. */
static int push_search (lua_State *L, const char *name, const char *field,
                        int results) {
  if (!push_package(L)) return 0;
  lua_getfield(L, -1, "searchpath");
  lua_pushstring(L, name);
  lua_getfield(L, -3, field);
  if (!lua_isfunction(L, -3) || !lua_isstring(L, -1)) return 0;
  lua_call(L, 2, results);
  return 1;
}


/* The same if it is a path. */
static int push_path (lua_State *L, const char *name, const char *field) {
  return push_search(L, name, field, 1) && lua_isstring(L, -1);
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


/* search(name) -> loader, path; nil where that is for another to do */
static int search (lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  lua_pushnil(L);
  if (strncmp(name, PREFIX, sizeof PREFIX - 1) == 0 &&
      push_path(L, name, "path")) {
    int path = lua_gettop(L);
    if (load_code(L, name, lua_tostring(L, path))) {
      lua_pushvalue(L, path);
      return 2;
    }
  }
  lua_settop(L, 2);
  return 1;
}


/* Pushes the directory of this module, with the slash; whether it is known. The
** file it is from may be told by `require`. */
static int push_directory (lua_State *L, int file) {
  const char *path, *slash;
  if (lua_isstring(L, file)) lua_pushvalue(L, file);
  else if (!push_path(L, CORE, "cpath")) return 0;
  path = lua_tostring(L, -1);
  slash = strrchr(path, '/');
  if (!slash) return 0;
  lua_pushlstring(L, path, (size_t)(slash - path) + 1);
  return 1;
}


static int push_searchers (lua_State *L) {
  if (!push_package(L)) return 0;
  lua_getfield(L, -1, COMPAT_SEARCHERS);
  return lua_istable(L, -1);
}


static int same_but_for_space (const char *a, const char *b) {
  return strcmp(a + strspn(a, "\n\t"), b + strspn(b, "\n\t")) == 0;
}


/* The place of Lua's own searcher of Lua files, 0 where there is none: what it
** says of a module that can't be is what package.searchpath says. Hosts have
** searchers of their own before it, whose files are to be taken first. */
static int own_place (lua_State *L, int searchers) {
  static const char nowhere[] = PREFIX "\1nowhere";
  int top = lua_gettop(L), place = (int)lua_rawlen(L, searchers);
  if (push_search(L, nowhere, "path", 2) && lua_isstring(L, -1)) {
    const char *said = lua_tostring(L, -1);
    for (; place >= 1; place--) {
      lua_rawgeti(L, searchers, place);
      lua_pushstring(L, nowhere);
      if (lua_pcall(L, 1, 1, 0) == 0 && lua_isstring(L, -1) &&
          same_but_for_space(lua_tostring(L, -1), said))
        break;
      lua_pop(L, 1);
    }
  } else {
    place = 0;
  }
  lua_settop(L, top);
  return place;
}


static void insert (lua_State *L, int searchers, int place, int searcher) {
  for (int i = (int)lua_rawlen(L, searchers); i >= place; i--) {
    lua_rawgeti(L, searchers, i);
    lua_rawseti(L, searchers, i + 1);
  }
  lua_pushvalue(L, searcher);
  lua_rawseti(L, searchers, place);
}


static int is_open (lua_State *L) {
  int open;
  lua_getfield(L, LUA_REGISTRYINDEX, OPENED);
  open = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return open;
}


void lcompiled_open (lua_State *L, int file) {
  int top = lua_gettop(L), searchers, place;
  if (is_open(L)) return;
  if (push_searchers(L)) {
    searchers = lua_gettop(L);
    place = own_place(L, searchers);
    if (place > 0 && push_directory(L, file)) {
      lua_pushcclosure(L, search, 1);
      insert(L, searchers, place, lua_gettop(L));
      lua_pushboolean(L, 1);
      lua_setfield(L, LUA_REGISTRYINDEX, OPENED);
    }
  }
  lua_settop(L, top);
}
