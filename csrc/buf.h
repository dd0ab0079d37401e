/* SPDX-License-Identifier: MIT */
/* A growing byte queue with a ceiling: bytes are appended at the end and
** dropped from the front. It never grows past its maximum: asking for more
** is an error that sticks until the buffer is freed, so that callers may
** append many times and look once. */
#ifndef MAREA_BUF_H
#define MAREA_BUF_H

#include <stddef.h>

struct buf {
  char *bytes;   /* owned */
  size_t head;   /* what is stored begins here ... */
  size_t tail;   /* ... and ends here */
  size_t cap;
  size_t max;    /* most bytes stored at once; 0: no limit */
  int failed;    /* BUF_FULL or BUF_NOMEM, once one has happened */
};

enum { BUF_OK = 0, BUF_FULL, BUF_NOMEM };

/* an empty buffer is all zero: no call is needed to make one */
int buf_append (struct buf *b, const char *bytes, size_t n);
int buf_reserve (struct buf *b, size_t n);   /* room for n bytes, in one block */
void buf_drop (struct buf *b, size_t n);   /* from the front; may move bytes */
void buf_clear (struct buf *b);            /* keeps a small block */
void buf_give_back (struct buf *b);        /* keeps none, if it is empty */
void buf_free (struct buf *b);

#define buf_data(b)  ((b)->bytes + (b)->head)
#define buf_len(b)   ((b)->tail - (b)->head)

#endif
