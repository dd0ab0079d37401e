/* SPDX-License-Identifier: MIT */
/*
** Fuzzes JSON against another reader and writer, slow and written from the text
** of RFC 8259: one function for each of its rules, each string taken apart into
** characters, each number left to the C library. What is read is noted in a
** text; both must refuse, or note the same. The input's first byte chooses how
** deep containers may be.
*/
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

struct text {
  char *bytes;  /* owned */
  size_t n, room;
};

struct slow {
  const char *at, *end;
  int depth, limit;
  struct text notes;
};


static void add (struct text *t, const void *bytes, size_t n) {
  if (t->room - t->n < n) {
    t->room = t->room * 2 + n;
    t->bytes = realloc(t->bytes, t->room);
    CHECK(t->bytes);
  }
  if (n) memcpy(t->bytes + t->n, bytes, n);
  t->n += n;
}


static void note (struct text *t, char what, const void *bytes, size_t n) {
  add(t, &what, 1);
  add(t, &n, sizeof n);
  add(t, bytes, n);
}


/* ---- characters -------------------------------------------------------- */

/* The UTF-8 of a code point; returns how many bytes. */
static size_t utf8 (unsigned long code, char *to) {
  size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4, i;
  static const unsigned lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
  for (i = n - 1; i > 0; i--, code >>= 6) to[i] = (char)(0x80 | (code & 0x3F));
  to[0] = (char)(lead[n] | code);
  return n;
}


/* Is this the UTF-8 of one code point beyond ASCII? */
static int is_character (const unsigned char *s, size_t n) {
  unsigned long code = n == 2 ? s[0] & 0x1F : n == 3 ? s[0] & 0x0F : s[0] & 7;
  char again[4];
  size_t i;
  for (i = 1; i < n; i++) {
    if ((s[i] & 0xC0) != 0x80) return 0;
    code = code << 6 | (s[i] & 0x3F);
  }
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return 0;
  return code >= 0x80 && utf8(code, again) == n && memcmp(again, s, n) == 0;
}


/* Could one begin with these? */
static int begins_character (const unsigned char *s, size_t n) {
  unsigned char whole[4] = { 0x80, 0x80, 0x80, 0x80 };
  size_t length;
  memcpy(whole, s, n);
  for (length = n + 1; length <= 4; length++)
    if (is_character(whole, length)) return 1;
  if (n == 1) for (whole[1] = 0x80; whole[1] < 0xC0; whole[1]++)
    for (length = 2; length <= 4; length++)
      if (is_character(whole, length)) return 1;
  return 0;
}


/* ---- the slow reader --------------------------------------------------- */

static int next_is (struct slow *s, char c) {
  if (s->at == s->end || *s->at != c) return 0;
  s->at++;
  return 1;
}


static void skip_space (struct slow *s) {
  while (next_is(s, ' ') || next_is(s, '\t') || next_is(s, '\n') ||
         next_is(s, '\r')) continue;
}


/* Four hexadecimal digits; -1 if there are none. */
static long read_hex (struct slow *s) {
  char digits[5] = { 0 };
  if (s->end - s->at < 4) return -1;
  memcpy(digits, s->at, 4);
  if (strspn(digits, "0123456789abcdefABCDEF") != 4) return -1;
  s->at += 4;
  return strtol(digits, NULL, 16);
}


/* The second half of a pair, or -1, with nothing read. */
static long read_low (struct slow *s) {
  const char *from = s->at;
  long code = next_is(s, '\\') && next_is(s, 'u') ? read_hex(s) : -1;
  if (code >= 0xDC00 && code <= 0xDFFF) return code;
  s->at = from;
  return -1;
}


static int read_unicode (struct slow *s, struct text *out) {
  long code = read_hex(s), low;
  char bytes[4];
  if (code < 0) return 0;
  if (code >= 0xD800 && code <= 0xDFFF) {
    low = code < 0xDC00 ? read_low(s) : -1;
    code = low < 0 ? 0xFFFD
                   : 0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00);
  }
  add(out, bytes, utf8((unsigned long)code, bytes));
  return 1;
}


static int read_escape (struct slow *s, struct text *out) {
  static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
  const char *name;
  if (next_is(s, 'u')) return read_unicode(s, out);
  if (s->at == s->end || *s->at == '\0') return 0;
  name = strchr(names, *s->at++);
  if (name == NULL) return 0;
  add(out, bytes + (name - names), 1);
  return 1;
}


static int read_characters (struct slow *s, struct text *out) {
  while (!next_is(s, '"')) {
    if (s->at == s->end || (unsigned char)*s->at < 0x20) return 0;
    if (next_is(s, '\\')) {
      if (!read_escape(s, out)) return 0;
    }
    else add(out, s->at++, 1);
  }
  return 1;
}


static int read_string (struct slow *s, char what) {
  struct text out = { 0 };
  int good = next_is(s, '"') && read_characters(s, &out);
  if (good) note(&s->notes, what, out.bytes, out.n);
  free(out.bytes);
  return good;
}


static size_t count_digits (struct slow *s) {
  size_t n = 0;
  while (s->at < s->end && *s->at >= '0' && *s->at <= '9') {
    s->at++;
    n++;
  }
  return n;
}


/* Sets *whole where there is neither fraction nor exponent. */
static int read_digits (struct slow *s, int *whole) {
  next_is(s, '-');
  if (!next_is(s, '0') && count_digits(s) == 0) return 0;
  *whole = 1;
  if (next_is(s, '.')) {
    *whole = 0;
    if (count_digits(s) == 0) return 0;
  }
  if (next_is(s, 'e') || next_is(s, 'E')) {
    *whole = 0;
    if (!next_is(s, '+')) next_is(s, '-');
    if (count_digits(s) == 0) return 0;
  }
  return 1;
}


static int note_number (struct slow *s, const char *digits, int whole) {
  int64_t integer;
  double number = strtod(digits, NULL);
  errno = 0;
  integer = strtoll(digits, NULL, 10);
  if (whole && errno == 0 && strcmp(digits, "-0") != 0)
    note(&s->notes, 'i', &integer, sizeof integer);
  else if (isinf(number)) return 0;
  else note(&s->notes, 'd', &number, sizeof number);
  return 1;
}


static int read_number (struct slow *s) {
  const char *from = s->at;
  int whole, good = read_digits(s, &whole);
  size_t n = (size_t)(s->at - from);
  char *digits;
  if (!good) return 0;
  digits = malloc(n + 1);
  CHECK(digits);
  memcpy(digits, from, n);
  digits[n] = '\0';
  good = note_number(s, digits, whole);
  free(digits);
  return good;
}


static int read_word (struct slow *s, const char *word) {
  note(&s->notes, *word, NULL, 0);
  while (*word) if (!next_is(s, *word++)) return 0;
  return 1;
}


static int read_value (struct slow *s);


static int read_items (struct slow *s) {
  skip_space(s);
  if (next_is(s, ']')) return 1;
  do {
    if (!read_value(s)) return 0;
  } while (next_is(s, ','));
  return next_is(s, ']');
}


static int read_members (struct slow *s) {
  skip_space(s);
  if (next_is(s, '}')) return 1;
  do {
    skip_space(s);
    if (!read_string(s, 'k')) return 0;
    skip_space(s);
    if (!next_is(s, ':') || !read_value(s)) return 0;
  } while (next_is(s, ','));
  return next_is(s, '}');
}


static int read_container (struct slow *s, char open, char close,
                           int (*read) (struct slow *s)) {
  s->at++;
  if (s->depth == s->limit) return 0;
  note(&s->notes, open, NULL, 0);
  s->depth++;
  if (!read(s)) return 0;
  s->depth--;
  note(&s->notes, close, NULL, 0);
  return 1;
}


/* A value, and the white space around it. */
static int read_value (struct slow *s) {
  int good;
  skip_space(s);
  if (s->at == s->end) return 0;
  switch (*s->at) {
    case '"': good = read_string(s, 's'); break;
    case '[': good = read_container(s, '[', ']', read_items); break;
    case '{': good = read_container(s, '{', '}', read_members); break;
    case 'n': good = read_word(s, "null"); break;
    case 't': good = read_word(s, "true"); break;
    case 'f': good = read_word(s, "false"); break;
    default: good = read_number(s);
  }
  skip_space(s);
  return good;
}


/* ---- the fast one, noted likewise -------------------------------------- */

static void note_string (struct text *t, char what, const json_parser *p) {
  char *out = malloc(p->length + 1);
  ptrdiff_t n;
  CHECK(out);
  n = json_unescape(p->text, p->length, out);
  CHECK(n >= 0 && (size_t)n <= p->length);
  note(t, what, out, (size_t)n);
  free(out);
}


static void note_event (struct text *t, const json_parser *p, json_event event) {
  static const char letters[] = "  nftidsk[]{}";
  char what = letters[event];
  if (event == JSON_STRING || event == JSON_KEY) note_string(t, what, p);
  else if (event == JSON_INTEGER)
    note(t, what, &p->integer, sizeof p->integer);
  else if (event == JSON_NUMBER) note(t, what, &p->number, sizeof p->number);
  else note(t, what, NULL, 0);
}


/* Those that follow one in its list, at most `room` at once. */
static void note_numbers (struct text *t, json_parser *p, size_t room) {
  double list[8];
  size_t n;
  do {
    n = json_numbers(p, list, room);
    CHECK(n <= room);
    for (size_t i = 0; i < n; i++) note(t, 'd', &list[i], sizeof list[i]);
  } while (n == room);
}


static int read_fast (const char *text, size_t n, int limit, struct text *t) {
  json_parser p;
  json_event event;
  json_start(&p, text, n, limit);
  while ((event = json_next(&p)) > JSON_END) {
    note_event(t, &p, event);
    if (event == JSON_NUMBER) note_numbers(t, &p, 1 + (size_t)limit % 8);
  }
  return event == JSON_END;
}


static void check_reading (const char *text, size_t n, int limit) {
  struct slow s = { 0 };
  struct text fast = { 0 };
  int good;
  s.at = text;
  s.end = text + n;
  s.limit = limit;
  good = read_value(&s) && s.at == s.end;
  CHECK(read_fast(text, n, limit, &fast) == good);
  CHECK(!good || (fast.n == s.notes.n &&
                  memcmp(fast.bytes, s.notes.bytes, fast.n) == 0));
  free(fast.bytes);
  free(s.notes.bytes);
}


/* ---- writing ----------------------------------------------------------- */

static size_t write_byte (unsigned char c, struct text *out) {
  static const char names[] = "\"\\bfnrt", bytes[] = "\"\\\b\f\n\r\t";
  const char *place = c ? strchr(bytes, c) : NULL;
  char escape[8];
  if (place) snprintf(escape, sizeof escape, "\\%c", names[place - bytes]);
  else if (c < 0x20) snprintf(escape, sizeof escape, "\\u%04x", c);
  else snprintf(escape, sizeof escape, "%c", c);
  add(out, escape, strlen(escape));
  return 1;
}


static size_t write_character (const unsigned char *s, size_t n,
                               struct text *out) {
  size_t length;
  if (s[0] < 0x80) return write_byte(s[0], out);
  for (length = 2; length <= 4 && length <= n; length++)
    if (is_character(s, length)) {
      add(out, s, length);
      return length;
    }
  add(out, "\xEF\xBF\xBD", 3);
  for (length = n < 3 ? n : 3; length > 1; length--)
    if (begins_character(s, length)) return length;
  return 1;
}


static void write_fast (const char *s, size_t n, struct text *out) {
  char escape[JSON_ESCAPE_SIZE];
  while (n > 0) {
    size_t used = json_clean(s, n);
    add(out, s, used);
    s += used;
    n -= used;
    if (n == 0) break;
    add(out, escape, json_escape(s, n, escape, &used));
    s += used;
    n -= used;
  }
}


static void check_writing (const char *s, size_t n) {
  struct text slow = { 0 }, fast = { 0 };
  size_t at = 0;
  while (at < n)
    at += write_character((const unsigned char *)s + at, n - at, &slow);
  write_fast(s, n, &fast);
  CHECK(fast.n == slow.n && (n == 0 || !memcmp(fast.bytes, slow.bytes, fast.n)));
  free(slow.bytes);
  free(fast.bytes);
}


/* The shortest text of at least so many digits that reads back. */
static void check_number (double value, int least, int narrow) {
  char want[64], got[JSON_NUMBER_SIZE + 1] = { 0 };
  size_t n;
  if (!isfinite(value)) return;
  do {
    snprintf(want, sizeof want - 2, "%.*g", least++, value);
  } while (narrow ? strtof(want, NULL) != (float)value
                  : strtod(want, NULL) != value);
  if (strpbrk(want, ".e") == NULL) strcat(want, ".0");
  n = narrow ? json_write_float((float)value, got)
             : json_write_number(value, got);
  CHECK(n == strlen(got) && strcmp(got, want) == 0);
}


static void check_numbers (const char *s, size_t n) {
  double wide;
  float narrow;
  int64_t integer;
  char want[32], got[JSON_NUMBER_SIZE + 1] = { 0 };
  if (n < sizeof wide) return;
  memcpy(&wide, s, sizeof wide);
  memcpy(&narrow, s, sizeof narrow);
  memcpy(&integer, s, sizeof integer);
  check_number(wide, 15, 0);
  check_number((double)narrow, 6, 1);
  snprintf(want, sizeof want, "%lld", (long long)integer);
  CHECK(json_write_integer(integer, got) == strlen(want));
  CHECK(strcmp(got, want) == 0);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  char *copy;
  if (size == 0) return 0;
  copy = calloc(size, 1);
  CHECK(copy);
  memmove(copy, data + 1, size - 1);
  copy = realloc(copy, size - 1 + (size == 1));   /* its end is guarded */
  CHECK(copy);
  check_reading(copy, size - 1, 1 + data[0]);
  check_writing(copy, size - 1);
  check_numbers(copy, size - 1);
  free(copy);
  return 0;
}
