/* SPDX-License-Identifier: MIT */
/* How much the decoder of event streams looks at and moves. Its sources are
** compiled into this program with the functions that touch many bytes
** replaced by ones that count: time would measure the machine, and a count
** says the same each time. All must be linear, however a stream is cut. */
#include "check.h"

static size_t looked;   /* bytes searched or compared */
static size_t moved;    /* bytes copied */
static size_t grown;    /* bytes of blocks made anew */


static void *counted_memchr (const void *s, int c, size_t n) {
  const char *at = memchr(s, c, n);
  looked += at ? (size_t)(at - (const char *)s) + 1 : n;
  return at ? (char *)(size_t)at : NULL;
}


static int counted_memcmp (const void *a, const void *b, size_t n) {
  looked += n;
  return memcmp(a, b, n);
}


static void *counted_memmove (void *to, const void *from, size_t n) {
  moved += n;
  return memmove(to, from, n);
}


static void *counted_realloc (void *block, size_t n) {
  grown += n;
  return realloc(block, n);
}


#define memchr   counted_memchr
#define memcmp   counted_memcmp
#define memmove  counted_memmove
#define memcpy   counted_memmove
#define realloc  counted_realloc

#include "../../csrc/buf.c"
#include "../../csrc/sse.c"

#undef memcpy

#define LONG  (256 * 1024)


/* Feeds n bytes in pieces; each is pulled before the next. Returns how many
** events came. */
static int run (const char *bytes, size_t n, size_t piece) {
  struct sse s = { 0 };
  struct sse_event ev;
  int events = 0;
  size_t i;
  looked = moved = grown = 0;
  for (i = 0; i < n; i += piece) {
    sse_feed(&s, bytes + i, n - i < piece ? n - i : piece);
    while (sse_next(&s, &ev) == SSE_EVENT) events++;
  }
  sse_free(&s);
  return events;
}


static void check_linear (const char *bytes, size_t n, int events) {
  static const size_t pieces[] = { 1, 7, 1000, 16 * 1024, 8 * LONG };
  size_t i;
  for (i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    SAME(run(bytes, n, pieces[i]), events);
    if (looked > 4 * n || moved > 4 * n || grown > 5 * n)
      blame("%d bytes in pieces of %d: %.1f times looked at, %.1f times moved, "
            "%.1f times grown", (int)n, (int)pieces[i], (double)looked / n,
            (double)moved / n, (double)grown / n);
  }
}


/* `unit` again and again, about n bytes, between `head` and `tail` */
static void repeated (const char *head, const char *unit, size_t n,
                      const char *tail, int events) {
  size_t length = strlen(unit), i = strlen(head);
  char *bytes = malloc(n + i + length + strlen(tail) + 1);
  if (bytes == NULL) exit(2);
  memcpy(bytes, head, i);
  for (; i < n; i += length) memcpy(bytes + i, unit, length);
  memcpy(bytes + i, tail, strlen(tail));
  check_linear(bytes, i + strlen(tail), events);
  free(bytes);
}


static void one_line (void) {
  repeated("data: ", "x", LONG, "\n\n", 1);
  repeated("data: ", "x", 4 * LONG, "\r\r", 1);
}


static void lines_of_data (void) {
  repeated("", "data: abcdefghijkl\n", LONG, "\n", 1);
  repeated("", "data: abcdefghijkl\r\n", LONG, "\r\n", 1);
  repeated("", "data: abcdefghijkl\r", LONG, "\r", 1);
}


static void small_events (void) {
  repeated("", "data: {\"t\":\"abcdefg\"}\n\n", 23 * 10000, "", 10000);
  repeated("", "data: {\"t\":\"abcdefg\"}\r\n\r\n", 25 * 10000, "", 10000);
}


static void comments (void) {
  repeated("", ":\n", LONG, "data: x\n\n", 1);
  repeated("data: x\n:", "y", LONG, "\n\n", 1);
}


static void dead_bytes (void) {
  repeated("data: x\n", "unknown line of some length\n", LONG, "\n", 1);
  repeated("data: x\n", "unknown line, then data\ndata: y\n", LONG, "\n", 1);
  repeated("", "id: 0123456789\n", LONG, "", 0);
}


static void far_cr (void) {
  repeated("", "data: x\n\n", 9 * 20000, "data: y\r\r", 20001);
  repeated("data: ", "x", LONG, "\ndata: y\r\n\n", 1);
}


static void blank_lines (void) {
  repeated("", "\n", LONG, "", 0);
  repeated("", "\r\n", LONG, "", 0);
}


/* The second line begins when a long one is there: what has been joined
** must not be gone over again. */
static void long_then_short (void) {
  static char head[LONG + 16];
  memset(head, 'x', sizeof head - 1);
  memcpy(head, "data: ", 6);
  head[sizeof head - 2] = '\n';
  repeated(head, "data\n", LONG + 30 * 1024, "\n", 1);
  repeated(head, "dead lines\n", LONG + 30 * 1024, "\n", 1);
}


/* Nothing of a later event is joined, moved or dropped before its turn. */
static void lazy (void) {
  static const char event[] = "data: a\ndata: b\n\n";
  const size_t n = sizeof event - 1;
  struct sse s = { 0 };
  struct sse_event ev;
  int i;
  for (i = 0; i < 1000; i++) sse_feed(&s, event, n);
  for (i = 0; i < 1000; i++) {
    moved = 0;
    SAME(sse_next(&s, &ev), SSE_EVENT);
    CHECK(moved <= 2 * sizeof event || grown > 0);
    SAME(s.line, n);
    grown = 0;
  }
  sse_free(&s);
}


static const struct test tests[] = {
  { "one long line is looked at a few times, however cut", one_line },
  { "many lines of one event", lines_of_data },
  { "many small events", small_events },
  { "many comments, and one long", comments },
  { "many lines that say nothing", dead_bytes },
  { "a CR that is far away", far_cr },
  { "blank lines and nothing else", blank_lines },
  { "short lines after a long one", long_then_short },
  { "an event costs nothing before its turn", lazy },
  { NULL, NULL }
};


int main (int argc, char **argv) {
  start(argc, argv);
  run_tests(tests);
  return finish();
}
