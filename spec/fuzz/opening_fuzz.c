/* SPDX-License-Identifier: MIT */
/*
** Fuzzes openings. A chunk that can wait must be JSON, and seen as a list of
** values with their paths it must have one under choices[].delta.content that
** is the text given, none that a gatherer makes anything else of, and no path
** twice that counts.
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "opening.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

#define DEPTH  8

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* the keys that lead to the value under way, "" for a list's item */
struct path {
  char key[DEPTH][16];
  int depth;
};


static int is_at (const struct path *p, const char *a, const char *b,
                  const char *c, const char *d) {
  const char *const want[] = { a, b, c, d };
  int i = 0;
  for (; i < 4 && want[i]; i++)
    if (i >= p->depth || strcmp(p->key[i], want[i]) != 0) return 0;
  return i == p->depth;
}


static int is_in (const struct path *p, const char *a, const char *b,
                  const char *c) {
  struct path up = *p;
  up.depth--;
  return is_at(&up, a, b, c, NULL);
}


static void set_key (struct path *p, const char *key, size_t n) {
  CHECK(p->depth > 0);
  if (n > sizeof p->key[0] - 1) n = sizeof p->key[0] - 1;
  memcpy(p->key[p->depth - 1], key, n);
  p->key[p->depth - 1][n] = '\0';
}


static int is_one_of (const char *s, const char *const *list) {
  while (*list && strcmp(s, *list) != 0) list++;
  return *list != NULL;
}


/* What a value may be that is neither a list nor an object. */
static void check_plain (const struct path *p, json_event event) {
  static const char *const never[] = { "error", "type", NULL };
  static const char *const nor[] = { "text", "message", NULL };
  const char *key = p->key[p->depth - 1];
  if (is_in(p, NULL, NULL, NULL)) CHECK(!is_one_of(key, never));
  else if (is_in(p, "choices", "", NULL)) {
    CHECK(!is_one_of(key, nor));
    CHECK(strcmp(key, "finish_reason") != 0 || event == JSON_NULL);
  }
  else {
    CHECK(is_in(p, "choices", "", "delta"));
    CHECK(event == JSON_NULL || strcmp(key, "role") == 0 ||
          (event == JSON_STRING && strcmp(key, "content") == 0));
  }
}


/* Containers there may be, each once. */
static int is_container (const struct path *p) {
  return p->depth == 0 || is_at(p, "choices", NULL, NULL, NULL) ||
         is_at(p, "choices", "", NULL, NULL) ||
         is_at(p, "choices", "", "delta", NULL);
}


static void check_waits (const char *chunk, size_t n, const char *text,
                         size_t len) {
  json_parser p;
  json_event event;
  struct path at = { .depth = 0 };
  int containers = 0, contents = 0;
  json_start(&p, chunk, n, DEPTH);
  while ((event = json_next(&p)) > JSON_END) {
    if (event == JSON_KEY) {
      CHECK(!p.escaped);
      set_key(&at, p.text, p.length);
    }
    else if (event == JSON_OBJECT || event == JSON_ARRAY) {
      CHECK(is_container(&at) && ++containers <= 4);
      set_key((at.depth++, &at), "", 0);
    }
    else if (event == JSON_OBJECT_END || event == JSON_ARRAY_END) at.depth--;
    else {
      check_plain(&at, event);
      if (!is_at(&at, "choices", "", "delta", "content")) continue;
      CHECK(++contents == 1);
      if (event == JSON_STRING)
        CHECK(!p.escaped && p.text == text && p.length == len);
      else CHECK(len == 0);
    }
  }
  CHECK(event == JSON_END && containers == 4);
  CHECK(contents == 1 || len == 0);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  char *chunk = malloc(size);
  const char *text;
  size_t len;
  CHECK(chunk || size == 0);
  if (size) memcpy(chunk, data, size);
  if (opening_read(chunk, size, &text, &len))
    check_waits(chunk, size, text, len);
  free(chunk);
  return 0;
}
