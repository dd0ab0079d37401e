/* SPDX-License-Identifier: MIT */
/* The driver on an engine of this file's own, which watches sockets that always
** have something to read, and counts what it is told. */
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "check.h"
#include "uvdriver.h"

#define NSOCKETS  8

static struct engine engine;
static int fds[NSOCKETS][2];
static int served[1024];     /* by descriptor: how often it could be read */
static int nwanted;          /* of the sockets, told to the driver */
static int time_is_up;
static useconds_t late;      /* after a timer is set, nothing runs for so long */


/* Stands before libuv's. */
int uv_timer_start (uv_timer_t *timer, uv_timer_cb f, uint64_t timeout, uint64_t repeat) {
  int (*real) (uv_timer_t *, uv_timer_cb, uint64_t, uint64_t);
  int status;
  *(void **)&real = dlsym(RTLD_NEXT, "uv_timer_start");
  status = real(timer, f, timeout, repeat);
  usleep(late);
  return status;
}


int engine_next_want (struct engine *e, struct want *w) {
  (void)e;
  if (nwanted == NSOCKETS) return 0;
  w->fd = fds[nwanted++][0];
  w->events = WANT_READ;
  return 1;
}


void engine_socket (struct engine *e, curl_socket_t fd, int events) {
  (void)e;
  if (events & WANT_READ) served[fd]++;
}


usec engine_due (const struct engine *e) {
  (void)e;
  return NEVER;
}


void engine_expire (struct engine *e) {
  (void)e;
}


int engine_is_over (const struct engine *e) {
  return e->over != 0 && time_is_up;
}


void engine_starve (struct engine *e) {
  e->starved = 1;
}


static struct uvdriver *set_up (void) {
  int i;
  memset(&engine, 0, sizeof engine);
  memset(served, 0, sizeof served);
  nwanted = 0;
  for (i = 0; i < NSOCKETS; i++) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]) != 0) abort();
    if (write(fds[i][1], "x", 1) != 1) abort();
  }
  return uvdriver_new(&engine);
}


static void tear_down (struct uvdriver *d) {
  int i;
  uvdriver_free(d);
  for (i = 0; i < NSOCKETS; i++) {
    close(fds[i][0]);
    close(fds[i][1]);
  }
}


static int total (void) {
  int i, n = 0;
  for (i = 0; i < NSOCKETS; i++) n += served[fds[i][0]];
  return n;
}


static void all_at_once (void) {
  struct uvdriver *d = set_up();
  uvdriver_turn(d, 0);
  SAME(total(), NSOCKETS);
  uvdriver_turn(d, 0);
  SAME(total(), 2 * NSOCKETS);
  tear_down(d);
}


static void all_in_time (void) {
  struct uvdriver *d = set_up();
  engine.over = 1;
  time_is_up = 0;
  uvdriver_turn(d, 0);
  uvdriver_turn(d, 0);
  SAME(total(), 2 * NSOCKETS);
  tear_down(d);
}


static void one_at_least (void) {
  struct uvdriver *d = set_up();
  int turn;
  engine.over = 1;
  time_is_up = 1;
  for (turn = 1; turn <= NSOCKETS; turn++) {
    uvdriver_turn(d, 0);
    SAME(total(), turn);
  }
  tear_down(d);
}


static void in_turns (void) {
  struct uvdriver *d = set_up();
  int i, lap;
  engine.over = 1;
  time_is_up = 1;
  for (lap = 1; lap <= 3; lap++) {
    for (i = 0; i < NSOCKETS; i++) uvdriver_turn(d, 0);
    for (i = 0; i < NSOCKETS; i++) SAME(served[fds[i][0]], lap);
  }
  tear_down(d);
}


static void unlimited_again (void) {
  struct uvdriver *d = set_up();
  engine.over = 1;
  time_is_up = 1;
  uvdriver_turn(d, 0);
  engine.over = 0;
  uvdriver_turn(d, 0);
  SAME(total(), 1 + NSOCKETS);
  tear_down(d);
}


/* A file can't be watched: the engine must hear of it, not wait for ever. */
static void unwatchable (void) {
  struct uvdriver *d = set_up();
  int i;
  for (i = 0; i < NSOCKETS; i++) {
    close(fds[i][0]);
    fds[i][0] = open("/proc/self/status", O_RDONLY);
  }
  uvdriver_turn(d, 0);
  CHECK(engine.starved);
  SAME(total(), 0);
  tear_down(d);
}


/* On a busy machine a process may stand still anywhere. */
static void timer_passed_before_the_wait (void) {
  struct uvdriver *d = set_up();
  char c;
  int i;
  for (i = 0; i < NSOCKETS; i++) {
    if (read(fds[i][0], &c, 1) != 1) abort();
  }
  late = 5000;
  alarm(5);
  uvdriver_turn(d, clock_now() + 1000);
  alarm(0);
  late = 0;
  SAME(total(), 0);
  tear_down(d);
}


static const struct test tests[] = {
  { "serves all sockets in a turn", all_at_once },
  { "serves all sockets while there is time", all_in_time },
  { "serves one socket at least when time is up", one_at_least },
  { "lets the sockets take turns when time is up", in_turns },
  { "serves all sockets again once time is not limited", unlimited_again },
  { "says so where a socket can't be watched", unwatchable },
  { "ends a wait whose time was over before it began", timer_passed_before_the_wait },
  { NULL, NULL }
};


int main (int argc, char **argv) {
  start(argc, argv);
  run_tests(tests);
  return finish();
}
