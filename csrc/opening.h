/* SPDX-License-Identifier: MIT */
/* A stream of completions opens with a chunk that says who speaks, and one with
** the first piece of text. Of most, all but that text can wait: the reader gets
** it before Lua values are made of its chunk. Free of Lua and libcurl. */
#ifndef MAREA_OPENING_H
#define MAREA_OPENING_H

#include <stddef.h>

#define OPENING_CHUNKS  2            /* that may wait, */
#define OPENING_SIZE    (2 * 1024)   /* and the longest of them */

/* Whether the chunk is JSON of one choice whose delta tells nothing but text.
** Each of its other fields says null, or is a plain value with no say in how
** the chunk is read. Then *text is the value of "content" as it stands there,
** without escapes; empty if it has none, or says "". */
int opening_read (const char *chunk, size_t n, const char **text, size_t *len);

#endif
