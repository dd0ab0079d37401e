/* SPDX-License-Identifier: MIT */
/* The byte queue: held against a plain array, then what it promises of its
** ceiling and of memory. */
#include <stdint.h>

#include "buf.h"
#include "check.h"

#define KEPT  (64 * 1024)   /* most bytes a queue holds without need */


static void append (struct buf *b, const char *bytes, size_t n) {
  char *copy = exact(bytes, n);
  SAME(buf_append(b, copy, n), BUF_OK);
  free(copy);
}


static void append_x (struct buf *b, size_t n) {
  char *x = malloc(n);
  if (x == NULL) exit(2);
  memset(x, 'x', n);
  SAME(buf_append(b, x, n), BUF_OK);
  free(x);
}


static void holds (const struct buf *b, const char *want, size_t n) {
  SAME(buf_len(b), n);
  CHECK(n == 0 || memcmp(buf_data(b), want, n) == 0);
}


static void first_in_first_out (void) {
  struct buf b = { 0 };
  append(&b, "abc", 3);
  append(&b, "", 0);
  append(&b, "d\0e", 3);
  holds(&b, "abcd\0e", 6);
  buf_drop(&b, 2);
  holds(&b, "cd\0e", 4);
  buf_drop(&b, 0);
  append(&b, "f", 1);
  holds(&b, "cd\0ef", 5);
  buf_drop(&b, 5);
  holds(&b, "", 0);
  buf_free(&b);
}


static void empty_needs_nothing (void) {
  struct buf b = { 0 };
  SAME(buf_append(&b, NULL, 0), BUF_OK);
  SAME(buf_len(&b), 0);
  buf_drop(&b, 0);
  buf_clear(&b);
  CHECK(b.bytes == NULL);
  buf_free(&b);
  buf_free(&b);
}


static uint32_t next_random (uint32_t *x) {
  *x = *x * 1664525u + 1013904223u;
  return *x >> 8;
}


/* What is stored is always the bytes from `head` to `tail` of `all`. */
static void like_an_array (void) {
  static char all[1 << 20];
  struct buf b = { 0 };
  uint32_t seed = 1;
  size_t head = 0, tail = 0, i;
  for (i = 0; i < sizeof all; i++) all[i] = (char)next_random(&seed);
  while (tail < sizeof all) {
    size_t n = next_random(&seed) % (next_random(&seed) % 8 ? 300 : 60000);
    if (n > sizeof all - tail) n = sizeof all - tail;
    append(&b, all + tail, n);
    tail += n;
    n = next_random(&seed) % 2 ? next_random(&seed) % (tail - head + 1) : 0;
    buf_drop(&b, n);
    head += n;
    holds(&b, all + head, tail - head);
    CHECK(b.cap <= KEPT || tail - head > KEPT / 2 || n == 0);
  }
  buf_free(&b);
}


static void ceiling (void) {
  struct buf b = { 0 };
  b.max = 10;
  append(&b, "0123456", 7);
  append(&b, "789", 3);
  SAME(buf_append(&b, "a", 1), BUF_FULL);
  holds(&b, "0123456789", 10);
  SAME(buf_append(&b, "", 0), BUF_FULL);
  buf_drop(&b, 5);
  SAME(buf_append(&b, "a", 1), BUF_FULL);
  buf_clear(&b);
  SAME(buf_append(&b, "a", 1), BUF_FULL);
  SAME(b.failed, BUF_FULL);
  buf_free(&b);
  SAME(buf_append(&b, "a", 1), BUF_OK);
  buf_free(&b);
}


static void ceiling_at_once (void) {
  struct buf b = { 0 };
  int i;
  b.max = 10;
  for (i = 0; i < 1000; i++) {
    append(&b, "0123456789", 10);
    buf_drop(&b, 10);
    append(&b, "01234567", 8);
    buf_drop(&b, 3);
    append(&b, "89abc", 5);
    holds(&b, "3456789abc", 10);
    buf_drop(&b, 10);
  }
  buf_free(&b);
}


static void no_ceiling (void) {
  struct buf b = { 0 };
  append_x(&b, 8 << 20);
  append_x(&b, 1);
  SAME(buf_len(&b), (8 << 20) + 1);
  buf_free(&b);
}


static void too_much_memory (void) {
  struct buf b = { 0 };
  volatile size_t n = (size_t)-1 / 2 + 2;   /* no block is this large */
  append(&b, "abc", 3);
  SAME(buf_append(&b, "", n), BUF_NOMEM);
  holds(&b, "abc", 3);
  SAME(buf_append(&b, "d", 1), BUF_NOMEM);
  buf_free(&b);
  append(&b, "d", 1);
  buf_free(&b);
}


static void emptied_gives_back (void) {
  struct buf b = { 0 };
  append_x(&b, 1 << 20);
  buf_drop(&b, 1 << 20);
  CHECK(b.cap <= KEPT);
  append_x(&b, 1 << 20);
  buf_clear(&b);
  CHECK(b.cap <= KEPT);
  SAME(buf_len(&b), 0);
  append(&b, "a", 1);
  holds(&b, "a", 1);
  buf_free(&b);
}


static void nearly_empty_gives_back (void) {
  struct buf b = { 0 };
  append_x(&b, 1 << 20);
  append(&b, "rest", 4);
  buf_drop(&b, 1 << 20);
  CHECK(b.cap <= KEPT);
  holds(&b, "rest", 4);
  append(&b, "!", 1);
  holds(&b, "rest!", 5);
  buf_free(&b);
}


static void small_is_kept (void) {
  struct buf b = { 0 };
  const char *block;
  append_x(&b, 1000);
  block = b.bytes;
  buf_clear(&b);
  append_x(&b, 1000);
  buf_drop(&b, 1000);
  append_x(&b, 1000);
  CHECK(b.bytes == block);
  buf_free(&b);
}


static void queue_stays_small (void) {
  struct buf b = { 0 };
  int i;
  append_x(&b, 1000);
  for (i = 0; i < 100000; i++) {
    append_x(&b, 100);
    buf_drop(&b, 100);
    CHECK(b.cap <= 4096);
  }
  SAME(buf_len(&b), 1000);
  buf_free(&b);
}


/* also behind what is stored, and not past the ceiling */
static void room_is_there (void) {
  struct buf b = { .max = 2000 };
  const char *bytes;
  SAME(buf_reserve(&b, 1000), BUF_OK);
  SAME(buf_len(&b), 0);
  bytes = b.bytes;
  append_x(&b, 600);
  append_x(&b, 400);
  CHECK(b.bytes == bytes);
  SAME(buf_reserve(&b, 1000), BUF_OK);
  SAME(buf_len(&b), 1000);
  bytes = b.bytes;
  append_x(&b, 999);
  CHECK(b.bytes == bytes);
  SAME(buf_reserve(&b, 2), BUF_FULL);
  SAME(buf_append(&b, "x", 1), BUF_FULL);
  buf_free(&b);
}


static void freed_is_new (void) {
  static const struct buf none;
  struct buf b = { 0 };
  b.max = 5;
  append(&b, "abc", 3);
  buf_drop(&b, 1);
  buf_free(&b);
  CHECK(b.bytes == none.bytes && b.head == 0 && b.tail == 0);
  CHECK(b.cap == 0 && b.max == 0 && b.failed == 0);
}


static const struct test tests[] = {
  { "bytes leave in the order they came", first_in_first_out },
  { "an empty queue needs no memory", empty_needs_nothing },
  { "it holds what an array would", like_an_array },
  { "past its ceiling it refuses for good", ceiling },
  { "its ceiling is for what is stored at once", ceiling_at_once },
  { "without a ceiling it grows", no_ceiling },
  { "what no memory can hold is refused", too_much_memory },
  { "emptied, it gives memory back", emptied_gives_back },
  { "nearly empty, it gives memory back", nearly_empty_gives_back },
  { "a small block is kept", small_is_kept },
  { "a queue that stays short stays small", queue_stays_small },
  { "where room is made, bytes need no other block", room_is_there },
  { "freed, it is as new", freed_is_new },
  { NULL, NULL }
};


int main (int argc, char **argv) {
  start(argc, argv);
  run_tests(tests);
  return finish();
}
