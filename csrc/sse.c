/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "sse.h"

#define LAX_GARBAGE  4096   /* dead bytes tolerated inside a pending event */

#define FIELD_NAME   16     /* room for "data: " and a line end */

#define MAX_RETRY    1000000000   /* in ms; more is read as this */

#define at(s)     buf_data(&(s)->in)
#define avail(s)  buf_len(&(s)->in)


int sse_feed (struct sse *s, const char *bytes, size_t n) {
  if (s->failed) return SSE_ERROR;
  if (buf_append(&s->in, bytes, n) == BUF_OK) return SSE_MORE;
  s->failed = 1;
  return SSE_ERROR;
}


/* Forgets the first n bytes of the input, of which none is data. */
static void drop (struct sse *s, size_t n) {
  buf_drop(&s->in, n);
  s->line -= n;
  s->look -= n;
  s->cr = s->cr > n ? s->cr - n : 0;
}


static void begin_event (struct sse *s) {
  drop(s, s->line);
  s->data = s->data_len = 0;
  s->has_data = 0;
  s->given = s->ready = 0;
  if (s->names) buf_clear(&s->names->type);
}


/* Where the next CR is, or `end`. It is remembered, so that a stream that
** uses LF alone is not searched for CRs again at each line. */
static size_t next_cr (struct sse *s, size_t end) {
  size_t from = s->cr_known && s->cr > s->look ? s->cr : s->look;
  if (from < end) {
    const char *cr = memchr(at(s) + from, '\r', end - from);
    s->cr = cr ? (size_t)(cr - at(s)) : end;
  }
  else s->cr = end;
  s->cr_known = 1;
  return s->cr;
}


/* Where the line being read ends, or `avail` if it does not yet. Every other
** line is blank: those need no search. */
static size_t line_end (struct sse *s) {
  size_t end;
  const char *lf;
  if (s->look < avail(s) && at(s)[s->look] == '\n') return s->look;
  end = next_cr(s, avail(s));
  lf = end > s->look ? memchr(at(s) + s->look, '\n', end - s->look) : NULL;
  return lf ? (size_t)(lf - at(s)) : end;
}


/* Joins one more line to the data: its bytes move down over the field name,
** and the byte where the line before it ended holds the LF. */
static void add_data (struct sse *s, size_t value, size_t n) {
  if (!s->has_data) {
    s->data = value;
    s->data_len = n;
    s->has_data = 1;
    return;
  }
  at(s)[s->data + s->data_len] = '\n';
  memmove(at(s) + s->data + s->data_len + 1, at(s) + value, n);
  s->data_len += n + 1;
}


/* Most streams name neither types nor ids. */
static int need_names (struct sse *s) {
  if (s->names == NULL) s->names = calloc(1, sizeof *s->names);
  if (s->names == NULL) s->failed = s->starved = 1;
  return s->names != NULL;
}


static void set (struct sse *s, struct buf *b, const char *bytes, size_t n) {
  buf_clear(b);
  if (buf_append(b, bytes, n) != BUF_OK) s->failed = s->starved = 1;
}


static void set_retry (struct sse *s, const char *v, size_t n) {
  long ms = 0;
  size_t i;
  if (n == 0) return;
  for (i = 0; i < n; i++) {
    if (v[i] < '0' || v[i] > '9') return;
    ms = ms < MAX_RETRY / 10 ? ms * 10 + (v[i] - '0') : MAX_RETRY;
  }
  s->retry = ms + 1;
}


static int is_field (const char *line, size_t n, const char *name) {
  return n == strlen(name) && memcmp(line, name, n) == 0;
}


static void read_any_field (struct sse *s, size_t line, size_t end) {
  const char *p = at(s) + line;
  const char *colon = memchr(p, ':', end - line);
  size_t name = colon ? (size_t)(colon - p) : end - line;
  size_t value = line + name + (colon != NULL);
  const char *v;
  if (value < end && at(s)[value] == ' ') value++;
  v = at(s) + value;
  if (is_field(p, name, "data")) add_data(s, value, end - value);
  else if (is_field(p, name, "event")) {
    if (need_names(s)) set(s, &s->names->type, v, end - value);
  }
  else if (is_field(p, name, "id")) {
    if (memchr(v, '\0', end - value) != NULL || !need_names(s)) return;
    set(s, &s->names->id, v, end - value);
    s->has_id = 1;
  }
  else if (is_field(p, name, "retry")) set_retry(s, v, end - value);
}


static void read_field (struct sse *s, size_t line, size_t end) {
  if (end - line > 6 && memcmp(at(s) + line, "data: ", 6) == 0)
    add_data(s, line + 6, end - line - 6);   /* nearly all are */
  else read_any_field(s, line, end);
}


/* A blank line: the id counts even when no event comes of it. */
static void end_event (struct sse *s) {
  if (s->has_id) {
    struct buf previous = s->names->last_id;
    s->names->last_id = s->names->id;
    s->names->id = previous;
    s->has_id = 0;
  }
  if (s->has_data) s->ready = 1;
  else begin_event(s);
}


static int is_done (const char *line, size_t n) {
  while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t')) n--;
  return is_field(line, n, "[DONE]");
}


/* Data that waits for its blank line comes first: the line is read again. */
static void take_done (struct sse *s, size_t line, size_t end) {
  if (s->has_data) {
    s->line = s->look = line;
    s->skip_lf = 0;
  }
  else add_data(s, line, end - line);
  end_event(s);
}


static void skip_bom (struct sse *s) {
  static const char bom[] = "\xef\xbb\xbf";
  size_t n = avail(s) < 3 ? avail(s) : 3;
  if (memcmp(at(s), bom, n) != 0) s->started = 1;
  else if (n == 3) {
    s->started = 1;
    s->line = s->look = 3;
  }
}


/* The line being read has not ended: see to it that what is stored is only
** what is needed. A comment goes as it arrives. Other dead bytes go when they
** outweigh the bytes that must be moved to close the gap. */
static void tidy (struct sse *s) {
  size_t keep = s->has_data ? s->data + s->data_len + 1 : 0;
  if (s->in_comment || (s->line < avail(s) && at(s)[s->line] == ':')) {
    s->in_comment = 1;
    s->line = avail(s);
  }
  s->look = avail(s);
  if (!s->has_data) drop(s, s->line);
  else if (s->line - keep > LAX_GARBAGE &&
           s->line - keep > avail(s) - s->line) {
    size_t gap = s->line - keep;
    memmove(at(s) + keep, at(s) + s->line, avail(s) - s->line);
    s->in.tail -= gap;
    s->line = keep;
    s->look = avail(s);
    s->cr_known = 0;
  }
}


/* Would a line of n bytes make the event too large? One that is being read
** may have its field name on top of the limit. What is asked of whole lines
** is asked of their beginnings too: how a stream was cut must not show. */
static int outgrown (const struct sse *s, size_t n) {
  n += s->data_len;
  return s->max_event && n > FIELD_NAME && n - FIELD_NAME > s->max_event;
}


static void take_line (struct sse *s, size_t end) {
  size_t line = s->line;
  s->line = s->look = end + 1;
  if (at(s)[end] == '\r') s->skip_lf = 1;
  if (s->in_comment) s->in_comment = 0;
  else if (end == line) end_event(s);
  else if (at(s)[line] == ':') return;
  else if (outgrown(s, end - line)) s->failed = 1;
  else if (s->bare_done && is_done(at(s) + line, end - line))
    take_done(s, line, end);
  else read_field(s, line, end);
}


/* Reads lines until an event is complete or the input ends. */
static void scan (struct sse *s) {
  while (!s->ready && !s->failed) {
    size_t end;
    if (s->skip_lf && s->line < avail(s)) {
      s->skip_lf = 0;
      if (at(s)[s->line] == '\n') s->look = ++s->line;
    }
    if (!s->started && avail(s) > 0) skip_bom(s);
    if (s->line == avail(s) || !s->started) break;
    end = line_end(s);
    if (end == avail(s)) break;
    take_line(s, end);
  }
}


static int too_large (const struct sse *s) {
  if (!s->ready) return outgrown(s, avail(s) - s->line);
  return s->max_event && s->data_len > s->max_event;
}


int sse_ready (struct sse *s) {
  if (s->given) begin_event(s);
  if (!s->ready && !s->failed && avail(s) > 0) {
    scan(s);
    if (!s->ready && s->started) tidy(s);
    if (too_large(s)) s->failed = 1;
  }
  if (s->failed) return SSE_ERROR;
  return s->ready ? SSE_EVENT : SSE_MORE;
}


static void describe (const struct sse *s, struct sse_event *ev) {
  const struct sse_names *names = s->names;
  ev->data = at(s) + s->data;
  ev->data_len = s->data_len;
  ev->type_len = names ? buf_len(&names->type) : 0;
  ev->type = ev->type_len ? buf_data(&names->type) : "";
  ev->id_len = names ? buf_len(&names->last_id) : 0;
  ev->id = ev->id_len ? buf_data(&names->last_id) : "";
}


static void give (struct sse *s, struct sse_event *ev) {
  describe(s, ev);
  s->ready = 0;
  s->given = 1;
}


int sse_given (const struct sse *s, struct sse_event *ev) {
  if (s->given) describe(s, ev);
  return s->given;
}


void sse_take_back (struct sse *s) {
  if (!s->given) return;
  s->given = 0;
  s->ready = 1;
}


int sse_next (struct sse *s, struct sse_event *ev) {
  int state = sse_ready(s);
  if (state == SSE_EVENT) give(s, ev);
  return state;
}


int sse_finish (struct sse *s, struct sse_event *ev) {
  int state = sse_next(s, ev);
  if (state != SSE_MORE) return state;
  s->started = 1;
  if (s->line < avail(s)) {
    size_t line = s->line;
    s->line = s->look = avail(s);
    if (at(s)[line] != ':') read_field(s, line, avail(s));
  }
  if (!s->has_data) return SSE_MORE;
  s->ready = 1;
  if (too_large(s)) s->failed = 1;
  return sse_next(s, ev);
}


int sse_starved (const struct sse *s) {
  return s->in.failed == BUF_NOMEM || s->starved;
}


static void free_names (struct sse_names *names) {
  if (names == NULL) return;
  buf_free(&names->type);
  buf_free(&names->id);
  buf_free(&names->last_id);
  free(names);
}


void sse_free (struct sse *s) {
  size_t max_event = s->max_event;
  buf_free(&s->in);
  free_names(s->names);
  memset(s, 0, sizeof *s);
  s->max_event = max_event;
}
