/* SPDX-License-Identifier: MIT */
/*
** Fuzzes shapes. The input is a key's number, how much of it is one chunk, that
** chunk, and another. A shape is learnt from the first, with the value its key
** has there; a chunk that fits must be the learnt one with other text. Where
** the first is JSON, its key must stand there once, written any way; and where
** the text put in its place can stand between quotes, decoding the whole must
** give just that text, and all else as it was.
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "shape.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

#define DEPTH  64

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

struct chunk {
  char *bytes;  /* owned, its end guarded */
  size_t n;
};

/* the one string that differs, decoded, and how often its key stands */
struct found {
  char *text;   /* owned; NULL: none, or no string */
  size_t n;
  int keys;
};


static struct chunk new_chunk (const void *bytes, size_t n) {
  struct chunk c;
  c.n = n;
  c.bytes = malloc(n);
  CHECK(c.bytes || n == 0);
  if (n) memcpy(c.bytes, bytes, n);
  return c;
}


/* The value of a string or key that was just read, owned by the caller. */
static char *decoded (const json_parser *p, size_t *n) {
  char *out = malloc(p->length + 1);
  ptrdiff_t length;
  CHECK(out);
  length = json_unescape(p->text, p->length, out);
  CHECK(length >= 0);
  *n = (size_t)length;
  return out;
}


static int is_key (const json_parser *p, const char *key) {
  size_t n;
  char *name = decoded(p, &n);
  int same = n == strlen(key) && memcmp(name, key, n) == 0;
  free(name);
  return same;
}


/* Reads a document through; 0 where it is none. */
static int find (const struct chunk *c, const char *key, struct found *f) {
  json_parser p;
  json_event event, before = JSON_NULL;
  memset(f, 0, sizeof *f);
  json_start(&p, c->bytes, c->n, DEPTH);
  while ((event = json_next(&p)) > JSON_END) {
    if (before == JSON_KEY && event == JSON_STRING) {
      free(f->text);
      f->text = decoded(&p, &f->n);
    }
    before = event == JSON_KEY && is_key(&p, key) ? JSON_KEY : JSON_NULL;
    f->keys += before == JSON_KEY;
  }
  return event == JSON_END;
}


/* Two documents are the same but for one string's text. */
static void compare (const struct chunk *a, const struct chunk *b,
                     const char *key) {
  json_parser p, q;
  json_event event;
  int ours = 0;
  json_start(&p, a->bytes, a->n, DEPTH);
  json_start(&q, b->bytes, b->n, DEPTH);
  do {
    event = json_next(&p);
    CHECK(json_next(&q) == event);
    if (event == JSON_KEY || (event == JSON_STRING && !ours))
      CHECK(p.length == q.length && !memcmp(p.text, q.text, p.length));
    ours = event == JSON_KEY && is_key(&p, key);
  } while (event > JSON_END);
  CHECK(event == JSON_END);
}


/* b is a, with raw where the text was: what does decoding it give? Raw text
** that can't stand between quotes is nobody's text: such a chunk is decoded
** as any other. */
static void check_meaning (const struct chunk *a, const struct chunk *b,
                           const char *key, const char *raw, size_t n) {
  struct found f;
  char *text = malloc(n + 1);
  ptrdiff_t length;
  CHECK(text);
  length = json_unescape(raw, n, text);
  if (length >= 0) {
    CHECK(find(b, key, &f));
    CHECK(f.keys == 1 && f.text && f.n == (size_t)length);
    CHECK(memcmp(f.text, text, f.n) == 0);
    compare(a, b, key);
    free(f.text);
  }
  free(text);
}


/* The learnt chunk with this where its text was. */
static struct chunk spliced (const struct shape *s, const char *raw, size_t n) {
  struct chunk c = new_chunk(s->bytes, s->prefix + s->suffix);
  c.bytes = realloc(c.bytes, s->prefix + n + s->suffix);
  CHECK(c.bytes);
  if (n) memcpy(c.bytes + s->prefix, raw, n);
  memcpy(c.bytes + s->prefix + n, s->bytes + s->prefix, s->suffix);
  c.n = s->prefix + n + s->suffix;
  return c;
}


static void check_fit (const struct shape *s, const struct chunk *a,
                       const struct chunk *b, const char *key, int is_json) {
  struct chunk again;
  const char *raw;
  size_t n;
  if (!shape_fits(s, b->bytes, b->n, &raw, &n)) return;
  CHECK(raw >= b->bytes && raw + n <= b->bytes + b->n);
  again = spliced(s, raw, n);
  CHECK(again.n == b->n && memcmp(again.bytes, b->bytes, b->n) == 0);
  if (is_json) check_meaning(a, b, key, raw, n);
  free(again.bytes);
}


/* What is fitted: the chunk itself, the other, and the other in its middle. */
static void check_learnt (const struct shape *s, const struct chunk *a,
                          const struct chunk *b, const char *key, int is_json) {
  struct chunk c = spliced(s, b->bytes, b->n);
  const char *raw;
  size_t n;
  CHECK(shape_fits(s, a->bytes, a->n, &raw, &n));
  CHECK(shape_fits(s, c.bytes, c.n, &raw, &n) && n == b->n);
  check_fit(s, a, a, key, is_json);
  check_fit(s, a, b, key, is_json);
  check_fit(s, a, &c, key, is_json);
  free(c.bytes);
}


static void check (const struct chunk *a, const struct chunk *b,
                   const char *key) {
  struct shape s = { 0 };
  struct found f;
  int is_json = find(a, key, &f);
  if (f.text && shape_learn(&s, a->bytes, a->n, key, f.text, f.n)) {
    CHECK(!is_json || f.keys == 1);
    check_learnt(&s, a, b, key, is_json);
  }
  else CHECK(s.bytes == NULL);
  shape_free(&s);
  free(f.text);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  static const char *const keys[] = { "content", "a", "", "\"" };
  struct chunk a, b;
  size_t n;
  if (size < 2) return 0;
  n = (size - 2) * (data[1] + 1u) / 256;
  a = new_chunk(data + 2, n);
  b = new_chunk(data + 2 + n, size - 2 - n);
  check(&a, &b, keys[data[0] % 4]);
  free(a.bytes);
  free(b.bytes);
  return 0;
}
