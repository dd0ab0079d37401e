/* SPDX-License-Identifier: MIT */
/* The head of an answer, as it came: a status line, then lines of headers. Free
** of Lua and libcurl. */
#ifndef MAREA_HEAD_H
#define MAREA_HEAD_H

#include <stddef.h>

/* The language of the host has no say in what is a letter. */
char head_lower (char c);

/* The media type that the first Content-Type names, without its parameters and
** in whatever case it came: where in the head it is, and its length; 0 if there
** is none. */
size_t head_media_type (const char *head, size_t n, const char **type);

#endif
