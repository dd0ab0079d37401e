/* SPDX-License-Identifier: MIT */
/* An incremental decoder of event streams (text/event-stream, section 9.2 of
** the HTML standard), free of Lua and libcurl.
**
**   struct sse s = { 0 };             a decoder is born zero-filled
**   sse_feed(&s, bytes, n);           give it what has arrived
**   while (sse_next(&s, &ev) == SSE_EVENT) ...
**
** Each byte is looked at a few times at most, however the stream was cut, and
** no event is decoded before it is asked for. The data of an event is joined
** in place: nothing is allocated for a line. */
#ifndef MAREA_SSE_H
#define MAREA_SSE_H

#include <stddef.h>

#include "buf.h"

enum { SSE_MORE = 0, SSE_EVENT = 1, SSE_ERROR = -1 };

struct sse_event {  /* valid until the next call on its decoder */
  const char *data;  size_t data_len;
  const char *type;  size_t type_len;   /* "" stands for "message" */
  const char *id;    size_t id_len;     /* the last id seen */
};

struct sse_names {
  struct buf type, id, last_id;
};

struct sse {
  struct buf in;         /* bytes received; the event being built is at its
                            front. Offsets below count from buf_data(&in) */
  size_t max_event;      /* most bytes of an event's data, and, but for a
                            few, of any line; 0: no limit */
  long retry;            /* last valid "retry" in ms plus 1; 0: none */
  size_t line;           /* where the line being read begins */
  size_t look;           /* no line ends before this */
  size_t cr;             /* where the next CR is, if `cr_known` ... */
  size_t data, data_len; /* data gathered so far */
  struct sse_names *names;  /* owned; NULL until a line gives one */
  unsigned cr_known : 1;
  unsigned has_data : 1;
  unsigned has_id : 1;
  unsigned in_comment : 1;  /* the line being read is a comment, its
                               beginning already dropped */
  unsigned skip_lf : 1;     /* a CR ended the last line; eat one LF */
  unsigned started : 1;     /* past the place where a BOM may stand */
  unsigned ready : 1;       /* an event is complete but not yet given */
  unsigned given : 1;       /* an event was given: drop it at the next call */
  unsigned failed : 1;      /* sticky: too large, or no memory */
  unsigned starved : 1;     /* no memory for a name */
  unsigned bare_done : 1;   /* set it: a line "[DONE]" is an event, as if it
                               were data with blank lines around it */
};

int sse_feed (struct sse *s, const char *bytes, size_t n);
int sse_ready (struct sse *s);   /* what sse_next would return */
int sse_next (struct sse *s, struct sse_event *ev);

/* The event that sse_next gave last, again; 0 if it is gone. */
int sse_given (const struct sse *s, struct sse_event *ev);

/* The event that sse_next gave last is the next again. */
void sse_take_back (struct sse *s);

/* At the end of a stream: as sse_next, and once nothing is left makes an event
** of data that no blank line closed, which the standard throws away; the
** caller decides whether to use it. */
int sse_finish (struct sse *s, struct sse_event *ev);

/* Once it has failed: was it for want of memory? */
int sse_starved (const struct sse *s);

/* Leaves a decoder as it was born, but for `max_event`: ready for another
** stream. */
void sse_free (struct sse *s);

#endif
