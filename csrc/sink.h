/* SPDX-License-Identifier: MIT */
/* A file that is there whole or not at all: its bytes go to `<target>.part`,
** which takes the target's place at the end, and is removed where it does not
** come to that. Whoever writes to a target holds a lock on its .part file; one
** that nobody holds was left behind by a program that died, and is replaced.
** No Lua and no libcurl here. */
#ifndef MAREA_SINK_H
#define MAREA_SINK_H

#include <stddef.h>
#include <sys/types.h>

struct sink {
  char *target, *part;  /* owned; NULL once finished */
  int fd;               /* owned */
  pid_t pid;            /* who made the .part file, and may remove it */
};

/* Each returns 0, or an errno: EISDIR where the target is a directory, ESPIPE
** where it is a device or a pipe, EBUSY where it is being written already. A sink
** that was opened must be finished or abandoned. */
int sink_open (struct sink *s, const char *target);
int sink_write (struct sink *s, const char *bytes, size_t n);
int sink_finish (struct sink *s);    /* the target is replaced */

void sink_abandon (struct sink *s);  /* harmless twice, and once finished */

#endif
