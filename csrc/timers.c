/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <time.h>

#include "timers.h"


usec clock_now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (usec)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}


static void put (struct timers *ts, struct timer *t, size_t i) {
  ts->heap[i] = t;
  t->place = i + 1;
}


static void sift_up (struct timers *ts, struct timer *t, size_t i) {
  while (i > 0) {
    size_t up = (i - 1) / 2;
    if (ts->heap[up]->due <= t->due) break;
    put(ts, ts->heap[up], i);
    i = up;
  }
  put(ts, t, i);
}


static void sift_down (struct timers *ts, struct timer *t, size_t i) {
  size_t kid;
  while ((kid = 2 * i + 1) < ts->n) {
    if (kid + 1 < ts->n && ts->heap[kid + 1]->due < ts->heap[kid]->due) kid++;
    if (t->due <= ts->heap[kid]->due) break;
    put(ts, ts->heap[kid], i);
    i = kid;
  }
  put(ts, t, i);
}


static int make_room (struct timers *ts) {
  size_t cap = ts->cap ? ts->cap * 2 : 16;
  struct timer **heap;
  if (ts->n < ts->cap) return 1;
  heap = realloc(ts->heap, cap * sizeof *heap);
  if (heap == NULL) return 0;
  ts->heap = heap;
  ts->cap = cap;
  return 1;
}


int timer_start (struct timers *ts, struct timer *t, usec due) {
  timer_stop(ts, t);
  if (!make_room(ts)) return 0;
  t->due = due;
  sift_up(ts, t, ts->n++);
  return 1;
}


void timer_stop (struct timers *ts, struct timer *t) {
  struct timer *last;
  size_t i;
  if (t->place == 0) return;
  i = t->place - 1;
  t->place = 0;
  last = ts->heap[--ts->n];
  if (last == t) return;
  if (i > 0 && ts->heap[(i - 1) / 2]->due > last->due) sift_up(ts, last, i);
  else sift_down(ts, last, i);
}


usec timers_due (const struct timers *ts) {
  return ts->n ? ts->heap[0]->due : NEVER;
}


void timers_fire (struct timers *ts, usec now) {
  while (ts->n && ts->heap[0]->due <= now) {
    struct timer *t = ts->heap[0];
    timer_stop(ts, t);
    t->fire(t, now);
  }
}


void timers_free (struct timers *ts) {
  free(ts->heap);
  ts->heap = NULL;
  ts->n = ts->cap = 0;
}
