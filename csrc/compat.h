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

/* Takes the value on top; the userdata at idx > 0 keeps it alive from now on, and
** none before it. */
static inline void compat_keep (lua_State *L, int idx) {
#if LUA_VERSION_NUM < 502
  lua_createtable(L, 1, 0);   /* 5.1 keeps tables alone */
  lua_insert(L, -2);
  lua_rawseti(L, -2, 1);
#endif
  lua_setuservalue(L, idx);
}

/* Can what is called now have been called by a finalizer, or by a hook, in the
** middle of making a value? While a finalizer runs, no Lua collects. */
static inline int compat_may_interrupt (lua_State *L) {
#ifdef LUA_GCISRUNNING
  return lua_gc(L, LUA_GCISRUNNING, 0) != 1 || lua_gethook(L) != NULL;
#else
  (void)L;
  return 1;
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

/* what the package library calls its list of searchers */
#define COMPAT_SEARCHERS  (LUA_VERSION_NUM < 502 ? "loaders" : "searchers")

#endif
