/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"

#define PIECE        (64 * 1024)
#define PLENTY       (1024 * 1024)  /* of whole lines: their reader comes first */
#define FIRST_PAUSE  1000           /* microseconds */
#define LAST_PAUSE   50000
#define ASK_FIRMLY   500000         /* since it was asked to end */
#define END_IT       2000000

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0              /* SO_NOSIGPIPE instead */
#endif

#define owner(o, field) \
  ((struct child *)(void *)((char *)(o) - offsetof(struct child, field)))


/* ---- descriptors ---------------------------------------------------------- */

static void close_fd (int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}


static void set_flags (int fd, int ours) {
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (ours) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}


/* fds[0] is ours. Its input is a socket: writing to one whose reader is gone
** need not raise a signal. */
static int make_input (int fds[2]) {
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) return 0;
#ifdef SO_NOSIGPIPE
  { int on = 1; setsockopt(fds[0], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on); }
#endif
  set_flags(fds[0], 1);
  set_flags(fds[1], 0);
  return 1;
}


static int make_output (int fds[2]) {
  if (pipe(fds) != 0) return 0;
  set_flags(fds[0], 1);
  set_flags(fds[1], 0);
  return 1;
}


static void shut (struct child *c, struct outside *o) {
  engine_unwatch(c->engine, o);
  close_fd(&o->fd);
}


/* ---- what it says --------------------------------------------------------- */

static void end_output (struct child *c) {
  shut(c, &c->out);
  c->ended = 1;
  engine_wake(c->engine, &c->waker);
}


static int has_line (struct child *c) {
  size_t n = buf_len(&c->output) - c->scanned;
  if (n > 0 && memchr(buf_data(&c->output) + c->scanned, '\n', n)) return 1;
  c->scanned += n;
  return 0;
}


/* Reads on only while its reader keeps up. */
static void want_output (struct child *c) {
  if (c->out.fd < 0) return;
  engine_watch(c->engine, &c->out,
               buf_len(&c->output) > PLENTY && has_line(c) ? 0 : WANT_READ);
}


static ssize_t read_piece (int fd, char *piece) {
  ssize_t n;
  do n = read(fd, piece, PIECE); while (n < 0 && errno == EINTR);
  return n;
}


static int is_over (ssize_t n) {
  return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}


static void on_output (struct outside *o) {
  struct child *c = owner(o, out);
  char piece[PIECE];
  ssize_t n = read_piece(o->fd, piece);
  if (is_over(n)) {
    end_output(c);
    return;
  }
  if (n > 0 && buf_append(&c->output, piece, (size_t)n) != BUF_OK) {
    c->too_long = 1;
    end_output(c);
    return;
  }
  if (has_line(c)) engine_wake(c->engine, &c->waker);
  want_output(c);
}


static void on_errors (struct outside *o) {
  struct child *c = owner(o, err);
  char piece[PIECE];
  ssize_t n = read_piece(o->fd, piece);
  size_t most = CHILD_KEPT_ERRORS;
  if (is_over(n)) shut(c, o);
  else if (n > 0 && buf_append(&c->errors, piece, (size_t)n) == BUF_OK) {
    size_t have = buf_len(&c->errors);
    if (have > most) buf_drop(&c->errors, have - most);
  }
}


size_t child_line (struct child *c, const char **line) {
  const char *end;
  if (!has_line(c)) return 0;
  *line = buf_data(&c->output);
  end = memchr(*line + c->scanned, '\n', buf_len(&c->output) - c->scanned);
  return (size_t)(end - *line) + 1;
}


void child_drop (struct child *c, size_t n) {
  buf_drop(&c->output, n);
  c->scanned = 0;
  want_output(c);
}


/* ---- what it is told ------------------------------------------------------- */

static void on_input (struct outside *o) {
  struct child *c = owner(o, in);
  while (buf_len(&c->input) > 0) {
    ssize_t n = send(o->fd, buf_data(&c->input), buf_len(&c->input), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (n < 0) {                      /* it reads no more */
      buf_free(&c->input);
      shut(c, o);
      return;
    }
    buf_drop(&c->input, (size_t)n);
  }
  if (buf_len(&c->input) > 0) {
    if (!engine_watch(c->engine, o, WANT_WRITE)) shut(c, o);
  }
  else if (c->closing) shut(c, o);
  else if (o->watch) engine_watch(c->engine, o, 0);
}


int child_listens (const struct child *c) {
  return c->in.fd >= 0 && !c->closing;
}


int child_write (struct child *c, const char *bytes, size_t n) {
  if (n > CHILD_MAX_INPUT - buf_len(&c->input)) return 0;
  if (buf_append(&c->input, bytes, n) != BUF_OK) return 0;
  on_input(&c->in);
  return 1;
}


/* ---- its end --------------------------------------------------------------- */

static void dispose (struct child *c) {
  struct engine *e = c->engine;
  shut(c, &c->in);
  shut(c, &c->out);
  shut(c, &c->err);
  timer_stop(&e->timers, &c->timer);
  engine_leave(&c->attending);
  engine_drop_waker(e, &c->waker);
  buf_free(&c->input);
  buf_free(&c->output);
  buf_free(&c->errors);
  engine_release(e);
  free(c);
}


/* Whoever waits for all children, or ignores them, may have been faster. */
static int reap (struct child *c, int flags) {
  pid_t pid;
  if (c->reaped) return 1;
  do pid = waitpid(c->pid, &c->status, flags); while (pid < 0 && errno == EINTR);
  if (pid == 0) return 0;
  if (pid < 0) c->status = -1;
  c->reaped = 1;
  return 1;
}


void child_kill (struct child *c, int signal) {
  if (c->reaped || c->parent != getpid()) return;
  if (kill(-c->pid, signal) != 0) kill(c->pid, signal);
}


static void press (struct child *c, usec now) {
  int signal = 0;
  if (!c->closing) return;
  if (now - c->closing >= END_IT) signal = SIGKILL;
  else if (now - c->closing >= ASK_FIRMLY) signal = SIGTERM;
  if (signal == c->signalled) return;
  c->signalled = signal;
  child_kill(c, signal);
}


/* Without memory for a timer there is no patience. */
static void look_again (struct child *c, usec now) {
  if (timer_start(&c->engine->timers, &c->timer, now + c->pause)) return;
  child_kill(c, SIGKILL);
  reap(c, 0);
  if (!c->held) dispose(c);
}


static void look (struct timer *t, usec now) {
  struct child *c = owner(t, timer);
  if (reap(c, WNOHANG)) {
    engine_wake(c->engine, &c->waker);
    if (!c->held) dispose(c);
    return;
  }
  press(c, now);
  if (c->pause < LAST_PAUSE) c->pause *= 2;
  look_again(c, now);
}


void child_close (struct child *c) {
  if (c->closing) return;
  c->closing = clock_now();
  if (c->in.fd >= 0) on_input(&c->in);
  c->pause = FIRST_PAUSE;
  look_again(c, c->closing);
}


/* The engine ends: so does it, now. */
static void abandon (struct dependant *d) {
  struct child *c = owner(d, attending);
  engine_leave(d);
  if (c->parent == getpid() && !reap(c, WNOHANG)) {
    child_kill(c, SIGKILL);
    reap(c, 0);
  }
  c->reaped = 1;
  if (!c->held) dispose(c);
}


void child_free (struct child *c) {
  c->held = 0;
  shut(c, &c->out);
  shut(c, &c->err);
  if (c->reaped || c->parent != getpid()) dispose(c);
  else child_close(c);
}


/* ---- its beginning ---------------------------------------------------------- */

/* Signals a host ignores, or holds back, are not the child's concern. */
static void set_attributes (posix_spawnattr_t *attr) {
  sigset_t none, usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  sigaddset(&usual, SIGPIPE);
  sigaddset(&usual, SIGINT);
  sigaddset(&usual, SIGTERM);
  sigaddset(&usual, SIGCHLD);
  posix_spawnattr_setsigmask(attr, &none);
  posix_spawnattr_setsigdefault(attr, &usual);
  posix_spawnattr_setpgroup(attr, 0);
  posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}


static int set_actions (posix_spawn_file_actions_t *actions, int in, int out, int err, const char *cwd) {
  int code = posix_spawn_file_actions_adddup2(actions, in, 0);
  if (!code) code = posix_spawn_file_actions_adddup2(actions, out, 1);
  if (!code) code = posix_spawn_file_actions_adddup2(actions, err, 2);
  if (!code && cwd) code = posix_spawn_file_actions_addchdir_np(actions, cwd);
#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
  if (!code) code = posix_spawn_file_actions_addclosefrom_np(actions, 3);
#endif
#endif
  return code;
}


static int spawn (pid_t *pid, int fds[3], char *const argv[], char *const envp[], const char *cwd) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attr;
  int code;
  if ((code = posix_spawn_file_actions_init(&actions)) != 0) return code;
  if ((code = posix_spawnattr_init(&attr)) == 0) {
    set_attributes(&attr);
    code = set_actions(&actions, fds[0], fds[1], fds[2], cwd);
    if (code == 0) code = posix_spawnp(pid, argv[0], &actions, &attr, argv, envp);
    posix_spawnattr_destroy(&attr);
  }
  posix_spawn_file_actions_destroy(&actions);
  return code;
}


static int start (struct child *c, char *const argv[], char *const envp[], const char *cwd) {
  int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 }, theirs[3];
  int code = make_input(in) && make_output(out) && make_output(err) ? 0 : errno;
  c->in.fd = in[0];
  c->out.fd = out[0];
  c->err.fd = err[0];
  theirs[0] = in[1];
  theirs[1] = out[1];
  theirs[2] = err[1];
  if (code == 0) code = spawn(&c->pid, theirs, argv, envp, cwd);
  close_fd(&theirs[0]);
  close_fd(&theirs[1]);
  close_fd(&theirs[2]);
  return code;
}


static void set_up (struct child *c, struct engine *e) {
  c->engine = e;
  engine_retain(e);
  c->parent = getpid();
  c->held = 1;
  c->output.max = CHILD_MAX_LINE;
  c->in.ready = on_input;
  c->out.ready = on_output;
  c->err.ready = on_errors;
  c->timer.fire = look;
  c->attending.abandon = abandon;
}


struct child *child_new (struct engine *e, char *const argv[], char *const envp[], const char *cwd) {
  struct child *c = calloc(1, sizeof *c);
  int code;
  if (c == NULL) return NULL;
  set_up(c, e);
  code = start(c, argv, envp, cwd);
  if (code != 0) {
    dispose(c);
    errno = code;
    return NULL;
  }
  engine_name_waker(e, &c->waker);
  engine_attend(e, &c->attending);
  if (engine_watch(e, &c->out, WANT_READ) && engine_watch(e, &c->err, WANT_READ))
    return c;
  child_kill(c, SIGKILL);
  child_free(c);
  errno = ENOMEM;
  return NULL;
}
