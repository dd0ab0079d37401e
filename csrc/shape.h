/* SPDX-License-Identifier: MIT */
/* In a stream of completions successive chunks differ only in the text of one
** JSON string: the bytes before and after it repeat. A shape is such a chunk
** with its text cut out. A chunk that fits is, byte for byte, the JSON that
** was decoded before, but for that string: its text can be taken without
** decoding the rest. A chunk that does not fit is decoded as any other.
** Free of Lua and libcurl. */
#ifndef MAREA_SHAPE_H
#define MAREA_SHAPE_H

#include <stddef.h>

struct shape {
  char *bytes;              /* owned: prefix, then suffix; NULL: fits nothing */
  size_t prefix, suffix;    /* their lengths */
};

/* Learns from a chunk known to hold `text` as the value of `key`. Returns 0,
** and fits nothing from then on, unless "key" stands exactly once in the
** chunk as a key and its value is written just as `text`, without escapes. */
int shape_learn (struct shape *s, const char *chunk, size_t n,
                 const char *key, const char *text, size_t text_len);

/* Learns from a chunk in which the value of one key, said once, is the string
** `text` that stands there without escapes. Returns 0 if out of memory. */
int shape_keep (struct shape *s, const char *chunk, size_t n,
                const char *text, size_t text_len);

/* If the chunk fits, returns 1 and where the raw string is (between its
** quotes; escapes not decoded, and not yet known to be one string). */
int shape_fits (const struct shape *s, const char *chunk, size_t n,
                const char **raw, size_t *raw_len);

void shape_free (struct shape *s);

#endif
