/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "json.h"
#include "opening.h"

#define DEPTH  4   /* of a delta's values */

struct opening {
  json_parser parser;
  const char *text;   /* the content */
  size_t len;
  int choices, deltas, contents;   /* how many were seen */
};

/* Reads the value of the member whose key was just read; 0: it can't wait. */
typedef int reader (struct opening *o);


static int is_key (const struct opening *o, const char *key) {
  return o->parser.length == strlen(key) &&
         memcmp(o->parser.text, key, o->parser.length) == 0;
}


static int next_is (struct opening *o, json_event event) {
  return json_next(&o->parser) == event;
}


static int next_is_plain (struct opening *o) {
  json_event event = json_next(&o->parser);
  return event >= JSON_NULL && event <= JSON_STRING;
}


/* What follows '{'. A key may be spelt with escapes: not here. */
static int read_members (struct opening *o, reader *read) {
  json_event event;
  while ((event = json_next(&o->parser)) == JSON_KEY)
    if (o->parser.escaped || !read(o)) return 0;
  return event == JSON_OBJECT_END;
}


static int read_content (struct opening *o) {
  json_event event = json_next(&o->parser);
  if (o->contents++ > 0) return 0;
  if (event == JSON_NULL) return 1;
  o->text = o->parser.text;
  o->len = o->parser.length;
  return event == JSON_STRING && !o->parser.escaped;
}


static int read_delta (struct opening *o) {
  if (is_key(o, "content")) return read_content(o);
  if (is_key(o, "role")) return next_is_plain(o);
  return next_is(o, JSON_NULL);
}


static int read_choice (struct opening *o) {
  if (is_key(o, "delta"))
    return o->deltas++ == 0 && next_is(o, JSON_OBJECT) &&
           read_members(o, read_delta);
  if (is_key(o, "finish_reason")) return next_is(o, JSON_NULL);
  if (is_key(o, "text") || is_key(o, "message")) return 0;
  return next_is_plain(o);
}


static int read_chunk (struct opening *o) {
  if (is_key(o, "choices"))
    return o->choices++ == 0 && next_is(o, JSON_ARRAY) &&
           next_is(o, JSON_OBJECT) && read_members(o, read_choice) &&
           next_is(o, JSON_ARRAY_END);
  if (is_key(o, "error") || is_key(o, "type")) return 0;
  return next_is_plain(o);
}


int opening_read (const char *chunk, size_t n, const char **text, size_t *len) {
  struct opening o;
  if (n > OPENING_SIZE) return 0;
  o.text = chunk;
  o.len = 0;
  o.choices = o.deltas = o.contents = 0;
  json_start(&o.parser, chunk, n, DEPTH);
  if (!next_is(&o, JSON_OBJECT) || !read_members(&o, read_chunk) ||
      !next_is(&o, JSON_END) || o.deltas == 0)
    return 0;
  *text = o.text;
  *len = o.len;
  return 1;
}
