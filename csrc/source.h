/* SPDX-License-Identifier: MIT */
/* Bytes to be sent, read when they are wanted: from memory, or from a file,
** which must stay as long as it was when it was looked at. No Lua and no
** libcurl here. */
#ifndef MAREA_SOURCE_H
#define MAREA_SOURCE_H

#include <stddef.h>
#include <stdint.h>

struct source {
  const char *bytes;    /* borrowed; NULL: a file */
  int fd;               /* owned, if it is a file; -1 once closed */
  int64_t size, given;  /* bytes in all, and those read so far */
  const char *fault;    /* why no more can be read; or NULL */
};

/* Opens a regular file for reading and tells its size. Returns -1, and sets
** errno, for what can't be read: EISDIR for a directory, ESPIPE for what has
** no size, such as a pipe, which it does not wait for. */
int file_open (const char *path, int64_t *size);

void source_memory (struct source *s, const char *bytes, size_t n);

/* The file must have this many bytes. Returns 0, or an errno; the source must
** be closed in either case. */
int source_file (struct source *s, const char *path, int64_t size);

/* Up to n bytes; 0 at the end; -1 where the file has changed (s->fault). */
ptrdiff_t source_read (struct source *s, char *to, size_t n);

void source_seek (struct source *s, int64_t to);
void source_close (struct source *s);   /* harmless twice */

#endif
