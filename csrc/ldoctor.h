/* SPDX-License-Identifier: MIT */
/* What marea.doctor asks of C. */
#ifndef MAREA_LDOCTOR_H
#define MAREA_LDOCTOR_H

#include <lua.h>

/* Sets `features` and `loopback` in the table on top. */
void ldoctor_define (lua_State *L);

#endif
