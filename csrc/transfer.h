/* SPDX-License-Identifier: MIT */
/* One HTTP exchange: a request that goes out, and an answer that waits, within
** bounds, until it is read. No Lua here; libcurl's callbacks only copy bytes
** and note what happened. */
#ifndef MAREA_TRANSFER_H
#define MAREA_TRANSFER_H

#include "buf.h"
#include "engine.h"
#include "form.h"
#include "opening.h"
#include "shape.h"
#include "sse.h"
#include "template.h"

/* How the body is read; said with transfer_read_as once the head is known. */
enum body_mode {
  BODY_HELD,      /* nobody knows yet: fetch little and wait */
  BODY_WHOLE,     /* all of it, at the end */
  BODY_EVENTS,    /* an event stream, as it comes */
  BODY_BYTES      /* any bytes, as they come */
};

struct transfer {
  struct job job;
  struct waker waker;
  struct timer clock;
  struct engine *engine;       /* retained; NULL once closed */
  struct template *template;   /* retained, as long as the engine */
  struct buf head;             /* lines of the final answer's head */
  struct sse in;               /* the body, whatever its mode */
  struct shape shape;
  struct buf opening;          /* chunks that wait to be decoded */
  struct buf run;              /* text taken by shape, not yet collected */
  const char *body;            /* borrowed: the request's */
  size_t body_len, body_sent;
  struct form *form;           /* owned; NULL where the body is `body` */
  size_t max_body;
  size_t least;                /* bytes that are worth telling of, while HELD */
  enum body_mode mode;
  /* clocks: lengths, and the moments they count from (0: not yet) */
  usec connect, first_byte, idle, event;
  usec due;                    /* the end of `total`; NEVER if none */
  usec started, connected, uploaded, first, active, said, waiting_since;
  int64_t received;            /* bytes of body */
  uintptr_t pinned;            /* not 0: what was received is being looked at */
  const char *kind;            /* of failure, in the words of errors; or NULL */
  const char *why;             /* in ours; NULL: libcurl's `message` tells */
  const char *phase;           /* of a timeout */
  unsigned lines;              /* in the head */
  unsigned sent;               /* how often the request went out: libcurl sends
                                  it again where a kept connection was dead */
  unsigned openings;           /* how many more chunks may wait */
  unsigned round;              /* of the engine's, when last read */
  unsigned waiting : 1;        /* somebody waits to be woken */
  unsigned paused : 1;
  unsigned head_done : 1;      /* the final head is whole */
  unsigned whole_chunks : 1;   /* an event taken by shape is decoded too */
  unsigned news : 1;           /* events were taken since the last wait */
  unsigned gave_way : 1;       /* in this round, with something to read */
  unsigned done : 1;
  unsigned as_planned : 1;     /* sent once, and answered to the end */
  char message[CURL_ERROR_SIZE];
};

/* `t` is all zero but for body or form; `total` is the longest it may take, 0
** for no such clock. Returns 0 if it could not start (t->kind says why); the
** transfer must be closed in any case. */
int transfer_start (struct transfer *t, struct template *template, usec total);

/* Harmless twice, and at any moment outside of libcurl's callbacks. What is in
** `opening` and `run` can still be had. */
void transfer_close (struct transfer *t);
void transfer_free (struct transfer *t);

/* While Lua values are made of what was received, a finalizer may run: it may
** close the transfer, or drive the loop. While `pinned` is set the bytes stay
** where they are; this ends that. */
void transfer_unpin (struct transfer *t);

void transfer_read_as (struct transfer *t, enum body_mode mode);

/* Is the body no longer needed? It is all gone out, and the answer's has begun:
** libcurl does not send it again. A form's parts are needed to the end. */
int transfer_is_sent (struct transfer *t);

/* Is there something to read, or is it over? If not, the waker will be woken
** when there is; at once where the engine's limit is all that prevents it. */
int transfer_wait (struct transfer *t);

/* The next event of a body read as events; 0 if none is there now, or the
** engine's limit has passed. One that is too large is how the transfer ended,
** also where it was over without a fault. */
int transfer_next (struct transfer *t, struct sse_event *ev);

/* As transfer_next, at the end of the body: what no blank line closed. */
int transfer_rest (struct transfer *t, struct sse_event *ev);

long transfer_status (struct transfer *t);   /* 0: none yet */

#endif
