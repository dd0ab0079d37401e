/* SPDX-License-Identifier: MIT */
/* The module marea.core: what needs no network. It is apart from marea.net so
** that a program which has not asked for anything yet has not loaded libcurl,
** and the thirty libraries that come with it, either. */
#include <sys/time.h>

#include "head.h"
#include "lbase64.h"
#include "lcompiled.h"
#include "lcore.h"
#include "lfile.h"
#include "ljson.h"
#include "llazy.h"
#include "lvector.h"
#include "timers.h"


/* seconds, on a clock that is never set */
static int now (lua_State *L) {
  lua_pushnumber(L, (lua_Number)clock_now() / 1e6);
  return 1;
}


/* seconds since 1970, on the clock of the wall, to the microsecond */
static int wall (lua_State *L) {
  struct timeval t;
  gettimeofday(&t, NULL);
  lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_usec / 1e6);
  return 1;
}


/* the head of an answer -> the media type it names, in lower case; "" if none */
static int media_type (lua_State *L) {
  size_t n, i;
  const char *type, *head = luaL_checklstring(L, 1, &n);
  luaL_Buffer b;
  n = head_media_type(head, n, &type);
  luaL_buffinit(L, &b);
  for (i = 0; i < n; i++) luaL_addchar(&b, head_lower(type[i]));
  luaL_pushresult(&b);
  return 1;
}


LUALIB_API int luaopen_marea_core (lua_State *L) {
  lcompiled_open(L, 2);
  lua_newtable(L);
  ljson_open(L);
  lua_setfield(L, -2, "json");
  lvector_open(L);
  lua_setfield(L, -2, "vector");
  lbase64_open(L);
  lua_setfield(L, -2, "base64");
  lfile_open(L);
  lua_setfield(L, -2, "file");
  lua_pushcfunction(L, now);
  lua_setfield(L, -2, "now");
  lua_pushcfunction(L, wall);
  lua_setfield(L, -2, "wall");
  lua_pushcfunction(L, media_type);
  lua_setfield(L, -2, "media_type");
  lua_pushcfunction(L, llazy_library);
  lua_setfield(L, -2, "open_lazily");
  return 1;
}
