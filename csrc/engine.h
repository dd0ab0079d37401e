/* SPDX-License-Identifier: MIT */
/* What libcurl's multi interface needs from a loop, and nothing of any loop:
** which sockets to watch, when to call again, which jobs have finished. A
** driver (uvdriver.c, or one written in Lua) does the watching:
**
**   engine_next_want   until it returns 0: sockets whose watching changes
**   engine_due         the moment of the next call of engine_expire
**   engine_socket      this socket can be read or written
**   engine_next_ready  until it returns 0: who has something to say
**
** No Lua here, and nothing that can jump. */
#ifndef MAREA_ENGINE_H
#define MAREA_ENGINE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <curl/curl.h>

#include "timers.h"

enum { WANT_READ = 1, WANT_WRITE = 2 };

struct want {
  curl_socket_t fd;
  int events;              /* 0: watch it no more */
};

/* Something that wakes those who wait for it, known to them by its id: a small
** number, so that they can be kept in an array. */
struct waker {
  int id;                         /* 0: none */
  struct waker *next, *prev;      /* in the queue of the ready; else NULL */
};

/* One easy handle at work. Belongs to whoever embeds it. */
struct job {
  CURL *easy;                     /* borrowed with engine_take_easy */
  struct job *next, *prev;        /* in the engine's list; else NULL */
  void (*finished) (struct job *j, CURLcode result);  /* already detached */
  void (*abandon) (struct job *j);   /* the engine closes: let go of it */
};

struct watch;

/* A descriptor that is not libcurl's, watched by the same driver. Belongs to
** whoever embeds it, who takes the watch off before the descriptor is closed. */
struct outside {
  int fd;
  void (*ready) (struct outside *o);     /* may read, write, or look for itself */
  struct watch *watch;                   /* the engine's; NULL: not watched */
  struct outside *next, *prev;
};

/* One that must hear of the engine's end. */
struct dependant {
  void (*abandon) (struct dependant *d); /* takes itself off */
  struct dependant *next, *prev;         /* in the engine's ring; else NULL */
};

#define SPARE_HANDLES  16

struct engine {
  CURLM *multi;                   /* NULL once closed */
  struct timers timers;
  struct timer curl_timer;        /* when libcurl wants to be called */
  struct waker ready;             /* ring of those with something to say */
  struct job jobs;                /* ring of those at work */
  struct watch *watches;          /* all, owned */
  struct outside *outsides;       /* those watched that are not libcurl's */
  struct dependant dependants;    /* ring */
  struct watch *changed;          /* queue of those the driver must hear of */
  struct watch **changed_tail;
  CURL *spare[SPARE_HANDLES];     /* handles to use again, owned */
  int nspare;
  usec now;                       /* read once for each call of libcurl */
  unsigned acts;                  /* those calls */
  usec over;                      /* give way from this moment on; 0: never */
  unsigned round;                 /* one for each call of engine_limit */
  int last_id;                    /* the largest given out */
  int *free_ids;                  /* those given back, owned */
  size_t nfree_ids, free_cap;
  int refs;                       /* the creator's and each job's */
  int njobs, nwatches;
  int starved;                    /* see engine_starve */
  int ntemplates;                 /* among the refs */
  pid_t pid;                      /* who may talk to the servers */
};

struct engine *engine_new (void);            /* NULL: no memory */
void engine_close (struct engine *e);        /* ends all; harmless twice */
void engine_retain (struct engine *e);
void engine_release (struct engine *e);      /* frees with the last one */

int engine_next_want (struct engine *e, struct want *w);
void engine_retell (struct engine *e);   /* a new driver knows of no socket */
usec engine_due (const struct engine *e);
void engine_socket (struct engine *e, curl_socket_t fd, int events);
void engine_expire (struct engine *e);

/* There is no memory to go on with: all jobs end with that, at the next call of
** engine_expire at the latest. Can be called within libcurl's callbacks. */
void engine_starve (struct engine *e);

int engine_next_ready (struct engine *e);

/* For a host that wants control back soon: who has had something in this round
** gets no more of it once the moment `over` has passed. 0: no such moment. */
void engine_limit (struct engine *e, usec over);
int engine_is_over (const struct engine *e);

/* Lets libcurl begin what was started last, rather than in the next turn of the
** loop. What is alone has no reason to wait for that; and where time is limited,
** libcurl would begin all that was started in a while in one go, however many.
** Others are begun together, which costs less. */
void engine_begin (struct engine *e);

void engine_name_waker (struct engine *e, struct waker *w);
void engine_wake (struct engine *e, struct waker *w);
void engine_unwake (struct waker *w);
void engine_drop_waker (struct engine *e, struct waker *w);  /* its id, too */

int engine_watch (struct engine *e, struct outside *o, int events);  /* 0: no memory */
void engine_unwatch (struct engine *e, struct outside *o);  /* harmless twice */
void engine_attend (struct engine *e, struct dependant *d);
void engine_leave (struct dependant *d);                    /* harmless twice */

CURL *engine_take_easy (struct engine *e);   /* NULL: no memory */
void engine_give_easy (struct engine *e, CURL *easy);
CURLMcode engine_start (struct engine *e, struct job *j);
void engine_detach (struct engine *e, struct job *j);   /* harmless twice */

#endif
