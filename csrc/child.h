/* SPDX-License-Identifier: MIT */
/* A process of another program: started without a shell, its streams pipes that
** never block and are watched through the engine. Lines of what it says are
** taken one by one; of what it complains the end is kept. It is waited for by its
** own number alone, and only once it is over or to be over: a host's handling of
** its own children is not disturbed.
**
** No Lua here. */
#ifndef MAREA_CHILD_H
#define MAREA_CHILD_H

#include <sys/types.h>

#include "buf.h"
#include "engine.h"

#define CHILD_MAX_LINE    (64u << 20)   /* one line of its output */
#define CHILD_MAX_INPUT   (64u << 20)   /* what waits to be written to it */
#define CHILD_KEPT_ERRORS (64u << 10)

struct child {
  struct dependant attending;
  struct engine *engine;        /* retained */
  struct outside in, out, err;  /* fd -1: closed */
  struct buf input;             /* yet to be written to it */
  struct buf output;            /* not yet taken */
  struct buf errors;            /* the last of what it wrote to its stderr */
  size_t scanned;               /* of `output`: no line ends before */
  int ended;                    /* its output has */
  int too_long;                 /* a line was */
  struct waker waker;           /* of who reads it */
  struct timer timer;           /* looks whether it is over */
  usec closing;                 /* since when it should be; 0: it may live */
  usec pause;                   /* until the next look */
  int signalled;                /* the last signal of ours */
  pid_t pid, parent;
  int reaped, status;           /* as of waitpid; status -1: nobody knows */
  int held;                     /* somebody has a pointer to it */
};

/* NULL, and errno, if it can't be started. argv[0] is looked for in PATH. */
struct child *child_new (struct engine *e, char *const argv[], char *const envp[], const char *cwd);

int child_write (struct child *c, const char *bytes, size_t n);  /* 0: it is too much */
int child_listens (const struct child *c);
size_t child_line (struct child *c, const char **line);  /* 0: none; counts its end */
void child_drop (struct child *c, size_t n);             /* a line that was taken */

void child_kill (struct child *c, int signal);    /* it, and those it started */
/* Asks it to end, by the end of its input; then more firmly, and then ends it. */
void child_close (struct child *c);               /* harmless twice */
void child_free (struct child *c);                /* its holder lets go */

#endif
