/* SPDX-License-Identifier: MIT */
/*
** JSON text: reading and writing, without Lua and without curl, so that it
** can be fuzzed and timed alone. Reading is pulled: the caller asks for one
** event after another and builds what it likes of them; nothing is allocated
** and nothing recurses, so depth costs a bit each and hostile text costs only
** its own length. Strings come as they stand in the text, still escaped, for
** most have no escape and need no copy.
*/
#ifndef MAREA_JSON_H
#define MAREA_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH 512       /* nesting allowed where the caller says nothing */
#define JSON_DEPTH_MAX 4096  /* the most a caller can ask for */
#define JSON_NUMBER_SIZE 32  /* enough for any number written below */
#define JSON_ESCAPE_SIZE 6   /* enough for what json_escape writes */

typedef enum json_event {
  JSON_ERROR,   /* not JSON: error says what, at says where; final */
  JSON_END,     /* the one document is over, only white space followed */
  JSON_NULL,
  JSON_FALSE,
  JSON_TRUE,
  JSON_INTEGER, /* integer: written without '.' and 'e', and fits */
  JSON_NUMBER,  /* number: any other */
  JSON_STRING,  /* text, length, escaped */
  JSON_KEY,     /* the same, of an object's member; its value is next */
  JSON_ARRAY,   /* '['; then the items, then JSON_ARRAY_END */
  JSON_ARRAY_END,
  JSON_OBJECT,  /* '{'; then keys and values, then JSON_OBJECT_END */
  JSON_OBJECT_END
} json_event;

typedef struct json_parser {
  const char *start, *at, *end; /* the caller's text; at is the next byte */
  const char *error;  /* a constant; NULL while all is well */
  const char *text;   /* contents of the last string, inside the text */
  size_t length;      /* of text */
  bool escaped;       /* text has escapes: json_unescape it */
  int64_t integer;
  double number;
  int depth, limit;   /* containers open, and how many may be */
  int expect;         /* private: what may come next */
  unsigned char kinds[JSON_DEPTH_MAX / 8]; /* private: a bit each, 1: object */
} json_parser;

/* The text is borrowed and needs no final NUL. 1 <= limit <= JSON_DEPTH_MAX. */
void json_start (json_parser *p, const char *s, size_t n, int limit);
json_event json_next (json_parser *p);

/*
** After JSON_NUMBER: the numbers that follow it in its array, at most room of
** them. It ends before whatever else there is, be it an integer or an error,
** which json_next then reads. 0 where it is no array.
*/
size_t json_numbers (json_parser *p, double *out, size_t room);

/* Whether the text is exactly one document. */
bool json_valid (const char *s, size_t n, int limit);

/* How many leading bytes are neither '"', '\\' nor below 0x20. */
size_t json_plain (const char *s, size_t n);

/*
** The string that stands between two quotes as s. out needs n bytes and may
** be s itself. Half a surrogate pair becomes U+FFFD; bytes that are no UTF-8
** stay. Returns the length, or -1 where s can't stand between quotes.
*/
ptrdiff_t json_unescape (const char *s, size_t n, char *out);

/* How many leading bytes can stand between quotes as they are: plain UTF-8. */
size_t json_clean (const char *s, size_t n);

/*
** Writes what stands for the byte where json_clean stopped (n > 0): an escape,
** or U+FFFD for bytes that are no UTF-8. Returns the bytes written; *used is
** how many bytes of s they replace.
*/
size_t json_escape (const char *s, size_t n, char *out, size_t *used);

/* Both write at most JSON_NUMBER_SIZE bytes, no NUL, and return how many. */
size_t json_write_integer (int64_t value, char *out);

/*
** The shortest of 15, 16 and 17 digits that reads back as the same double,
** always with a '.' or an 'e', whatever the locale. value must be finite.
*/
size_t json_write_number (double value, char *out);

/* The same for a float: the shortest of 6 to 9 digits. */
size_t json_write_float (float value, char *out);

#endif
