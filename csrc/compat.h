/* SPDX-License-Identifier: MIT */
/*
** What differs between Lua 5.1 (LuaJIT), 5.3, 5.4 and later, and nothing else.
** The rest of the binding is written once, against these names.
*/
#ifndef MAREA_COMPAT_H
#define MAREA_COMPAT_H

#include <stdint.h>

#include <lua.h>
#include <lauxlib.h>

#if LUA_VERSION_NUM < 502
#define lua_rawlen(L, i)             lua_objlen((L), (i))
#define compat_setfuncs(L, list)     luaL_register((L), NULL, (list))
#define luaL_setfuncs(L, list, nup)  luaL_openlib((L), NULL, (list), (nup))
#define lua_setuservalue(L, i)       lua_setfenv((L), (i))
#define lua_getuservalue(L, i)       lua_getfenv((L), (i))
#else
#define compat_setfuncs(L, list)     luaL_setfuncs((L), (list), 0)
#endif

/* Memory that lives as long as its slot: a userdata with nothing attached. */
#if LUA_VERSION_NUM < 504
#define compat_scratch(L, size)      lua_newuserdata((L), (size))
#else
#define compat_scratch(L, size)      lua_newuserdatauv((L), (size), 0)
#endif

/* A userdata with `n` slots for Lua values that it keeps alive: its own, where
** Lua has them, else those of a table. Stack indices are positive. */
static inline void *compat_newslots (lua_State *L, size_t size, int n) {
#if LUA_VERSION_NUM < 504
  void *p = lua_newuserdata(L, size);
  lua_createtable(L, n, 0);
  lua_setuservalue(L, -2);
  return p;
#else
  return lua_newuserdatauv(L, size, n);
#endif
}


static inline void compat_getslot (lua_State *L, int idx, int slot) {
#if LUA_VERSION_NUM < 504
  lua_getuservalue(L, idx);
  lua_rawgeti(L, -1, slot);
  lua_remove(L, -2);
#else
  lua_getiuservalue(L, idx, slot);
#endif
}


/* Takes the value from the top. */
static inline void compat_setslot (lua_State *L, int idx, int slot) {
#if LUA_VERSION_NUM < 504
  lua_getuservalue(L, idx);
  lua_insert(L, -2);
  lua_rawseti(L, -2, slot);
  lua_pop(L, 1);
#else
  lua_setiuservalue(L, idx, slot);
#endif
}

/* Whether numbers come in two kinds; where not, every number is a double. */
#if LUA_VERSION_NUM >= 503
#define COMPAT_INTEGERS  1
#else
#define COMPAT_INTEGERS  0
#define lua_isinteger(L, i)          ((void)(L), (void)(i), 0)
#endif

#define COMPAT_TCDATA    10   /* lua_type of LuaJIT's ffi values */

#endif
