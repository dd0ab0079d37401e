/* SPDX-License-Identifier: MIT */
/* The decoder of event streams: a table of streams, each run whole, byte by
** byte and cut at every one and every two positions, read as it arrives and
** read at the end; then what it promises of limits, memory and reuse. Events
** are written (type|data|id). */
#include "check.h"
#include "sse.h"

#define KEPT  (64 * 1024)   /* most bytes a decoder holds without need */
#define NONE  (-1)          /* no retry was said */

struct stream {
  const char *name;
  const char *bytes;  size_t n;
  const char *want;   size_t want_n;
  long retry;
};

#define S(name, bytes, want) \
  { name, bytes, sizeof bytes - 1, want, sizeof want - 1, NONE }
#define R(name, bytes, want, ms) \
  { name, bytes, sizeof bytes - 1, want, sizeof want - 1, ms }

#define BOM    "\xef\xbb\xbf"
#define WOMAN  "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb"

static const struct stream streams[] = {
  /* line ends */
  S("LF ends lines", "data: a\n\n", "(|a|)"),
  S("CR ends lines", "data: a\r\r", "(|a|)"),
  S("CRLF ends lines", "data: a\r\n\r\n", "(|a|)"),
  S("CRLF, then LF", "data: a\r\n\n", "(|a|)"),
  S("LF, then CRLF", "data: a\n\r\n", "(|a|)"),
  S("LF, then CR", "data: a\n\rdata: b\n\n", "(|a|)(|b|)"),
  S("CR, then LF is one line end", "data: a\r\ndata: b\r\r", "(|a\nb|)"),
  S("LF, CR and CRLF in one event", "data: a\ndata: b\rdata: c\r\n\r",
    "(|a\nb\nc|)"),
  S("a CRLF closing an event is one blank line",
    "data: a\n\r\ndata: b\r\n\r\ndata: c\r\r\n\n", "(|a|)(|b|)(|c|)"),
  S("blank lines at the front say nothing", "\n\ndata: a\n\n", "(|a|)"),
  S("blank lines of each kind between events",
    "\r\n\r\r\n\n\rdata: a\n\n\r\n\n\r\r\ndata: b\n\n", "(|a|)(|b|)"),
  S("VT and FF end no line", "data: a\x0b" "b\x0c" "c\n\n",
    "(|a\x0b" "b\x0c" "c|)"),
  S("U+2028, U+2029 and U+0085 end no line",
    "data: a\xe2\x80\xa8" "b\xe2\x80\xa9" "c\xc2\x85" "d\n\n",
    "(|a\xe2\x80\xa8" "b\xe2\x80\xa9" "c\xc2\x85" "d|)"),
  /* values */
  S("no space after the colon", "data:a\n\n", "(|a|)"),
  S("of two spaces one is kept", "data:  a\n\n", "(| a|)"),
  S("a tab is no space", "data:\ta\n\n", "(|\ta|)"),
  S("spaces at the end are kept", "data: a  \n\n", "(|a  |)"),
  S("a lone space is an empty value", "data: \n\n", "(||)"),
  S("nothing after the colon", "data:\n\n", "(||)"),
  S("no colon at all", "data\n\n", "(||)"),
  S("two empty lines of data are one LF", "data\ndata\n\n", "(|\n|)"),
  S("data, no data, data", "data: a\ndata:\ndata: b\n\n", "(|a\n\nb|)"),
  S("three lines of data", "data: a\ndata: b\ndata: c\n\n", "(|a\nb\nc|)"),
  S("longer lines after shorter", "data: a\ndata:bcdefghijkl\ndata\n\n",
    "(|a\nbcdefghijkl\n|)"),
  S("colons in the value", "data: a:b: c\n\n", "(|a:b: c|)"),
  S("a colon first in the value", "data:: a\n\n", "(|: a|)"),
  S("NUL in data", "data: a\0b\n\n", "(|a\0b|)"),
  S("data that is NUL", "data:\0\n\n", "(|\0|)"),
  S("escaped line ends in JSON stay escaped", "data: {\"t\":\"a\\n\\nb\"}\n\n",
    "(|{\"t\":\"a\\n\\nb\"}|)"),
  S("[DONE] is data like any other", "data: [DONE]\n\n", "(|[DONE]|)"),
  S("[DONE] without a space", "data:[DONE]\n\n", "(|[DONE]|)"),
  /* comments */
  S("a comment first", ": hi\ndata: a\n\n", "(|a|)"),
  S("a comment alone is no event", ": keep-alive\n\n", ""),
  S("a comment between lines of data", "data: a\n: x\ndata: b\n\n", "(|a\nb|)"),
  S("a comment that looks like data", ":data: x\ndata: a\n\n", "(|a|)"),
  S("an empty comment", ":\ndata: a\n\n", "(|a|)"),
  S("an empty comment ended by CRLF", ":\r\n:\r:\n:\r\ndata: a\n\n", "(|a|)"),
  S("NUL in a comment", ":\0\ndata: a\n\n", "(|a|)"),
  S("a comment longer than what follows", ":0123456789012345\rdata: a\n\n",
    "(|a|)"),
  S("a comment after data, before the blank line", "data: a\n:\n\n", "(|a|)"),
  /* a byte order mark */
  S("a BOM at the front is dropped", BOM "data: a\n\n", "(|a|)"),
  S("a BOM before a comment", BOM ": x\ndata: a\n\n", "(|a|)"),
  S("a BOM before a blank line", BOM "\ndata: a\n\n", "(|a|)"),
  S("of two BOMs one is dropped", BOM BOM "data: a\n\ndata: b\n\n", "(|b|)"),
  S("a later BOM is part of the name",
    "data: a\n\n" BOM "data: b\n\ndata: c\n\n",
    "(|a|)(|c|)"),
  S("a BOM after a blank line is not at the front", "\n" BOM "data: a\n\n", ""),
  S("a BOM in the value stays", "data: " BOM "a\n\n", "(|" BOM "a|)"),
  S("a BOM cut short is a name", "\xef\xbb" "data: a\n\ndata: b\n\n", "(|b|)"),
  S("a BOM gone wrong is a name", "\xef\xbb\xbe" "data: a\n\n", ""),
  S("a BOM and nothing else", BOM, ""),
  /* names */
  S("names are matched by case", "Data: x\nDATA: y\ndata: a\n\n", "(|a|)"),
  S("a space before a name", " data: x\ndata: a\n\n", "(|a|)"),
  S("a space after a name", "data : x\ndata: a\n\n", "(|a|)"),
  S("names that begin alike",
    "da-ta: x\ndata_1: y\ndat: z\ndataa: w\ndata: a\n\n", "(|a|)"),
  S("NUL in a name", "data\0: x\n\0data: y\ndata: a\n\n", "(|a|)"),
  S("names that are unknown", "foo: bar\njusttext\ndata: a\n\n", "(|a|)"),
  S("an unknown name between lines of data", "data: a\nfoo: bar\ndata: b\n\n",
    "(|a\nb|)"),
  /* types */
  S("a type", "event: ping\ndata: a\n\n", "(ping|a|)"),
  S("an empty type is none", "event:\ndata: a\n\n", "(|a|)"),
  S("an empty type takes one back", "event: ping\nevent\ndata: a\n\n", "(|a|)"),
  S("the last type counts", "event: a\nevent: b\ndata: x\n\n", "(b|x|)"),
  S("a type is for one event", "event: a\ndata: 1\n\ndata: 2\n\n",
    "(a|1|)(|2|)"),
  S("a type after the data", "data: a\nevent: ping\n\n", "(ping|a|)"),
  S("a type without data is forgotten", "event: ping\n\ndata: a\n\n", "(|a|)"),
  S("NUL in a type", "event: a\0b\ndata: x\n\n", "(a\0b|x|)"),
  /* ids */
  S("an id stays", "id: 7\ndata: a\n\ndata: b\n\n", "(|a|7)(|b|7)"),
  S("an id is replaced", "id: 7\ndata: a\n\nid: 88\ndata: b\n\n",
    "(|a|7)(|b|88)"),
  S("an empty id takes it back", "id: 7\ndata: a\n\nid:\ndata: b\n\n",
    "(|a|7)(|b|)"),
  S("a bare id takes it back", "id: 7\ndata: a\n\nid\ndata: b\n\n",
    "(|a|7)(|b|)"),
  S("an id without data counts", "id: 9\n\ndata: a\n\n", "(|a|9)"),
  S("an id after the data", "data: a\nid: 9\n\n", "(|a|9)"),
  S("the last id of an event counts", "id: 1\nid: 2\ndata: a\n\n", "(|a|2)"),
  S("an id with NUL is none", "id: 7\ndata: a\n\nid: 8\0\ndata: b\n\nid:\0\n"
    "id: \0x\ndata: c\n\n", "(|a|7)(|b|7)(|c|7)"),
  S("an id with NUL leaves the one before it", "id: 8\nid: 9\0\ndata: a\n\n",
    "(|a|8)"),
  S("an id of an event that is not over", "id: 7\ndata: a\n\nid: 8\ndata: b",
    "(|a|7)"),
  /* retry */
  R("retry", "retry: 1500\ndata: a\n\n", "(|a|)", 1500),
  R("retry with zeros in front", "retry: 0150\ndata: a\n\n", "(|a|)", 150),
  R("retry with many zeros in front", "retry: 000000000000000150\n\n", "", 150),
  R("retry alone", "retry: 5\n\n", "", 5),
  R("retry of nothing to wait", "retry:0\n\n", "", 0),
  R("retry counts at its line's end", "retry: 5\n", "", 5),
  R("retry past all reason is very long", "retry: 99999999999999999999\n", "",
    1000000000),
  R("a bad retry leaves the one before", "retry: 20\nretry: 3x\n\n", "", 20),
  R("the last retry counts", "retry: 20\nretry: 30\n\n", "", 30),
  S("retry with a letter", "retry: 10x\ndata: a\n\n", "(|a|)"),
  S("retry below zero", "retry: -5\ndata: a\n\n", "(|a|)"),
  S("retry with a plus", "retry: +5\ndata: a\n\n", "(|a|)"),
  S("retry with a point", "retry: 1.5\ndata: a\n\n", "(|a|)"),
  S("retry without a value", "retry:\ndata: a\n\n", "(|a|)"),
  S("a bare retry", "retry\ndata: a\n\n", "(|a|)"),
  S("retry with a second space", "retry:  5\ndata: a\n\n", "(|a|)"),
  S("retry in digits that are not ASCII", "retry: \xd9\xa5\n\n", ""),
  /* the end */
  S("nothing at all", "", ""),
  S("the end before the blank line", "data: a\n", ""),
  S("the end in a line", "data: a", ""),
  S("the end after CR CR", "data: a\r\r", "(|a|)"),
  S("the end in a second event", "data: a\n\ndata: b", "(|a|)"),
  S("the end in a name", "data: a\n\nda", "(|a|)"),
  S("the end in a comment", "data: a\n\n: b", "(|a|)"),
  /* bytes of UTF-8, and others, are as they came */
  S("two bytes of UTF-8", "data: \xc3\xa9\n\n", "(|\xc3\xa9|)"),
  S("three bytes of UTF-8", "data: \xe4\xb8\xad\xe2\x80\xa8\xe6\x96\x87\n\n",
    "(|\xe4\xb8\xad\xe2\x80\xa8\xe6\x96\x87|)"),
  S("four bytes of UTF-8, joined", "data: " WOMAN "\n\n", "(|" WOMAN "|)"),
  S("a continuation byte alone", "data: a\x80" "b\n\n", "(|a\x80" "b|)"),
  S("an overlong form", "data: a\xc0\xaf" "b\n\n", "(|a\xc0\xaf" "b|)"),
  S("bytes UTF-8 never has", "data: \xff\xfe\n\n", "(|\xff\xfe|)"),
};

#define COUNT(a)  (sizeof (a) / sizeof (a)[0])


static void render (struct buf *out, const struct sse_event *ev) {
  buf_append(out, "(", 1);
  buf_append(out, ev->type, ev->type_len);
  buf_append(out, "|", 1);
  buf_append(out, ev->data, ev->data_len);
  buf_append(out, "|", 1);
  buf_append(out, ev->id, ev->id_len);
  buf_append(out, ")", 1);
}


static int pull_all (struct sse *s, struct buf *out) {
  struct sse_event ev, again;
  int state;
  while ((state = sse_next(s, &ev)) == SSE_EVENT) {
    render(out, &ev);
    CHECK(sse_given(s, &again) && again.data == ev.data);
  }
  CHECK(!sse_given(s, &again));
  return state;
}


static void feed (struct sse *s, const char *bytes, size_t n) {
  char *copy = exact(bytes, n);
  sse_feed(s, copy, n);
  free(copy);
}


/* bytes as a C string would have them; two may be shown at once */
static const char *shown (const char *bytes, size_t n) {
  static char texts[2][240];
  static int turn;
  char *text = texts[turn = !turn], *to = text;
  const char *last = bytes + n;
  for (; bytes < last && to < text + sizeof texts[0] - 5; bytes++) {
    unsigned char c = (unsigned char)*bytes;
    if (c >= ' ' && c < 0x7f) *to++ = (char)c;
    else to += sprintf(to, c == '\n' ? "\\n" : "\\x%02x", c);
  }
  *to = '\0';
  return text;
}


static void compare (const struct buf *got, const char *want, size_t n,
                     const char *how) {
  if (buf_len(got) == n && (n == 0 || memcmp(buf_data(got), want, n) == 0))
    return;
  blame("%s: got %s, wanted %s", how, shown(buf_data(got), buf_len(got)),
        shown(want, n));
}


/* ---- the streams, cut in all ways -------------------------------------- */

enum pull { AS_IT_ARRIVES, AT_THE_END, ASK_FIRST, PULLS };

static const char *const pull_names[] =
  { "pulled twice as it arrives", "pulled at the end",
    "asked twice, pulled at the end" };


static void piece (struct sse *s, const char *bytes, size_t n,
                   struct buf *got, enum pull pull) {
  feed(s, bytes, n);
  if (pull == AS_IT_ARRIVES && pull_all(s, got) == SSE_MORE) pull_all(s, got);
  if (pull == ASK_FIRST) SAME(sse_ready(s), sse_ready(s));
}


static void conclude (const struct stream *v, struct sse *s, struct buf *got,
                      const char *how) {
  SAME(pull_all(s, got), SSE_MORE);
  compare(got, v->want, v->want_n, how);
  if (s->retry - 1 != v->retry)
    blame("%s: retry %ld, wanted %ld", how, s->retry - 1, v->retry);
  sse_free(s);
  buf_free(got);
}


/* cut at a and b, with an empty piece at both */
static void run_cut (const struct stream *v, size_t a, size_t b,
                     enum pull pull) {
  struct sse s = { 0 };
  struct buf got = { 0 };
  char how[80];
  snprintf(how, sizeof how, "cut at %d and %d, %s", (int)a, (int)b,
           pull_names[pull]);
  piece(&s, v->bytes, a, &got, pull);
  piece(&s, "", 0, &got, pull);
  piece(&s, v->bytes + a, b - a, &got, pull);
  piece(&s, "", 0, &got, pull);
  piece(&s, v->bytes + b, v->n - b, &got, pull);
  conclude(v, &s, &got, how);
}


static void run_cuts (const struct stream *v, enum pull pull) {
  size_t a, b;
  for (a = 0; a <= v->n; a++)
    for (b = a; b <= v->n; b++) run_cut(v, a, b, pull);
}


static void run_whole (const struct stream *v, enum pull pull) {
  struct sse s = { 0 };
  struct buf got = { 0 };
  piece(&s, v->bytes, v->n, &got, pull);
  conclude(v, &s, &got, "whole");
}


static void run_bytes (const struct stream *v, enum pull pull) {
  struct sse s = { 0 };
  struct buf got = { 0 };
  size_t i;
  for (i = 0; i < v->n; i++) piece(&s, v->bytes + i, 1, &got, pull);
  conclude(v, &s, &got, "byte by byte");
}


static void run_streams (void) {
  static void (*const runners[]) (const struct stream *, enum pull) =
    { run_whole, run_bytes, run_cuts };
  size_t i, j;
  for (i = 0; i < COUNT(streams); i++) {
    int pull;
    if (!begin(streams[i].name)) continue;
    for (j = 0; j < COUNT(runners); j++)
      for (pull = 0; pull < PULLS; pull++) runners[j](&streams[i], pull);
    end(streams[i].name);
  }
}


/* ---- an event is there as soon as its blank line is --------------------- */

/* what ends an event, and how many of its bytes are enough */
static const struct { const char *name, *bytes; size_t enough; } blanks[] = {
  { "LF LF", "\n\n", 2 },         { "LF CR", "\n\r", 2 },
  { "LF CRLF", "\n\r\n", 2 },     { "CR CR", "\r\r", 2 },
  { "CR CRLF", "\r\r\n", 2 },     { "CRLF LF", "\r\n\n", 3 },
  { "CRLF CR", "\r\n\r", 3 },     { "CRLF CRLF", "\r\n\r\n", 3 },
};


static void check_prompt (struct sse *s, const char *blank, size_t enough) {
  struct buf got = { 0 };
  size_t i;
  feed(s, "data: a", 7);
  SAME(sse_ready(s), SSE_MORE);
  for (i = 0; blank[i]; i++) {
    feed(s, blank + i, 1);
    SAME(sse_ready(s), i + 1 == enough ? SSE_EVENT : SSE_MORE);
    pull_all(s, &got);
  }
  compare(&got, "(|a|)", 5, "with its blank line");
  buf_free(&got);
}


static void events_are_prompt (void) {
  size_t i;
  for (i = 0; i < COUNT(blanks); i++) {
    struct sse s = { 0 };
    char name[64];
    snprintf(name, sizeof name, "%s gives an event before the next byte",
             blanks[i].name);
    if (!begin(name)) continue;
    check_prompt(&s, blanks[i].bytes, blanks[i].enough);
    check_prompt(&s, blanks[i].bytes, blanks[i].enough);
    sse_free(&s);
    end(name);
  }
}


static void cr_cr_then_lf (void) {
  struct sse s = { 0 };
  struct buf got = { 0 };
  feed(&s, "data: a\r\r", 9);
  pull_all(&s, &got);
  compare(&got, "(|a|)", 5, "before the LF");
  feed(&s, "\n", 1);
  feed(&s, "data: b\r\r", 9);
  pull_all(&s, &got);
  compare(&got, "(|a|)(|b|)", 10, "after the LF");
  sse_free(&s);
  buf_free(&got);
}


/* ---- one event at a time ------------------------------------------------ */

/* "data: 0" and so on, closed */
static size_t number_event (char *to, int i) {
  return (size_t)sprintf(to, "data: %d\n\n", i);
}


static void one_per_pull (void) {
  struct buf all = { 0 };
  struct sse s = { 0 };
  struct sse_event ev;
  char text[32];
  int i;
  for (i = 0; i < 2000; i++) buf_append(&all, text, number_event(text, i));
  feed(&s, buf_data(&all), buf_len(&all));
  for (i = 0; i < 2000; i++) {
    SAME(sse_next(&s, &ev), SSE_EVENT);
    SAME(s.line, number_event(text, i));   /* nothing beyond it was read */
    SAME(ev.data_len, s.line - 8);
    CHECK(memcmp(ev.data, text + 6, ev.data_len) == 0);
  }
  SAME(sse_next(&s, &ev), SSE_MORE);
  sse_free(&s);
  buf_free(&all);
}


static void given_again (void) {
  struct sse s = { 0 };
  struct sse_event ev;
  static const char more[100000] = "";
  CHECK(!sse_given(&s, &ev));
  feed(&s, "data: a\n\n", 9);
  CHECK(!sse_given(&s, &ev));
  SAME(sse_next(&s, &ev), SSE_EVENT);
  feed(&s, more, sizeof more);
  memset(&ev, 0, sizeof ev);
  CHECK(sse_given(&s, &ev) && ev.data_len == 1 && *ev.data == 'a');
  SAME(sse_ready(&s), SSE_MORE);
  CHECK(!sse_given(&s, &ev));
  sse_free(&s);
}


/* ---- a bare [DONE], where it is asked for ------------------------------- */

static const struct stream bare[] = {
  S("a bare [DONE]", "data: a\n\n[DONE]\n", "(|a|)(|[DONE]|)"),
  S("a bare [DONE] with spaces after it", "[DONE] \t\r", "(|[DONE] \t|)"),
  S("a bare [DONE] after data", "data: a\r\n[DONE]\r\n\r\ndata: b\n\n",
    "(|a|)(|[DONE]|)(|b|)"),
  S("more than a bare [DONE]", "[DONE]x\n\n[DONE]: x\n\n [DONE]\n\n", ""),
};


static void run_bare (const struct stream *v) {
  size_t at;
  for (at = 0; at <= v->n; at++) {
    struct sse s = { 0 };
    struct buf got = { 0 };
    s.bare_done = 1;
    piece(&s, v->bytes, at, &got, AS_IT_ARRIVES);
    piece(&s, v->bytes + at, v->n - at, &got, AS_IT_ARRIVES);
    conclude(v, &s, &got, "asked for");
  }
}


static void bare_done (void) {
  size_t i;
  for (i = 0; i < COUNT(bare); i++) {
    if (!begin(bare[i].name)) continue;
    run_bare(&bare[i]);
    end(bare[i].name);
  }
}


static void no_feed_at_all (void) {
  struct sse s = { 0 };
  struct sse_event ev;
  SAME(sse_ready(&s), SSE_MORE);
  SAME(sse_next(&s, &ev), SSE_MORE);
  SAME(sse_finish(&s, &ev), SSE_MORE);
  SAME(sse_feed(&s, NULL, 0), SSE_MORE);
  SAME(sse_next(&s, &ev), SSE_MORE);
  sse_free(&s);
}


/* At some time the block is full to its last byte. */
static void asked_again (void) {
  struct sse s = { 0 };
  int i, full = 0;
  feed(&s, "data: ", 6);
  for (i = 0; i < 3000; i++) {
    feed(&s, "x", 1);
    SAME(sse_ready(&s), SSE_MORE);
    SAME(sse_ready(&s), SSE_MORE);
    full += s.in.tail == s.in.cap;
  }
  CHECK(full > 0);
  sse_free(&s);
}


/* ---- many lines --------------------------------------------------------- */

static void data_lines (struct sse *s, int n) {
  while (n--) {
    struct sse_event ev;
    feed(s, "data: x\n", 8);
    SAME(sse_next(s, &ev), SSE_MORE);
  }
}


static void lines_without_end (void) {
  struct sse s = { 0 };
  struct sse_event ev;
  data_lines(&s, 2000);
  SAME(sse_next(&s, &ev), SSE_MORE);
  sse_free(&s);
  SAME(sse_next(&s, &ev), SSE_MORE);
  CHECK(s.in.cap == 0 && s.data_len == 0);
}


static void lines_with_end (void) {
  struct sse s = { 0 };
  struct sse_event ev;
  size_t i;
  data_lines(&s, 10000);
  feed(&s, "\n", 1);
  SAME(sse_next(&s, &ev), SSE_EVENT);
  SAME(ev.data_len, 19999);
  for (i = 0; i < ev.data_len; i++) SAME(ev.data[i], i % 2 ? '\n' : 'x');
  sse_free(&s);
}


static void many_comments (void) {
  struct sse s = { 0 };
  struct sse_event ev;
  int i;
  for (i = 0; i < 10000; i++) {
    feed(&s, ": PROCESSING\n", 13);
    SAME(sse_next(&s, &ev), SSE_MORE);
    SAME(buf_len(&s.in), 0);
    CHECK(s.in.cap <= 1024);
  }
  feed(&s, "data: a\n\n", 9);
  SAME(sse_next(&s, &ev), SSE_EVENT);
  SAME(ev.data_len, 1);
  sse_free(&s);
}


/* Dead lines of 1 MiB inside an event, in pieces of this many bytes. */
static void dead_lines_in (size_t size) {
  static const char line[] = "unknown: 0123456789012345678901234567890123456\n";
  struct sse s = { 0 };
  struct buf got = { 0 };
  char block[4096];
  const size_t length = sizeof line - 1;
  size_t fed, i;
  feed(&s, "data: a\n", 8);
  for (fed = 0; fed < 1024 * 1024 || fed % length; fed += size) {
    for (i = 0; i < size; i++) block[i] = line[(fed + i) % length];
    feed(&s, block, size);
    pull_all(&s, &got);
    CHECK(s.in.cap <= KEPT);
  }
  feed(&s, "data: b\n\n", 9);
  pull_all(&s, &got);
  compare(&got, "(|a\nb|)", 7, "in pieces");
  sse_free(&s);
  buf_free(&got);
}


static void dead_lines (void) {
  dead_lines_in(1);
  dead_lines_in(46);
  dead_lines_in(47);
  dead_lines_in(4096);
}


/* ---- memory ------------------------------------------------------------- */

static void feed_x (struct sse *s, size_t n) {
  static char block[16 * 1024];
  memset(block, 'x', sizeof block);
  for (; n > 0; n -= n < sizeof block ? n : sizeof block)
    feed(s, block, n < sizeof block ? n : sizeof block);
}


/* Takes an event of n bytes; `after` is fed before it is let go. */
static void large_event (struct sse *s, size_t n, const char *after) {
  struct sse_event ev;
  feed(s, "data: ", 6);
  feed_x(s, n);
  feed(s, "\n\n", 2);
  feed(s, after, strlen(after));
  SAME(sse_next(s, &ev), SSE_EVENT);
  SAME(ev.data_len, n);
  SAME(sse_next(s, &ev), SSE_MORE);
}


static void gives_back (void) {
  struct sse s = { 0 };
  large_event(&s, 4 * 1024 * 1024, "");
  CHECK(s.in.cap <= KEPT);
  sse_free(&s);
}


static void gives_back_with_rest (void) {
  struct sse s = { 0 };
  struct sse_event ev;
  large_event(&s, 4 * 1024 * 1024, "data: next");
  CHECK(s.in.cap <= KEPT);
  feed(&s, "\n\n", 2);
  SAME(sse_next(&s, &ev), SSE_EVENT);
  CHECK(ev.data_len == 4 && memcmp(ev.data, "next", 4) == 0);
  sse_free(&s);
}


static void gives_back_type (void) {
  struct sse s = { 0 };
  struct sse_event ev;
  feed(&s, "event: ", 7);
  feed_x(&s, 1024 * 1024);
  feed(&s, "\ndata: a\n\n", 10);
  SAME(sse_next(&s, &ev), SSE_EVENT);
  SAME(ev.type_len, 1024 * 1024);
  SAME(sse_next(&s, &ev), SSE_MORE);
  CHECK(s.names && s.names->type.cap <= KEPT && s.in.cap <= KEPT);
  sse_free(&s);
}


static void endless_comment_after (const char *before) {
  struct sse s = { 0 };
  struct sse_event ev;
  int i;
  feed(&s, before, strlen(before));
  feed(&s, ":", 1);
  for (i = 0; i < 64 * 64; i++) {   /* 64 MiB */
    feed_x(&s, 16 * 1024);
    SAME(sse_next(&s, &ev), SSE_MORE);
    CHECK(s.in.cap <= KEPT);
  }
  feed(&s, "\ndata: a\n\n", 10);
  SAME(sse_next(&s, &ev), SSE_EVENT);
  CHECK(ev.data_len > 0 && ev.data[ev.data_len - 1] == 'a');
  sse_free(&s);
}


static void endless_comment (void) {
  endless_comment_after("");
}


static void endless_comment_in_event (void) {
  endless_comment_after("event: e\ndata: b\n");
}


/* ---- limits ------------------------------------------------------------- */

/* What becomes of the stream in pieces of each size: "error" where it is too
** large. The same is wanted of all. */
static void limited (size_t max, const char *bytes, const char *want) {
  size_t n = strlen(bytes), size;
  for (size = 1; size <= n; size++) {
    struct sse s = { 0 };
    struct buf got = { 0 };
    size_t i;
    char how[40];
    s.max_event = max;
    for (i = 0; i < n; i += size) {
      feed(&s, bytes + i, n - i < size ? n - i : size);
      pull_all(&s, &got);
    }
    if (sse_ready(&s) == SSE_ERROR) buf_append(&got, "error", 5);
    snprintf(how, sizeof how, "in pieces of %d", (int)size);
    compare(&got, want, strlen(want), how);
    sse_free(&s);
    buf_free(&got);
  }
}


static void limit_of_data (void) {
  limited(10, "data: 0123456789\n\n", "(|0123456789|)");
  limited(10, "data:0123456789\r\n\r\n", "(|0123456789|)");
  limited(10, "data: 0123456789a\n\n", "error");
  limited(10, "data: a\n\ndata: 0123456789a\n\n", "(|a|)error");
  limited(0, "data: 0123456789a\n\n", "(|0123456789a|)");
  limited((size_t)-1, "data: 0123456789a\n\n", "(|0123456789a|)");
}


static void limit_of_lines (void) {
  limited(10, "data: 01234\ndata: 6789\n\n", "(|01234\n6789|)");
  limited(10, "data: 01234\ndata: 6789a\n\n", "error");
  limited(3, "data\ndata\ndata\ndata\n\n", "(|\n\n\n|)");
  limited(3, "data\ndata\ndata\ndata\ndata\n\n", "error");
}


static void limit_of_others (void) {
  limited(10, ": 01234567890123456789012345678901234567\ndata: a\n\n", "(|a|)");
  limited(10, "data: 0123456789\n: 01234567890123456789\n\n", "(|0123456789|)");
  limited(10, "unknown: 0123456789012345678901234567890\ndata: a\n\n", "error");
  limited(10, "event: 0123456789012345678901234567890\ndata: a\n\n", "error");
  limited(10, "id: 0123456789012345678901234567890123\ndata: a\n\n", "error");
  limited(10, "unknown: 1\nunknown: 2\nunknown: 3\ndata: a\n\n", "(|a|)");
}


static void limit_sticks (void) {
  struct sse s = { 0 };
  struct sse_event ev;
  s.max_event = 10;
  feed(&s, "data: 0123456789a\n\n", 19);
  SAME(sse_next(&s, &ev), SSE_ERROR);
  SAME(sse_feed(&s, "\n\ndata: a\n\n", 11), SSE_ERROR);
  SAME(sse_ready(&s), SSE_ERROR);
  SAME(sse_next(&s, &ev), SSE_ERROR);
  SAME(sse_finish(&s, &ev), SSE_ERROR);
  sse_free(&s);
}


static void limit_at_the_end (void) {
  struct sse s = { 0 };
  struct sse_event ev;
  s.max_event = 10;
  feed(&s, "data: 0123456789", 16);
  SAME(sse_finish(&s, &ev), SSE_EVENT);
  sse_free(&s);
  feed(&s, "data: 0123456789a", 17);
  SAME(sse_finish(&s, &ev), SSE_ERROR);
  SAME(sse_finish(&s, &ev), SSE_ERROR);
  sse_free(&s);
}


/* ---- another stream ----------------------------------------------------- */

static void same_as_new (struct sse *s) {
  struct sse_event ev;
  struct buf got = { 0 };
  sse_free(s);
  CHECK(!sse_given(s, &ev));
  SAME(sse_ready(s), SSE_MORE);
  SAME(sse_next(s, &ev), SSE_MORE);
  SAME(sse_finish(s, &ev), SSE_MORE);
  SAME(s->retry, 0);
  sse_free(s);
  feed(s, BOM "data: n\n\n", 12);
  SAME(pull_all(s, &got), SSE_MORE);
  compare(&got, "(|n|)", 5, "anew");
  sse_free(s);
  buf_free(&got);
}


static void anew_after_error (void) {
  struct sse s = { 0 };
  struct sse_event ev;
  s.max_event = 10;
  feed(&s, "id: 1\n\nevent: e\ndata: 0123456789a\n\n", 35);
  SAME(sse_next(&s, &ev), SSE_ERROR);
  same_as_new(&s);
  feed(&s, "data: 0123456789a\n\n", 19);
  SAME(sse_next(&s, &ev), SSE_ERROR);   /* the limit has stayed */
  sse_free(&s);
}


static void anew_anywhere (void) {
  static const char old[] =
    BOM "retry: 5\nid: 1\ndata: a\n\n: c\revent: e\r\nid: 2\ndata: b\nx: y";
  size_t i;
  for (i = 0; i < sizeof old; i++) {
    struct sse s = { 0 };
    struct buf got = { 0 };
    feed(&s, old, i);
    pull_all(&s, &got);
    same_as_new(&s);
    feed(&s, old, i);
    same_as_new(&s);
    buf_free(&got);
  }
}


static void anew_while_given (void) {
  struct sse s = { 0 };
  struct sse_event ev;
  feed(&s, "data: a\n\ndata: b\n\n", 18);
  SAME(sse_next(&s, &ev), SSE_EVENT);
  same_as_new(&s);
}


/* ---- what the end leaves ------------------------------------------------ */

/* whole, and byte by byte with what is there pulled before the end */
static void finished (const char *bytes, const char *want) {
  size_t n = strlen(bytes), size;
  for (size = 1; size <= n + 1; size += n) {
    struct sse s = { 0 };
    struct buf got = { 0 };
    struct sse_event ev;
    size_t i;
    for (i = 0; i < n; i += size)
      piece(&s, bytes + i, size < n ? size : n, &got,
            size == 1 ? AS_IT_ARRIVES : AT_THE_END);
    while (sse_finish(&s, &ev) == SSE_EVENT) render(&got, &ev);
    compare(&got, want, strlen(want), size == 1 ? "byte by byte" : "whole");
    SAME(sse_next(&s, &ev), SSE_MORE);
    sse_free(&s);
    buf_free(&got);
    if (n == 0) break;
  }
}


static void end_gives_data (void) {
  finished("data: a", "(|a|)");
  finished("data: a\n", "(|a|)");
  finished("data: a\r", "(|a|)");
  finished("data: a\r\n", "(|a|)");
  finished("data: a\ndata: b", "(|a\nb|)");
  finished("data: a\ndata", "(|a\n|)");
  finished("data", "(||)");
  finished("event: e\ndata: a", "(e|a|)");
  finished("data: a\nevent: e", "(e|a|)");
  finished("data: a\n: comment", "(|a|)");
  finished("data: a\nunknown", "(|a|)");
  finished("id: 7\n\nid: 8\ndata: a", "(|a|7)");
}


static void end_gives_nothing (void) {
  finished("", "");
  finished("\n", "");
  finished(": comment", "");
  finished("event: e", "");
  finished("id: 7\n", "");
  finished("dat", "");
  finished("\xef", "");
  finished("\xef\xbb", "");
  finished(BOM, "");
}


static void end_gives_events_first (void) {
  finished("data: a\n\n", "(|a|)");
  finished("data: a\n\nevent: e\ndata: b\n\ndata: c", "(|a|)(e|b|)(|c|)");
}


/* ------------------------------------------------------------------------- */

static const struct test tests[] = {
  { "CR CR gives an event at once, and a later LF no other", cr_cr_then_lf },
  { "2000 events of one piece come one per pull", one_per_pull },
  { "an event given can be had again until the next pull", given_again },
  { "a decoder that was fed nothing has nothing", no_feed_at_all },
  { "asked again, it looks at nothing beyond what came", asked_again },
  { "2000 lines of data without a blank line are no event", lines_without_end },
  { "10000 lines of data are one event", lines_with_end },
  { "10000 comments hold no memory", many_comments },
  { "dead lines inside an event hold no memory", dead_lines },
  { "a large event's memory is given back", gives_back },
  { "a large event's memory is given back while another arrives",
    gives_back_with_rest },
  { "a large type's memory is given back", gives_back_type },
  { "a comment without end holds no memory", endless_comment },
  { "a comment without end inside an event holds no memory",
    endless_comment_in_event },
  { "data of the limit passes, one more byte does not, however cut",
    limit_of_data },
  { "all lines of an event count, with the LF between them", limit_of_lines },
  { "other lines are limited one by one, comments never", limit_of_others },
  { "past the limit nothing is accepted any more", limit_sticks },
  { "the limit holds for what the end leaves", limit_at_the_end },
  { "an error leaves nothing to another stream", anew_after_error },
  { "a stream left anywhere leaves nothing to another", anew_anywhere },
  { "an event that was given is gone with its stream", anew_while_given },
  { "the end gives data that no blank line closed", end_gives_data },
  { "the end gives nothing where there is no data", end_gives_nothing },
  { "the end gives the events still there first", end_gives_events_first },
  { NULL, NULL }
};


int main (int argc, char **argv) {
  start(argc, argv);
  run_streams();
  events_are_prompt();
  bare_done();
  run_tests(tests);
  return finish();
}
