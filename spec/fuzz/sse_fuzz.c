/* SPDX-License-Identifier: MIT */
/*
** Fuzzes the decoder of event streams against another, slow and written from
** the text of the standard: splitting the whole stream into lines first, then
** taking one field after another. The input's first bytes choose a limit and
** how the rest is cut and read; all must come out the same. So that short
** inputs reach what is done with long lines, the byte 1 stands for many.
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sse.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

#define LONG_RUN  3000   /* bytes that the byte 1 stands for, at first */
#define RUNS      6
#define MANY      1000   /* choices, of which two are made for a piece */
#define SLACK     16     /* what a line may have beyond the limit */
#define MAX_WAIT  1000000000

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

struct text {
  char *bytes;  /* owned */
  size_t n, room;
};

/* What came of a stream: its events in one text, each part with its length. */
struct outcome {
  struct text events;
  int failed;
  long retry;  /* plus 1; 0: none */
};


static void add (struct text *t, const char *bytes, size_t n) {
  if (t->room - t->n < n) {
    t->room = t->room * 2 + n;
    t->bytes = realloc(t->bytes, t->room);
    CHECK(t->bytes);
  }
  if (n) memcpy(t->bytes + t->n, bytes, n);
  t->n += n;
}


static void add_part (struct text *t, const char *bytes, size_t n) {
  add(t, (const char *)&n, sizeof n);
  add(t, bytes, n);
}


/* ---- the slow one ------------------------------------------------------- */

struct reader {
  struct text data, type, id, last_id;
  size_t max;
  struct outcome *out;
};


static int same (const char *s, size_t n, const char *name) {
  return n == strlen(name) && memcmp(s, name, n) == 0;
}


static void replace (struct text *t, const char *bytes, size_t n) {
  t->n = 0;
  add(t, bytes, n);
}


static void read_retry (struct reader *r, const char *v, size_t n) {
  unsigned long long ms = 0;
  size_t i;
  for (i = 0; i < n; i++) if (v[i] < '0' || v[i] > '9') return;
  if (n == 0) return;
  for (; n > 0 && *v == '0'; n--) v++;
  for (i = 0; i < n && i < 18; i++) ms = ms * 10 + (unsigned)(v[i] - '0');
  r->out->retry = (n > 18 || ms > MAX_WAIT ? MAX_WAIT : (long)ms) + 1;
}


static void take_field (struct reader *r, const char *name, size_t name_len,
                        const char *value, size_t n) {
  if (same(name, name_len, "data")) {
    add(&r->data, value, n);
    add(&r->data, "\n", 1);
  }
  else if (same(name, name_len, "event")) replace(&r->type, value, n);
  else if (same(name, name_len, "id")) {
    size_t i;
    for (i = 0; i < n; i++) if (value[i] == '\0') return;
    replace(&r->id, value, n);
  }
  else if (same(name, name_len, "retry")) read_retry(r, value, n);
}


static void take_line (struct reader *r, const char *line, size_t n) {
  size_t colon = 0, value;
  while (colon < n && line[colon] != ':') colon++;
  if (colon == 0) return;
  value = colon < n ? colon + 1 : n;
  if (value < n && line[value] == ' ') value++;
  take_field(r, line, colon, line + value, n - value);
}


static void dispatch (struct reader *r) {
  replace(&r->last_id, r->id.bytes, r->id.n);
  if (r->data.n > 0) {
    size_t n = r->data.n - 1;
    if (r->max && n > r->max) {
      r->out->failed = 1;
      return;
    }
    add_part(&r->out->events, r->data.bytes, n);
    add_part(&r->out->events, r->type.bytes, r->type.n);
    add_part(&r->out->events, r->last_id.bytes, r->last_id.n);
  }
  r->data.n = r->type.n = 0;
}


/* A line too long counts as such before its end is there. */
static int too_long (const struct reader *r, const char *line, size_t n) {
  size_t data = r->data.n ? r->data.n - 1 : 0;
  return r->max && (n == 0 || line[0] != ':') && data + n > r->max + SLACK;
}


static void read_lines (struct reader *r, const char *s, size_t n) {
  size_t begin = 0, i;
  if (n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0) begin = 3;
  else if (n > 0 && n < 3 && memcmp(s, "\xef\xbb\xbf", n) == 0) begin = n;
  for (i = begin; i < n && !r->out->failed; i++) {
    if (s[i] != '\r' && s[i] != '\n') continue;
    if (too_long(r, s + begin, i - begin)) r->out->failed = 1;
    else if (i == begin) dispatch(r);
    else take_line(r, s + begin, i - begin);
    if (s[i] == '\r' && i + 1 < n && s[i + 1] == '\n') i++;
    begin = i + 1;
  }
  if (!r->out->failed && begin <= n && too_long(r, s + begin, n - begin))
    r->out->failed = 1;
}


static void read_slowly (const struct text *s, size_t max,
                         struct outcome *out) {
  struct reader r = { { 0 }, { 0 }, { 0 }, { 0 }, 0, NULL };
  r.max = max;
  r.out = out;
  read_lines(&r, s->bytes, s->n);
  free(r.data.bytes);
  free(r.type.bytes);
  free(r.id.bytes);
  free(r.last_id.bytes);
}


/* ---- the decoder, and how it is driven ---------------------------------- */

struct driver {
  const uint8_t *choices;  /* used again and again */
  size_t n, at;
};


static unsigned choose (struct driver *d) {
  return d->choices[d->at++ % d->n];
}


static void pull (struct sse *s, struct outcome *out, unsigned most) {
  struct sse_event ev;
  while (most-- > 0 && sse_next(s, &ev) == SSE_EVENT) {
    add_part(&out->events, ev.data, ev.data_len);
    add_part(&out->events, ev.type, ev.type_len);
    add_part(&out->events, ev.id, ev.id_len);
  }
}


static void feed (struct sse *s, const char *bytes, size_t n) {
  char *copy = malloc(n);
  CHECK(copy || n == 0);
  if (n) memcpy(copy, bytes, n);
  sse_feed(s, copy, n);
  free(copy);
}


/* of two choices, one is how many bytes come, one what is done with them */
static void drive (struct sse *s, struct driver *d, const struct text *all,
                   struct outcome *out) {
  size_t at = 0;
  while (at < all->n) {
    unsigned c = choose(d);
    size_t n = c < 8 ? c : c < 128 ? 1 : (size_t)(c - 127) * 37;
    if (d->at > MANY) n = all->n;   /* enough small ones: be done */
    if (n > all->n - at) n = all->n - at;
    feed(s, all->bytes + at, n);
    at += n;
    c = choose(d);
    if (c % 4 == 0) sse_ready(s);
    else pull(s, out, c % 4 == 1 ? 1 : c % 4 == 2 ? 0 : (unsigned)-1);
  }
  pull(s, out, (unsigned)-1);
  out->failed = sse_ready(s) == SSE_ERROR;
  out->retry = s->retry;
}


/* ---- the two together --------------------------------------------------- */

static void compare (const struct outcome *a, const struct outcome *b) {
  CHECK(a->failed == b->failed);
  CHECK(a->events.n == b->events.n);
  CHECK(!a->events.n || !memcmp(a->events.bytes, b->events.bytes, a->events.n));
  CHECK(a->failed || a->retry == b->retry);
}


static void check (struct sse *s, struct driver d, const struct text *all) {
  struct outcome got = { { 0 }, 0, 0 }, want = { { 0 }, 0, 0 };
  read_slowly(all, s->max_event, &want);
  drive(s, &d, all, &got);
  compare(&got, &want);
  free(got.events.bytes);
  free(want.events.bytes);
}


/* One event's data out of an outcome, moving past its other parts. */
static int next_data (const struct text *events, size_t *at, const char **data,
                      size_t *n) {
  size_t other, i;
  if (*at == events->n) return 0;
  memcpy(n, events->bytes + *at, sizeof *n);
  *data = events->bytes + *at + sizeof *n;
  *at += sizeof *n + *n;
  for (i = 0; i < 2; i++) {
    memcpy(&other, events->bytes + *at, sizeof other);
    *at += sizeof other + other;
  }
  return 1;
}


/* The end gives the data that a blank line would have given. */
static void check_finish (struct sse *s, const struct text *all) {
  struct outcome want = { { 0 }, 0, 0 };
  struct text closed = { 0 };
  struct sse_event ev;
  const char *data;
  size_t n, at = 0;
  add(&closed, all->bytes, all->n);
  add(&closed, "\n\n", 2);
  read_slowly(&closed, 0, &want);
  sse_free(s);
  s->max_event = 0;
  feed(s, all->bytes, all->n);
  while (next_data(&want.events, &at, &data, &n)) {
    CHECK(sse_finish(s, &ev) == SSE_EVENT);
    CHECK(ev.data_len == n && (n == 0 || memcmp(ev.data, data, n) == 0));
  }
  CHECK(sse_finish(s, &ev) == SSE_MORE);
  free(want.events.bytes);
  free(closed.bytes);
}


static void expand (struct text *all, const char *bytes, size_t n) {
  char run[LONG_RUN];
  int runs = RUNS;
  size_t i;
  memset(run, 'x', sizeof run);
  for (i = 0; i < n; i++) {
    if (bytes[i] == 1 && runs-- > 0) add(all, run, sizeof run);
    else add(all, bytes + i, 1);
  }
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  struct text all = { 0 };
  struct sse s = { 0 };
  struct driver d = { data, 8, 0 };
  if (size < 10) return 0;
  s.max_event = data[8] % 4 ? 0 : data[8] * 5u;
  expand(&all, (const char *)data + 9, size - 9);
  check(&s, d, &all);
  sse_free(&s);
  check(&s, d, &all);   /* it can be used again */
  check_finish(&s, &all);
  sse_free(&s);
  free(all.bytes);
  return 0;
}
