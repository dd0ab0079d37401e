/* SPDX-License-Identifier: MIT */
/*
** Fuzzes the JSON reader and writer (clang -fsanitize=fuzzer,address,undefined
** spec/fuzz/json_fuzz.c csrc/json.c -Icsrc -lm). Any bytes may be refused, none
** may crash. What is accepted is written out again from its events: that must
** be accepted too, and must be written the same once more. Numbers are held
** against strtod, and json_unescape against what the reader says of the same
** contents in quotes.
*/
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

typedef struct text {
  char *bytes;  /* owned, malloc */
  size_t size, room;
} text;

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);


static char *reserve (text *t, size_t more) {
  if (t->room - t->size < more) {
    t->room = t->room * 2 + more;
    t->bytes = realloc(t->bytes, t->room);
    CHECK(t->bytes);
  }
  return t->bytes + t->size;
}


static void add (text *t, const char *s, size_t n) {
  if (n) memcpy(reserve(t, n), s, n);
  t->size += n;
}


static void add_string (text *t, const json_parser *p) {
  char *plain = malloc(p->length + 1), *s = plain;
  ptrdiff_t length = json_unescape(p->text, p->length, plain);
  size_t n = (size_t)length, used;
  CHECK(length >= 0 && n <= p->length);
  CHECK(p->escaped || n == p->length);
  add(t, "\"", 1);
  while (n > 0) {
    used = json_clean(s, n);
    add(t, s, used);
    s += used;
    n -= used;
    if (n == 0) break;
    t->size += json_escape(s, n, reserve(t, JSON_ESCAPE_SIZE), &used);
    CHECK(used > 0 && used <= n);
    s += used;
    n -= used;
  }
  add(t, "\"", 1);
  free(plain);
}


static void check_number (const json_parser *p, const char *from) {
  size_t n = (size_t)(p->at - from);
  char *copy = malloc(n + 1);
  memcpy(copy, from, n);
  copy[n] = '\0';
  from = copy + strspn(copy, " \t\r\n,:[");
  CHECK(isfinite(p->number));
  CHECK(strtod(from, NULL) == p->number);
  free(copy);
}


static void add_event (text *t, const json_parser *p, json_event event) {
  static const char *const words[] = { "", "", "null", "false", "true", "",
                                       "", "", "", "[", "]", "{", "}" };
  char *to = reserve(t, JSON_NUMBER_SIZE);
  if (event == JSON_INTEGER) t->size += json_write_integer(p->integer, to);
  else if (event == JSON_NUMBER) t->size += json_write_number(p->number, to);
  else if (event == JSON_STRING || event == JSON_KEY) add_string(t, p);
  else add(t, words[event], strlen(words[event]));
}


/* Writes the document out of its events; false where it is refused. */
static int rewrite (const char *s, size_t n, text *out) {
  json_parser p;
  json_event event, last = JSON_ARRAY;
  json_start(&p, s, n, 64);
  for (;;) {
    const char *from = p.at;
    event = json_next(&p);
    if (event <= JSON_END) break;
    if (last == JSON_KEY) add(out, ":", 1);
    else if (last != JSON_ARRAY && last != JSON_OBJECT &&
             event != JSON_ARRAY_END && event != JSON_OBJECT_END)
      add(out, ",", 1);
    if (event == JSON_NUMBER) check_number(&p, from);
    add_event(out, &p, event);
    last = event;
  }
  CHECK(json_next(&p) == event);
  CHECK((event == JSON_ERROR) == (p.error != NULL));
  CHECK(p.at >= s && p.at <= s + n);
  return event == JSON_END;
}


static void check_document (const char *s, size_t n) {
  text once = { NULL, 0, 0 }, twice = { NULL, 0, 0 };
  int accepted = rewrite(s, n, &once);
  CHECK(accepted == json_valid(s, n, 64));
  if (accepted) {
    CHECK(rewrite(once.bytes, once.size, &twice));
    CHECK(once.size == twice.size);
    CHECK(memcmp(once.bytes, twice.bytes, once.size) == 0);
  }
  free(once.bytes);
  free(twice.bytes);
}


static void check_contents (const char *s, size_t n) {
  char *quoted = malloc(n + 2), *out = malloc(n + 1);
  ptrdiff_t length = json_unescape(s, n, out);
  size_t run = json_plain(s, n);
  CHECK(run <= n && (length < 0 || (size_t)length <= n));
  for (size_t i = 0; i < n && i <= run; i++) {
    unsigned char c = (unsigned char)s[i];
    CHECK((c < 0x20 || c == '"' || c == '\\') == (i == run));
  }
  quoted[0] = quoted[n + 1] = '"';
  if (n) memcpy(quoted + 1, s, n);
  CHECK(json_valid(quoted, n + 2, 1) == (length >= 0));
  CHECK(json_unescape(quoted + 1, n, quoted + 1) == length);
  CHECK(length <= 0 || memcmp(quoted + 1, out, (size_t)length) == 0);
  free(quoted);
  free(out);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  char *copy = malloc(size + (size == 0)); /* its end is guarded */
  if (size) memcpy(copy, data, size);
  check_document(copy, size);
  check_contents(copy, size);
  free(copy);
  return 0;
}
