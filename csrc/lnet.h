/* SPDX-License-Identifier: MIT */
/* The binding of the engine: what its files need of one another. */
#ifndef MAREA_LNET_H
#define MAREA_LNET_H

#include <lua.h>
#include <lauxlib.h>

#include "compat.h"
#include "engine.h"

#define ENGINE_TYPE    "marea.engine"
#define TRANSFER_TYPE  "marea.transfer"
#define TEMPLATE_TYPE  "marea.template"
#define TIMER_TYPE     "marea.timer"
#define CHILD_TYPE     "marea.child"

/* The engine at a stack index. Raises if it is closed, or if this is not the
** thread, or not the process, that made it. */
struct engine *lengine_check (lua_State *L, int idx);

void lchild_define (lua_State *L);
void lengine_define (lua_State *L);     /* pushes the constructor */
void ltemplate_define (lua_State *L);
void ltransfer_define (lua_State *L);

int lchild_new (lua_State *L);
int ltemplate_new (lua_State *L);
int ltransfer_new (lua_State *L);

struct template *ltemplate_check (lua_State *L, int idx);

usec lnet_usec (double seconds);   /* 0 for none; else at least 1 */

/* The first argument of a method defined with lnet_type: as luaL_checkudata, but
** the name is looked up only where it must be said. */
void *lnet_self (lua_State *L, const char *name);

void lnet_type (lua_State *L, const char *name, const luaL_Reg *methods,
                 lua_CFunction gc);

#endif
