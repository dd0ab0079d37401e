/* SPDX-License-Identifier: MIT */
/* Drives an engine with a libuv loop of its own. The loop is never another
** program's: a host's loop is driven through the host's own functions. */
#ifndef MAREA_UVDRIVER_H
#define MAREA_UVDRIVER_H

#include "engine.h"

struct uvdriver;

struct uvdriver *uvdriver_new (struct engine *e);   /* NULL: it failed */

/* Waits at most until `until` (NEVER: as long as it takes) for something to
** happen, and lets the engine act on it. Returns 0 if there was nothing that
** could ever happen. */
int uvdriver_turn (struct uvdriver *d, usec until);

int uvdriver_fd (struct uvdriver *d);         /* to be polled; -1: none */
void uvdriver_alarm (struct uvdriver *d);     /* lets it be readable, once */
void uvdriver_free (struct uvdriver *d);

#endif
