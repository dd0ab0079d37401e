/* SPDX-License-Identifier: MIT */
/* Deadlines on a monotonic clock, kept in a binary heap. A timer belongs to
** whoever embeds it and must be stopped before its memory goes. */
#ifndef MAREA_TIMERS_H
#define MAREA_TIMERS_H

#include <stddef.h>
#include <stdint.h>

typedef int64_t usec;        /* microseconds; a moment of the clock */

#define NEVER  INT64_MAX

struct timer {
  usec due;
  size_t place;              /* 1 + index in the heap; 0: not running */
  void (*fire) (struct timer *t, usec now);   /* runs with the timer stopped */
};

struct timers {
  struct timer **heap;       /* owned; the timers are not */
  size_t n, cap;
};

usec clock_now (void);

int timer_start (struct timers *ts, struct timer *t, usec due); /* 0: no memory */
void timer_stop (struct timers *ts, struct timer *t);
usec timers_due (const struct timers *ts);   /* NEVER if none runs */
void timers_fire (struct timers *ts, usec now);
void timers_free (struct timers *ts);

#endif
