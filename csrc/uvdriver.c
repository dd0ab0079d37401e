/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uv.h>

#include "uvdriver.h"

/* libuv goes on waiting when a signal comes. Its handler may be Lua's, which
** only leaves a note for the interpreter: so that is given its turn. */
#define LONGEST_WAIT  500000    /* microseconds */

/* Watches one socket. Handles are kept by number, to be used again when the
** system gives the same number to another socket. */
struct poll {
  uv_poll_t handle;
  struct uvdriver *driver;
  curl_socket_t fd;
  int events;                /* what the engine wants; 0: stopped */
  unsigned lap;              /* the driver's, when it last had its turn */
};

struct uvdriver {
  uv_loop_t loop;
  uv_timer_t timer;
  uv_async_t async;
  int polled;                /* somebody polls the loop: `async` is set up */
  struct engine *engine;     /* borrowed: outlives the driver */
  struct poll **polls;       /* by socket number; owned until closed */
  size_t npolls;
  int nactive;
  unsigned lap;              /* in which every socket has one turn */
  int nserved;               /* sockets, in this turn of the loop */
  int cut;                   /* the engine's limit left some for the next */
};


static void start (struct poll *p);


/* Where time is limited, the sockets take turns: which come first in a turn of
** the loop is the system's choice, always the same. One at least gets on. */
static int has_turn (struct uvdriver *d, struct poll *p) {
  if (d->engine->over == 0) return 1;
  if (p->lap == d->lap) return 0;
  if (d->nserved > 0 && engine_is_over(d->engine)) {
    d->cut = 1;
    return 0;
  }
  d->nserved++;
  p->lap = d->lap;
  return 1;
}


static void begin_turn (struct uvdriver *d) {
  if (!d->cut) d->lap++;
  d->cut = d->nserved = 0;
}


static void on_poll (uv_poll_t *handle, int status, int events) {
  struct poll *p = handle->data;
  int mask = 0;
  if (events & UV_READABLE) mask |= WANT_READ;
  if (events & UV_WRITABLE) mask |= WANT_WRITE;
  if (status < 0) mask = 0;
  if (has_turn(p->driver, p)) engine_socket(p->driver->engine, p->fd, mask);
  if (status < 0 && p->events) start(p);   /* libuv has stopped it */
}


static void start (struct poll *p) {
  int events = 0;
  if (p->events & WANT_READ) events |= UV_READABLE;
  if (p->events & WANT_WRITE) events |= UV_WRITABLE;
  if (uv_poll_start(&p->handle, events, on_poll) != 0)
    engine_starve(p->driver->engine);
}


static int make_room (struct uvdriver *d, size_t fd) {
  size_t n = d->npolls ? d->npolls : 64;
  struct poll **polls;
  if (fd < d->npolls) return 1;
  while (n <= fd) n *= 2;
  polls = realloc(d->polls, n * sizeof *polls);
  if (polls == NULL) return 0;
  memset(polls + d->npolls, 0, (n - d->npolls) * sizeof *polls);
  d->polls = polls;
  d->npolls = n;
  return 1;
}


static struct poll *get_poll (struct uvdriver *d, curl_socket_t fd,
                              int events) {
  struct poll *p;
  if (fd < 0 || !make_room(d, (size_t)fd)) return NULL;
  p = d->polls[fd];
  if (p != NULL || events == 0) return p;
  p = calloc(1, sizeof *p);
  if (p == NULL) return NULL;
  if (uv_poll_init_socket(&d->loop, &p->handle, fd) != 0) {
    free(p);
    return NULL;
  }
  p->handle.data = p;
  p->driver = d;
  p->fd = fd;
  return d->polls[fd] = p;
}


static void apply_wants (struct uvdriver *d) {
  struct want w;
  while (engine_next_want(d->engine, &w)) {
    struct poll *p = get_poll(d, w.fd, w.events);
    if (p == NULL) {   /* what was never watched need not be stopped */
      if (w.events) engine_starve(d->engine);
      continue;
    }
    d->nactive += (w.events != 0) - (p->events != 0);
    p->events = w.events;
    if (w.events) start(p);
    else uv_poll_stop(&p->handle);
  }
}


/* It ends the wait; also one that libuv is only about to begin, where it finds
** the time over before: without this it would wait for sockets alone. */
static void on_timer (uv_timer_t *timer) {
  uv_stop(timer->loop);
}


static void wait_until (struct uvdriver *d, usec until) {
  usec left = until == NEVER ? 0 : until - clock_now();
  if (until != NEVER && left <= 0) {
    uv_run(&d->loop, UV_RUN_NOWAIT);
    return;
  }
  uv_update_time(&d->loop);
  if (until == NEVER) uv_timer_stop(&d->timer);
  else if (uv_timer_start(&d->timer, on_timer, (uint64_t)((left + 999) / 1000),
                          0) != 0) engine_starve(d->engine);
  uv_run(&d->loop, d->engine->starved ? UV_RUN_NOWAIT : UV_RUN_ONCE);
}


int uvdriver_turn (struct uvdriver *d, usec until) {
  usec due;
  begin_turn(d);
  apply_wants(d);
  due = engine_due(d->engine);
  if (d->nactive == 0 && due == NEVER && until == NEVER) return 0;
  if (until > clock_now() + LONGEST_WAIT) until = clock_now() + LONGEST_WAIT;
  wait_until(d, due < until ? due : until);
  engine_expire(d->engine);
  return 1;
}


static void on_async (uv_async_t *async) {
  (void)async;   /* whoever polled has turned the loop */
}


void uvdriver_alarm (struct uvdriver *d) {
  if (d->polled) uv_async_send(&d->async);
}


int uvdriver_fd (struct uvdriver *d) {
  if (!d->polled && uv_async_init(&d->loop, &d->async, on_async) == 0) {
    d->polled = 1;
    uv_run(&d->loop, UV_RUN_NOWAIT);   /* only now is it watched */
  }
  return uv_backend_fd(&d->loop);
}


/* A first loop takes three descriptors at once, and libuv ends the process
** where the last two are not to be had. */
static int has_descriptors (void) {
  int fds[4], n = 0, i;
  while (n < 4 && pipe(fds + n) == 0) n += 2;
  for (i = 0; i < n; i++) close(fds[i]);
  return n == 4;
}


struct uvdriver *uvdriver_new (struct engine *e) {
  struct uvdriver *d = calloc(1, sizeof *d);
  if (d == NULL) return NULL;
  if (!has_descriptors() || uv_loop_init(&d->loop) != 0) {
    free(d);
    return NULL;
  }
  if (uv_timer_init(&d->loop, &d->timer) != 0) {
    uv_loop_close(&d->loop);
    free(d);
    return NULL;
  }
  d->engine = e;
  return d;
}


static void on_closed (uv_handle_t *handle) {
  free(handle->data);   /* NULL for those that are the driver's own */
}


void uvdriver_free (struct uvdriver *d) {
  size_t i;
  for (i = 0; i < d->npolls; i++)
    if (d->polls[i]) uv_close((uv_handle_t *)&d->polls[i]->handle, on_closed);
  d->timer.data = d->async.data = NULL;
  uv_close((uv_handle_t *)&d->timer, on_closed);
  if (d->polled) uv_close((uv_handle_t *)&d->async, on_closed);
  uv_run(&d->loop, UV_RUN_DEFAULT);
  uv_loop_close(&d->loop);
  free(d->polls);
  free(d);
}
