/* SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"

/* A socket libcurl wants watched. */
struct watch {
  curl_socket_t fd;
  int wanted, told;          /* what libcurl wants; what the driver knows */
  int queued;                /* is it in the queue of the changed? */
  int gone;                  /* libcurl has let go of it */
  struct watch *next, *prev; /* among all */
  struct watch *next_changed;
};


static void link_watch (struct engine *e, struct watch *w) {
  w->next = e->watches;
  if (w->next) w->next->prev = w;
  e->watches = w;
  e->nwatches++;
}


static void free_watch (struct engine *e, struct watch *w) {
  if (w->next) w->next->prev = w->prev;
  if (w->prev) w->prev->next = w->next;
  else e->watches = w->next;
  e->nwatches--;
  free(w);
}


static void queue_change (struct engine *e, struct watch *w) {
  if (w->queued) return;
  w->queued = 1;
  w->next_changed = NULL;
  *e->changed_tail = w;
  e->changed_tail = &w->next_changed;
}


static struct watch *new_watch (struct engine *e, curl_socket_t fd) {
  struct watch *w = calloc(1, sizeof *w);
  if (w == NULL) return NULL;
  w->fd = fd;
  link_watch(e, w);
  return w;
}


/* To return -1 would be the end of the multi handle, for good. */
static int give_up (struct engine *e, struct watch *w) {
  if (w) free_watch(e, w);
  engine_starve(e);
  return 0;
}


/* libcurl's callback. Changes are only queued: the driver takes them once
** libcurl has returned. */
static int on_socket (CURL *easy, curl_socket_t fd, int what, void *engine,
                      void *watch) {
  struct engine *e = engine;
  struct watch *w = watch;
  (void)easy;
  if (w == NULL) {
    if (what == CURL_POLL_REMOVE) return 0;
    w = new_watch(e, fd);
    if (w == NULL || curl_multi_assign(e->multi, fd, w) != CURLM_OK)
      return give_up(e, w);
  }
  w->wanted = what == CURL_POLL_REMOVE ? 0 : what & (WANT_READ | WANT_WRITE);
  if (what == CURL_POLL_REMOVE) {
    w->gone = 1;
    curl_multi_assign(e->multi, fd, NULL);
  }
  queue_change(e, w);
  return 0;
}


int engine_next_want (struct engine *e, struct want *want) {
  struct watch *w;
  while ((w = e->changed) != NULL) {
    int news = w->wanted != w->told;
    e->changed = w->next_changed;
    if (e->changed == NULL) e->changed_tail = &e->changed;
    w->queued = 0;
    want->fd = w->fd;
    want->events = w->told = w->wanted;
    if (w->gone) free_watch(e, w);
    if (news) return 1;
  }
  return 0;
}


void engine_retell (struct engine *e) {
  struct watch *w;
  for (w = e->watches; w; w = w->next) {
    w->told = 0;
    if (w->wanted) queue_change(e, w);
  }
}


static int on_timer (CURLM *multi, long ms, void *engine) {
  struct engine *e = engine;
  (void)multi;
  if (ms < 0) timer_stop(&e->timers, &e->curl_timer);
  else if (!timer_start(&e->timers, &e->curl_timer, clock_now() + ms * 1000))
    engine_starve(e);
  return 0;
}


void engine_starve (struct engine *e) {
  e->starved = 1;
}


static void end_starved (struct engine *e) {
  if (!e->starved) return;
  while (e->jobs.next != &e->jobs) {
    struct job *j = e->jobs.next;
    engine_detach(e, j);
    j->finished(j, CURLE_OUT_OF_MEMORY);
  }
  e->starved = 0;
}


/* The one place where libcurl says which handles have finished. */
static void drain (struct engine *e) {
  CURLMsg *msg;
  int left;
  while ((msg = curl_multi_info_read(e->multi, &left)) != NULL) {
    char *private = NULL;
    CURLcode result = msg->data.result;   /* the message dies below */
    if (msg->msg != CURLMSG_DONE) continue;
    curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &private);
    if (private) {
      struct job *j = (struct job *)(void *)private;
      engine_detach(e, j);
      j->finished(j, result);
    }
  }
}


static void act (struct engine *e, curl_socket_t fd, int events) {
  int running;
  if (e->multi == NULL) return;
  e->now = clock_now();
  e->acts++;
  if (curl_multi_socket_action(e->multi, fd, events, &running) != CURLM_OK)
    engine_starve(e);
  drain(e);
  end_starved(e);
}


static void on_curl_timer (struct timer *t, usec now) {
  struct engine *e = (struct engine *)(void *)
      ((char *)t - offsetof(struct engine, curl_timer));
  (void)now;
  act(e, CURL_SOCKET_TIMEOUT, 0);
}


int engine_watch (struct engine *e, struct outside *o, int events) {
  if (o->watch == NULL) {
    o->watch = new_watch(e, o->fd);
    if (o->watch == NULL) return 0;
    o->prev = NULL;
    o->next = e->outsides;
    if (o->next) o->next->prev = o;
    e->outsides = o;
  }
  o->watch->wanted = events;
  queue_change(e, o->watch);
  return 1;
}


void engine_unwatch (struct engine *e, struct outside *o) {
  struct watch *w = o->watch;
  if (w == NULL) return;
  w->wanted = 0;
  w->gone = 1;
  queue_change(e, w);
  o->watch = NULL;
  if (o->next) o->next->prev = o->prev;
  if (o->prev) o->prev->next = o->next;
  else e->outsides = o->next;
}


static struct outside *find_outside (const struct engine *e, curl_socket_t fd) {
  struct outside *o = e->outsides;
  while (o != NULL && o->fd != fd) o = o->next;
  return o;
}


void engine_attend (struct engine *e, struct dependant *d) {
  d->prev = e->dependants.prev;
  d->next = &e->dependants;
  d->prev->next = d->next->prev = d;
}


void engine_leave (struct dependant *d) {
  if (d->next == NULL) return;
  d->prev->next = d->next;
  d->next->prev = d->prev;
  d->next = d->prev = NULL;
}


/* Events 0 says that something is wrong with the socket: libcurl looks for
** itself. To be told of an error it would drop what was received before. */
void engine_socket (struct engine *e, curl_socket_t fd, int events) {
  int mask = 0;
  struct outside *o = find_outside(e, fd);
  if (o != NULL) {
    e->acts++;
    o->ready(o);
    return;
  }
  if (events & WANT_READ) mask |= CURL_CSELECT_IN;
  if (events & WANT_WRITE) mask |= CURL_CSELECT_OUT;
  act(e, fd, mask);
}


void engine_expire (struct engine *e) {
  end_starved(e);
  timers_fire(&e->timers, clock_now());
}


/* At once, too, while the driver has yet to hear of a socket: a host that only
** polls would wait for what nobody watches. */
usec engine_due (const struct engine *e) {
  if (e->changed || e->starved || e->ready.next != &e->ready) return 0;
  return timers_due(&e->timers);
}


static int set_up (struct engine *e) {
  e->multi = curl_multi_init();
  return e->multi != NULL &&
    !curl_multi_setopt(e->multi, CURLMOPT_SOCKETFUNCTION, on_socket) &&
    !curl_multi_setopt(e->multi, CURLMOPT_SOCKETDATA, e) &&
    !curl_multi_setopt(e->multi, CURLMOPT_TIMERFUNCTION, on_timer) &&
    !curl_multi_setopt(e->multi, CURLMOPT_TIMERDATA, e);
}


struct engine *engine_new (void) {
  struct engine *e = calloc(1, sizeof *e);
  if (e == NULL) return NULL;
  e->refs = 1;
  e->pid = getpid();
  e->changed_tail = &e->changed;
  e->ready.next = e->ready.prev = &e->ready;
  e->jobs.next = e->jobs.prev = &e->jobs;
  e->dependants.next = e->dependants.prev = &e->dependants;
  e->curl_timer.fire = on_curl_timer;
  if (set_up(e)) return e;
  engine_close(e);
  engine_release(e);
  return NULL;
}


void engine_close (struct engine *e) {
  CURLM *multi = e->multi;
  if (multi == NULL) return;
  while (e->jobs.next != &e->jobs) {
    struct job *j = e->jobs.next;
    engine_detach(e, j);
    j->abandon(j);
  }
  while (e->dependants.next != &e->dependants)
    e->dependants.next->abandon(e->dependants.next);
  while (e->nspare > 0) curl_easy_cleanup(e->spare[--e->nspare]);
  curl_multi_cleanup(multi);   /* still calls on_socket */
  e->multi = NULL;
  timer_stop(&e->timers, &e->curl_timer);
}


void engine_retain (struct engine *e) {
  e->refs++;
}


void engine_release (struct engine *e) {
  if (--e->refs > 0) return;
  while (e->watches) free_watch(e, e->watches);
  timers_free(&e->timers);
  free(e->free_ids);
  free(e);
}


void engine_limit (struct engine *e, usec over) {
  e->over = over;
  e->round++;
}


int engine_is_over (const struct engine *e) {
  return e->over != 0 && clock_now() >= e->over;
}


void engine_begin (struct engine *e) {
  if (!e->over && e->njobs > 1) return;
  timer_stop(&e->timers, &e->curl_timer);   /* to libcurl it has rung */
  act(e, CURL_SOCKET_TIMEOUT, 0);
}


void engine_name_waker (struct engine *e, struct waker *w) {
  w->id = e->nfree_ids > 0 ? e->free_ids[--e->nfree_ids] : ++e->last_id;
}


/* Makes room for one more number that nobody has. */
static int room_for_id (struct engine *e) {
  size_t cap = e->free_cap ? e->free_cap * 2 : 64;
  int *ids;
  if (e->nfree_ids < e->free_cap) return 1;
  ids = realloc(e->free_ids, cap * sizeof *ids);
  if (ids == NULL) return 0;
  e->free_ids = ids;
  e->free_cap = cap;
  return 1;
}


void engine_drop_waker (struct engine *e, struct waker *w) {
  engine_unwake(w);
  if (w->id && room_for_id(e)) e->free_ids[e->nfree_ids++] = w->id;
  w->id = 0;
}


void engine_wake (struct engine *e, struct waker *w) {
  if (w->next != NULL) return;
  w->prev = e->ready.prev;
  w->next = &e->ready;
  w->prev->next = w->next->prev = w;
}


void engine_unwake (struct waker *w) {
  if (w->next == NULL) return;
  w->prev->next = w->next;
  w->next->prev = w->prev;
  w->next = w->prev = NULL;
}


int engine_next_ready (struct engine *e) {
  struct waker *w = e->ready.next;
  if (w == &e->ready) return 0;
  engine_unwake(w);
  return w->id;
}


CURL *engine_take_easy (struct engine *e) {
  return e->nspare > 0 ? e->spare[--e->nspare] : curl_easy_init();
}


/* After a fork the connections are the parent's: to close one would say
** goodbye in its name. What the child has of them is left where it is. */
static int is_forked (const struct engine *e) {
  return e->pid != getpid();
}


void engine_give_easy (struct engine *e, CURL *easy) {
  if (is_forked(e)) return;
  if (e->multi == NULL || e->nspare == SPARE_HANDLES) {
    curl_easy_cleanup(easy);
    return;
  }
  curl_easy_reset(easy);
  e->spare[e->nspare++] = easy;
}


CURLMcode engine_start (struct engine *e, struct job *j) {
  CURLMcode code;
  if (curl_easy_setopt(j->easy, CURLOPT_PRIVATE, (char *)j) != CURLE_OK)
    return CURLM_OUT_OF_MEMORY;
  code = curl_multi_add_handle(e->multi, j->easy);
  if (code != CURLM_OK) return code;
  j->prev = e->jobs.prev;
  j->next = &e->jobs;
  j->prev->next = j->next->prev = j;
  e->njobs++;
  return CURLM_OK;
}


void engine_detach (struct engine *e, struct job *j) {
  if (j->next == NULL) return;
  if (!is_forked(e)) curl_multi_remove_handle(e->multi, j->easy);
  j->prev->next = j->next;
  j->next->prev = j->prev;
  j->next = j->prev = NULL;
  e->njobs--;
}
