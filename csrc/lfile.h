/* SPDX-License-Identifier: MIT */
/* Files, as the calls that send or save one need them. */
#ifndef MAREA_LFILE_H
#define MAREA_LFILE_H

#include <lua.h>

int lfile_open (lua_State *L);   /* pushes the table of functions */

#endif
