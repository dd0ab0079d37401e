/* SPDX-License-Identifier: MIT */
#ifndef MAREA_LFORM_H
#define MAREA_LFORM_H

#include <lua.h>

#include "form.h"

/* Reads the list of parts on top of the stack, each a table: `data`, or `path`
** and `size`; `name`, but for a body of one part that is sent as it is;
** `filename` and `type` where they are to be said. The form goes to *f, owned
** by whoever owns that, before anything here can raise; it borrows the list's
** strings. */
void lform_read (lua_State *L, struct form **f);

#endif
