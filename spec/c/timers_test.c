/* SPDX-License-Identifier: MIT */
/* Timers: they fire in the order they are due, and may be started and stopped
** at any time, by one another too. */
#include "check.h"
#include "timers.h"

#define MANY  500

struct alarm {
  struct timer timer;    /* first, so that one is the other */
  struct timers *of;
  struct alarm *other;   /* for those that act on another */
  int fired;
  usec said;             /* the `now` it was told */
};

static usec order[2 * MANY];   /* the `due` of those that fired */
static int fired;


static void note (struct timer *t, usec now) {
  struct alarm *a = (struct alarm *)t;
  CHECK(t->place == 0);
  CHECK(t->due <= now);
  a->fired++;
  a->said = now;
  if (fired < 2 * MANY) order[fired++] = t->due;
}


static void stop_other (struct timer *t, usec now) {
  struct alarm *a = (struct alarm *)t;
  note(t, now);
  timer_stop(a->of, &a->other->timer);
}


static void start_other (struct timer *t, usec now) {
  struct alarm *a = (struct alarm *)t;
  note(t, now);
  CHECK(timer_start(a->of, &a->other->timer, now));
}


static void start_again (struct timer *t, usec now) {
  struct alarm *a = (struct alarm *)t;
  note(t, now);
  CHECK(timer_start(a->of, t, now + 10));
}


static void forget (void) {
  fired = 0;
}


static int random_below (int n) {
  static unsigned long x = 1;
  x = x * 1103515245ul + 12345ul;
  return (int)((x >> 16) % (unsigned long)n);
}


static void check_heap (const struct timers *ts) {
  size_t i;
  for (i = 0; i < ts->n; i++) {
    SAME(ts->heap[i]->place, i + 1);
    CHECK(ts->heap[i]->due >= ts->heap[i ? (i - 1) / 2 : 0]->due);
  }
}


static void in_order (void) {
  static struct alarm alarms[MANY];
  struct timers ts = { 0 };
  int i;
  forget();
  for (i = 0; i < MANY; i++) {
    alarms[i].timer.fire = note;
    CHECK(timer_start(&ts, &alarms[i].timer, random_below(100)));
  }
  check_heap(&ts);
  timers_fire(&ts, 1000);
  SAME(fired, MANY);
  for (i = 1; i < MANY; i++) CHECK(order[i - 1] <= order[i]);
  for (i = 0; i < MANY; i++) SAME(alarms[i].fired, 1);
  SAME(ts.n, 0);
  timers_free(&ts);
}


static void only_due (void) {
  struct alarm a = { { 0, 0, note }, NULL, NULL, 0, 0 }, b = a;
  struct timers ts = { 0 };
  forget();
  SAME(timers_due(&ts), NEVER);
  CHECK(timer_start(&ts, &b.timer, 20));
  CHECK(timer_start(&ts, &a.timer, 10));
  SAME(timers_due(&ts), 10);
  timers_fire(&ts, 9);
  SAME(fired, 0);
  timers_fire(&ts, 10);
  CHECK(a.fired == 1 && a.said == 10 && b.fired == 0);
  SAME(timers_due(&ts), 20);
  timers_fire(&ts, 50);
  CHECK(a.fired == 1 && b.fired == 1 && b.said == 50);
  SAME(timers_due(&ts), NEVER);
  timers_fire(&ts, NEVER - 1);
  SAME(fired, 2);
  timers_free(&ts);
}


static void restarted (void) {
  struct alarm a = { { 0, 0, note }, NULL, NULL, 0, 0 };
  struct timers ts = { 0 };
  forget();
  CHECK(timer_start(&ts, &a.timer, 10));
  CHECK(timer_start(&ts, &a.timer, 30));
  SAME(ts.n, 1);
  timers_fire(&ts, 29);
  SAME(a.fired, 0);
  CHECK(timer_start(&ts, &a.timer, 5));
  SAME(timers_due(&ts), 5);
  timers_fire(&ts, 29);
  timers_fire(&ts, 100);
  SAME(a.fired, 1);
  timers_free(&ts);
}


static void stopped (void) {
  struct alarm a = { { 0, 0, note }, NULL, NULL, 0, 0 };
  struct timers ts = { 0 };
  forget();
  timer_stop(&ts, &a.timer);
  CHECK(timer_start(&ts, &a.timer, 10));
  timer_stop(&ts, &a.timer);
  timer_stop(&ts, &a.timer);
  SAME(timers_due(&ts), NEVER);
  timers_fire(&ts, 100);
  SAME(a.fired, 0);
  timers_free(&ts);
}


/* Starts, moves and stops at random; those left fire, in order. */
static void any_mixture (void) {
  static struct alarm alarms[MANY];
  struct timers ts = { 0 };
  int i, running = 0;
  forget();
  for (i = 0; i < MANY; i++) alarms[i].timer.fire = note;
  for (i = 0; i < 20000; i++) {
    struct timer *t = &alarms[random_below(MANY)].timer;
    if (random_below(3)) CHECK(timer_start(&ts, t, random_below(1000)));
    else timer_stop(&ts, t);
    if (i % 100 == 0) check_heap(&ts);
  }
  for (i = 0; i < MANY; i++) running += alarms[i].timer.place > 0;
  SAME(running, ts.n);
  timers_fire(&ts, 1000);
  SAME(fired, running);
  for (i = 1; i < fired; i++) CHECK(order[i - 1] <= order[i]);
  timers_free(&ts);
}


static void one_stops_another (void) {
  struct timers ts = { 0 };
  struct alarm b = { { 0, 0, note }, NULL, NULL, 0, 0 };
  struct alarm a = { { 0, 0, stop_other }, &ts, &b, 0, 0 };
  forget();
  CHECK(timer_start(&ts, &a.timer, 1));
  CHECK(timer_start(&ts, &b.timer, 2));
  timers_fire(&ts, 10);
  CHECK(a.fired == 1 && b.fired == 0);
  SAME(ts.n, 0);
  timers_free(&ts);
}


static void one_starts_another (void) {
  struct timers ts = { 0 };
  struct alarm b = { { 0, 0, note }, NULL, NULL, 0, 0 };
  struct alarm a = { { 0, 0, start_other }, &ts, &b, 0, 0 };
  forget();
  CHECK(timer_start(&ts, &a.timer, 1));
  timers_fire(&ts, 10);
  CHECK(a.fired == 1 && b.fired == 1);
  timers_free(&ts);
}


static void starts_itself (void) {
  struct timers ts = { 0 };
  struct alarm a = { { 0, 0, start_again }, &ts, NULL, 0, 0 };
  forget();
  CHECK(timer_start(&ts, &a.timer, 1));
  timers_fire(&ts, 5);
  SAME(a.fired, 1);
  SAME(timers_due(&ts), 15);
  timers_fire(&ts, 15);
  SAME(a.fired, 2);
  SAME(timers_due(&ts), 25);
  timer_stop(&ts, &a.timer);
  timers_free(&ts);
}


static void freed_is_new (void) {
  struct alarm a = { { 0, 0, note }, NULL, NULL, 0, 0 };
  struct timers ts = { 0 };
  CHECK(timer_start(&ts, &a.timer, 1));
  timer_stop(&ts, &a.timer);
  timers_free(&ts);
  CHECK(ts.heap == NULL && ts.n == 0 && ts.cap == 0);
  CHECK(timer_start(&ts, &a.timer, 1));
  SAME(timers_due(&ts), 1);
  timer_stop(&ts, &a.timer);
  timers_free(&ts);
}


static void clock_goes_on (void) {
  usec a = clock_now(), b = clock_now();
  int i;
  CHECK(a > 0 && b >= a);
  for (i = 0; i < 100000000 && b < a + 2000; i++) b = clock_now();
  CHECK(b >= a + 2000);
}


static const struct test tests[] = {
  { "they fire in the order they are due", in_order },
  { "only those due fire, once, and are told the time", only_due },
  { "one started again has its new time alone", restarted },
  { "one stopped does not fire", stopped },
  { "any mixture of starts and stops leaves them in order", any_mixture },
  { "one may stop another that is due", one_stops_another },
  { "one may start another that is due at once", one_starts_another },
  { "one may start itself again", starts_itself },
  { "freed, they are as new", freed_is_new },
  { "the clock goes on", clock_goes_on },
  { NULL, NULL }
};


int main (int argc, char **argv) {
  start(argc, argv);
  run_tests(tests);
  return finish();
}
