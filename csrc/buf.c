/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "buf.h"

#define FIRST_SIZE   128
#define STEP         256          /* small blocks grow by no more: thousands of
                                     streams have one each */
#define SMALL_SIZE   (4 * 1024)
#define KEEP_SIZE    (64 * 1024)  /* a buffer nearly empty gives back more */


static void give_back (struct buf *b) {
  if (b->cap > KEEP_SIZE) {
    free(b->bytes);
    b->bytes = NULL;
    b->cap = 0;
  }
  b->head = b->tail = 0;
}


/* Moves what is stored to the front of the block. Done only when at least
** half of the block is free, so each byte is moved once on average. */
static void close_gap (struct buf *b) {
  memmove(b->bytes, b->bytes + b->head, buf_len(b));
  b->tail -= b->head;
  b->head = 0;
}


static size_t larger (size_t cap) {
  return cap > STEP && cap < SMALL_SIZE ? cap + STEP : cap * 2;
}


static int grow (struct buf *b, size_t need) {
  size_t cap = b->cap ? b->cap : FIRST_SIZE;
  char *bytes;
  if (b->head >= b->cap / 2 && b->head > 0) close_gap(b);
  if (b->tail + need <= b->cap) return BUF_OK;
  while (cap < b->tail + need) {
    if (cap > (size_t)-1 / 2) return b->failed = BUF_NOMEM;
    cap = larger(cap);
  }
  bytes = realloc(b->bytes, cap);
  if (bytes == NULL) return b->failed = BUF_NOMEM;
  b->bytes = bytes;
  b->cap = cap;
  return BUF_OK;
}


int buf_reserve (struct buf *b, size_t n) {
  if (b->failed) return b->failed;
  if (b->max && n > b->max - buf_len(b)) return b->failed = BUF_FULL;
  return n > b->cap - b->tail ? grow(b, n) : BUF_OK;
}


int buf_append (struct buf *b, const char *bytes, size_t n) {
  if (buf_reserve(b, n)) return b->failed;
  if (n > 0) memcpy(b->bytes + b->tail, bytes, n);
  b->tail += n;
  return BUF_OK;
}


/* What is left fills at most half of the small block it is moved to. */
static void shrink (struct buf *b) {
  char *bytes;
  close_gap(b);
  bytes = realloc(b->bytes, KEEP_SIZE);
  if (bytes == NULL) return;
  b->bytes = bytes;
  b->cap = KEEP_SIZE;
}


void buf_drop (struct buf *b, size_t n) {
  b->head += n;
  if (b->head == b->tail) give_back(b);
  else if (b->cap > KEEP_SIZE && buf_len(b) <= KEEP_SIZE / 2) shrink(b);
}


void buf_clear (struct buf *b) {
  give_back(b);
}


void buf_give_back (struct buf *b) {
  if (buf_len(b) > 0) return;
  free(b->bytes);
  b->bytes = NULL;
  b->cap = b->head = b->tail = 0;
}


void buf_free (struct buf *b) {
  free(b->bytes);
  memset(b, 0, sizeof *b);
}
