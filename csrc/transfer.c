/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "transfer.h"

/* Bytes waiting to be read: pause. libcurl hands over at most 16 KiB more at
** once, so that a buffer in use settles at 64 KiB. */
#define HIGH_WATER     (48 * 1024)
#define MAX_HEAD       (300 * 1024)  /* libcurl's own limit, since 8.0 */
#define MAX_HEAD_LINES 5000
#define USUAL_HEAD     1000          /* it is kept but for a moment */
#define TOO_LONG       "the answer's body is too large"
#define NO_MEMORY      "out of memory"
#define MAX_SENT       2             /* libcurl itself would try six times */
#define SMALL_BODY     (64 * 1024)   /* sent at once; not worth a clock */

#define from_member(p, m) \
  ((struct transfer *)(void *)((char *)(p) - offsetof(struct transfer, m)))

#define unread(t)  buf_len(&(t)->in.in)


static int fail (struct transfer *t, const char *kind, const char *message) {
  if (t->kind != NULL) return 0;
  t->kind = kind;
  t->why = message;
  return 0;
}


static int has_news (struct transfer *t) {
  if (t->done) return 1;
  switch (t->mode) {
    case BODY_WHOLE: return 0;
    case BODY_EVENTS: return sse_ready(&t->in) != SSE_MORE;
    case BODY_HELD: return unread(t) > 0 && unread(t) >= t->least;
    default: return unread(t) > 0;
  }
}


static void tell (struct transfer *t) {
  if (!t->waiting || !has_news(t)) return;
  t->waiting = 0;
  engine_wake(t->engine, &t->waker);
}


/* ---- clocks ------------------------------------------------------------ */

static usec later (usec a, usec b) {
  return a > b ? a : b;
}


static void consider (usec *due, const char **phase, usec from, usec length,
                      const char *name) {
  if (length == 0 || from + length >= *due) return;
  *due = from + length;
  *phase = name;
}


/* The moment at which the transfer has taken too long, and in what. While
** nobody waits, only the total counts. */
static usec deadline (const struct transfer *t, const char **phase) {
  usec due = t->due;
  usec since = t->waiting_since;
  *phase = "total";
  if (!t->connected) consider(&due, phase, t->started, t->connect, "connect");
  if (!t->waiting || !t->connected) return due;
  if (!t->uploaded)
    consider(&due, phase, later(t->active, since), t->idle, "idle");
  else if (!t->first)
    consider(&due, phase, later(t->uploaded, since), t->first_byte,
             "first_byte");
  else {
    consider(&due, phase, later(t->active, since), t->idle, "idle");
    consider(&due, phase, t->said, t->event, "event");
  }
  return due;
}


/* The timer may ring early, never late: bytes that move the deadline away do
** not touch it. */
static void set_clock (struct transfer *t) {
  const char *phase;
  usec due = deadline(t, &phase);
  if (due == NEVER || t->done) return;
  if (t->clock.place && t->clock.due <= due) return;
  if (!timer_start(&t->engine->timers, &t->clock, due))
    engine_starve(t->engine);
}


static void end (struct transfer *t) {
  t->done = 1;
  timer_stop(&t->engine->timers, &t->clock);
  tell(t);
}


static void on_clock (struct timer *timer, usec now) {
  struct transfer *t = from_member(timer, clock);
  const char *phase;
  if (deadline(t, &phase) > now) {
    set_clock(t);
    return;
  }
  t->phase = phase;
  fail(t, "timeout", NULL);
  engine_detach(t->engine, &t->job);
  end(t);
}


/* ---- libcurl's callbacks ----------------------------------------------- */

static int64_t upload_size (const struct transfer *t) {
  return t->form ? t->form->size : (int64_t)t->body_len;
}


/* Called when the connection stands and the request is about to go out. */
static int on_connected (void *arg, char *ip, char *local, int port,
                         int local_port) {
  struct transfer *t = arg;
  (void)ip; (void)local; (void)port; (void)local_port;
  if (++t->sent > MAX_SENT) {
    fail(t, "connection", "each connection was gone before an answer came");
    return CURL_PREREQFUNC_ABORT;
  }
  t->connected = t->active = t->engine->now;
  if (upload_size(t) <= SMALL_BODY) t->uploaded = t->connected;
  set_clock(t);
  return CURL_PREREQFUNC_OK;
}


static size_t on_upload (char *to, size_t size, size_t n, void *arg) {
  struct transfer *t = arg;
  size_t left = t->body_len - t->body_sent;
  n *= size;
  if (n > left) n = left;
  memcpy(to, t->body + t->body_sent, n);
  t->body_sent += n;
  t->active = t->engine->now;
  if (t->body_sent == t->body_len) {
    t->uploaded = t->active;
    set_clock(t);
  }
  return n;
}


static int on_rewind (void *arg, curl_off_t to, int origin) {
  struct transfer *t = arg;
  if (origin != SEEK_SET) return CURL_SEEKFUNC_FAIL;
  t->body_sent = (size_t)to;
  t->uploaded = 0;
  return CURL_SEEKFUNC_OK;
}


/* Part of a form was read, or could not be; or it is to be read again. */
static void on_form_moved (void *arg) {
  struct transfer *t = arg;
  t->active = t->engine->now;
  if (t->form->fault) fail(t, "bad_request", t->form->fault);
  if (t->form->left == 0) t->uploaded = t->active;
  else if (t->form->size > SMALL_BODY) t->uploaded = 0;
  set_clock(t);
}


static const char *why_no_head (const struct transfer *t) {
  return t->head.failed == BUF_NOMEM ? NO_MEMORY
                                     : "the answer's headers are too large";
}


static const char *why_no_event (const struct transfer *t) {
  return sse_starved(&t->in) ? NO_MEMORY : "an event is too large";
}


/* Only the last head counts: those of interim answers, and trailers, go. */
static size_t on_head (char *line, size_t size, size_t n, void *arg) {
  struct transfer *t = arg;
  n *= size;
  if (n >= 5 && memcmp(line, "HTTP/", 5) == 0) {
    buf_clear(&t->head);
    buf_reserve(&t->head, USUAL_HEAD);
    t->head_done = 0;
    t->lines = 0;
  }
  else if (t->head_done) return n;
  if (++t->lines > MAX_HEAD_LINES || buf_append(&t->head, line, n) != BUF_OK)
    return (size_t)fail(t, "too_large", why_no_head(t));
  if (n <= 2 && (line[0] == '\r' || line[0] == '\n')) {
    t->head_done = transfer_status(t) >= 200;
    if (!t->head_done) buf_clear(&t->head);
  }
  return n;
}


/* What is read as it comes may go on for ever. */
static int is_too_long (const struct transfer *t, size_t n) {
  return t->mode == BODY_WHOLE && t->max_body && n + unread(t) > t->max_body;
}


static int store (struct transfer *t, const char *bytes, size_t n) {
  if (t->mode == BODY_EVENTS) {
    if (sse_feed(&t->in, bytes, n) != SSE_ERROR) return 1;
    return fail(t, "too_large", why_no_event(t));
  }
  if (is_too_long(t, n))
    return fail(t, "too_large", TOO_LONG);
  if (buf_append(&t->in.in, bytes, n) != BUF_OK)
    return fail(t, "too_large", NO_MEMORY);
  return 1;
}


static size_t on_body (char *bytes, size_t size, size_t n, void *arg) {
  struct transfer *t = arg;
  n *= size;
  if (t->pinned ||
      (t->mode != BODY_WHOLE && unread(t) >= HIGH_WATER && has_news(t))) {
    t->paused = 1;
    return CURL_WRITEFUNC_PAUSE;
  }
  t->active = t->engine->now;
  if (!t->first) {
    t->first = t->said = t->active;
    t->uploaded = t->active;
    set_clock(t);
  }
  if (!store(t, bytes, n)) return 0;
  t->received += (int64_t)n;
  tell(t);
  return n;
}


/* ---- how it ended ------------------------------------------------------ */

static const struct failure {
  CURLcode code;
  const char *kind;
} failures[] = {
  { CURLE_COULDNT_RESOLVE_PROXY, "connection" },
  { CURLE_COULDNT_RESOLVE_HOST, "connection" },
  { CURLE_COULDNT_CONNECT, "connection" },
  { CURLE_GOT_NOTHING, "connection" },
  { CURLE_SEND_FAIL_REWIND, "connection" },
  { CURLE_PROXY, "connection" },
  { CURLE_SSL_CONNECT_ERROR, "tls" },
  { CURLE_PEER_FAILED_VERIFICATION, "tls" },
  { CURLE_SSL_ENGINE_NOTFOUND, "tls" },
  { CURLE_SSL_ENGINE_SETFAILED, "tls" },
  { CURLE_SSL_CERTPROBLEM, "tls" },
  { CURLE_SSL_CIPHER, "tls" },
  { CURLE_USE_SSL_FAILED, "tls" },
  { CURLE_SSL_CACERT_BADFILE, "tls" },
  { CURLE_SSL_SHUTDOWN_FAILED, "tls" },
  { CURLE_SSL_CRL_BADFILE, "tls" },
  { CURLE_SSL_ISSUER_ERROR, "tls" },
  { CURLE_SSL_PINNEDPUBKEYNOTMATCH, "tls" },
  { CURLE_SSL_INVALIDCERTSTATUS, "tls" },
  { CURLE_UNSUPPORTED_PROTOCOL, "protocol" },
  { CURLE_URL_MALFORMAT, "protocol" },
  { CURLE_WEIRD_SERVER_REPLY, "protocol" },
  { CURLE_BAD_CONTENT_ENCODING, "decode" },
  { CURLE_PARTIAL_FILE, "truncated" },
  { CURLE_OUT_OF_MEMORY, "too_large" }
};


/* The rest say that bytes stopped coming or were nonsense. What they mean
** depends on how far the answer had come. */
static const char *broken_kind (const struct transfer *t) {
  if (strstr(t->message, "chunk") != NULL) return "protocol";
  return t->received > 0 || t->head_done || t->head.tail > 0 ? "truncated"
                                                             : "connection";
}


/* A handshake that the network ended says nothing about trust; libcurl has
** one code for both. */
static int was_cut_off (const char *message) {
  static const char *const signs[] = { "SSL_connect:", "Recv failure",
                                       "Send failure", "unexpected eof" };
  size_t i;
  for (i = 0; i < sizeof signs / sizeof signs[0]; i++)
    if (strstr(message, signs[i]) != NULL) return 1;
  return 0;
}


static void explain (struct transfer *t, CURLcode code) {
  size_t i;
  if (code == CURLE_OUT_OF_MEMORY && !t->head_done && t->head.tail > 0)
    fail(t, "too_large", "the answer's headers are too large");
  if (t->message[0] == '\0')
    snprintf(t->message, sizeof t->message, "%s", curl_easy_strerror(code));
  if (code == CURLE_OPERATION_TIMEDOUT) {
    t->phase = "connect";
    fail(t, "timeout", NULL);
  }
  if (code == CURLE_SSL_CONNECT_ERROR && was_cut_off(t->message))
    fail(t, "connection", NULL);
  if (code == CURLE_PARTIAL_FILE && t->received == 0 && !t->head_done &&
      t->head.tail == 0)
    fail(t, "connection", NULL);
  for (i = 0; i < sizeof failures / sizeof failures[0]; i++)
    if (failures[i].code == code) fail(t, failures[i].kind, NULL);
  fail(t, broken_kind(t), NULL);
}


static void on_finished (struct job *j, CURLcode code) {
  struct transfer *t = from_member(j, job);
  if (t->kind == NULL) {
    if (t->engine->starved) fail(t, broken_kind(t), NO_MEMORY);
    else if (code != CURLE_OK) explain(t, code);
    else if (t->head_done) t->as_planned = t->sent == 1;
    else   /* libcurl calls this a success */
      fail(t, "truncated", "the answer stopped inside its headers");
  }
  end(t);
}


static void on_abandon (struct job *j) {
  struct transfer *t = from_member(j, job);
  fail(t, "cancelled", "the program is closing");
  end(t);
}


/* ---- starting ---------------------------------------------------------- */


static int set_callbacks (CURL *c, struct transfer *t) {
  int bad = 0;
  bad |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->message);
  bad |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
  bad |= curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
  bad |= curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_head);
  bad |= curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
  bad |= curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, on_connected);
  bad |= curl_easy_setopt(c, CURLOPT_PREREQDATA, t);
  return bad;
}


static int set_upload (CURL *c, struct transfer *t) {
  int bad = 0;
  bad |= curl_easy_setopt(c, CURLOPT_READFUNCTION, on_upload);
  bad |= curl_easy_setopt(c, CURLOPT_READDATA, t);
  bad |= curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_rewind);
  bad |= curl_easy_setopt(c, CURLOPT_SEEKDATA, t);
  return bad;
}


static int set_form (CURL *c, struct transfer *t) {
  t->form->moved = on_form_moved;
  t->form->arg = t;
  return form_attach(t->form, c);
}


/* The handle may have carried another body before, but no form. To speak of a
** body, or of none, would make another method of HEAD, which has none. */
static int set_body (CURL *c, struct transfer *t, const char *method) {
  int large = upload_size(t) > SMALL_BODY, bad = 0;
  bad |= curl_easy_setopt(c, CURLOPT_HTTPHEADER,
                          template_headers(t->template, large));
  if (strcmp(method, "HEAD") == 0) return bad;
  if (t->form) return bad | set_form(c, t);
  if (t->body == NULL && strcmp(method, "POST") != 0)
    return bad | (int)curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
  bad |= curl_easy_setopt(c, CURLOPT_POST, 1L);
  bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
                          (curl_off_t)t->body_len);
  bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDS,
                          large ? NULL : t->body ? t->body : "");
  return large ? bad | set_upload(c, t) : bad;
}


static void take_options (struct transfer *t,
                          const struct template_options *o, usec total) {
  t->max_body = o->max_body;
  t->in.max_event = o->max_event;
  t->head.max = MAX_HEAD;
  t->started = clock_now();
  t->connect = o->connect;
  t->first_byte = o->first_byte;
  t->idle = o->idle;
  t->event = o->event;
  t->due = total ? t->started + total : NEVER;
}


/* What can't be read is known before anybody is called. */
static int open_form (struct transfer *t) {
  int code = t->form ? form_open(t->form) : 0;
  if (code == 0) return 1;
  snprintf(t->message, sizeof t->message, "a file to be sent %s%s",
           code == ESTALE ? "has changed" : "can't be read: ",
           code == ESTALE ? "" : strerror(code));
  return fail(t, "bad_request", NULL);
}


static int begin (struct transfer *t) {
  const char *why = "libcurl refused an option";
  CURL *c = template_take(t->template, &why);
  t->job.easy = c;
  if (c == NULL) return fail(t, "connection", why);
  if (set_callbacks(c, t) || set_body(c, t, t->template->options.method))
    return fail(t, "connection", why);
  if (engine_start(t->engine, &t->job) != CURLM_OK)
    return fail(t, "connection", "libcurl refused the transfer");
  return 1;
}


int transfer_start (struct transfer *t, struct template *template, usec total) {
  struct engine *e = template->engine;
  take_options(t, &template->options, total);
  t->template = template;
  template_retain(template);
  t->engine = e;
  engine_retain(e);
  engine_name_waker(e, &t->waker);
  t->clock.fire = on_clock;
  t->job.finished = on_finished;
  t->job.abandon = on_abandon;
  t->done = 1;
  if (e->multi == NULL) return fail(t, "cancelled", "the program is closing");
  if (!open_form(t) || !begin(t)) return 0;
  t->done = 0;
  set_clock(t);
  engine_begin(e);
  return 1;
}


/* What an exchange leaves in libcurl's handle is known where it went as planned.
** After any other it is reset: before 8.17, libcurl counts the connections
** that died under a handle through all of its life, and gives up at the sixth. */
static void give_handle (struct transfer *t, struct engine *e) {
  if (t->as_planned && !t->form) template_give(t->template, t->job.easy);
  else engine_give_easy(e, t->job.easy);
}


static void leave (struct transfer *t, struct engine *e) {
  engine_detach(e, &t->job);
  if (t->job.easy) give_handle(t, e);
  t->job.easy = NULL;
  timer_stop(&e->timers, &t->clock);
  engine_drop_waker(e, &t->waker);
  template_release(t->template);
  t->template = NULL;
  t->engine = NULL;
  engine_release(e);
}


void transfer_close (struct transfer *t) {
  if (t->engine) leave(t, t->engine);
  form_free(t->form);
  t->form = NULL;
  t->done = 1;
  if (t->pinned) return;
  buf_free(&t->head);
  buf_give_back(&t->opening);   /* its reader may have been another */
  buf_give_back(&t->run);
  sse_free(&t->in);
  shape_free(&t->shape);
}


void transfer_free (struct transfer *t) {
  t->pinned = 0;   /* an error may have left it so */
  transfer_close(t);
  buf_free(&t->opening);
  buf_free(&t->run);
}


void transfer_unpin (struct transfer *t) {
  t->pinned = 0;
  if (t->engine == NULL) transfer_close(t);
}


/* ---- reading ----------------------------------------------------------- */

/* Ends the transfer, unless it has ended. */
static void stop (struct transfer *t, const char *kind, const char *why) {
  fail(t, kind, why);
  if (t->engine == NULL || t->done) return;
  engine_detach(t->engine, &t->job);
  end(t);
}


/* Lets libcurl go on. It hands over what it held before this returns; should
** that not be taken, it would not say so again. */
static void resume (struct transfer *t) {
  CURLcode code;
  t->paused = 0;
  t->engine->now = clock_now();
  if (t->done) return;
  code = curl_easy_pause(t->job.easy, CURLPAUSE_CONT);
  if (code == CURLE_OK) return;
  explain(t, code);
  stop(t, t->kind, NULL);
}


void transfer_read_as (struct transfer *t, enum body_mode mode) {
  t->mode = mode;
  t->in.bare_done = mode == BODY_EVENTS;
  if (is_too_long(t, 0)) stop(t, "too_large", TOO_LONG);
  if (t->paused && t->engine && mode == BODY_WHOLE) resume(t);
}


int transfer_is_sent (struct transfer *t) {
  curl_off_t sent = 0;
  if (!t->first || t->form || t->job.easy == NULL) return 0;
  curl_easy_getinfo(t->job.easy, CURLINFO_SIZE_UPLOAD_T, &sent);
  return (uint64_t)sent >= t->body_len;
}


/* In each round a reader gets one event, and more while there is time. */
static int must_give_way (struct transfer *t) {
  struct engine *e = t->engine;
  if (e == NULL || e->over == 0) return 0;
  if (t->round == e->round) return t->gave_way = engine_is_over(e);
  t->round = e->round;
  return t->gave_way = 0;
}


/* Goes on in the next round. */
static int come_back (struct transfer *t) {
  struct engine *e = t->engine;
  if (e->over == 0 || t->round != e->round || !t->gave_way) return 0;
  engine_wake(e, &t->waker);
  return 1;
}


int transfer_wait (struct transfer *t) {
  if (t->engine == NULL) return 1;
  if (has_news(t)) return !come_back(t);
  if (t->paused) {   /* however much is there, it is less than one event */
    resume(t);
    if (has_news(t)) return !come_back(t);
  }
  t->waiting = 1;
  t->waiting_since = clock_now();
  buf_give_back(&t->in.in);   /* thousands may wait */
  if (t->news) {
    t->news = 0;
    t->said = t->waiting_since;
  }
  set_clock(t);
  return 0;
}


static int is_event (struct transfer *t, int state) {
  if (state == SSE_ERROR) stop(t, "too_large", why_no_event(t));
  return state == SSE_EVENT;
}


int transfer_next (struct transfer *t, struct sse_event *ev) {
  if (must_give_way(t) || !is_event(t, sse_next(&t->in, ev))) return 0;
  t->news = 1;
  return 1;
}


int transfer_rest (struct transfer *t, struct sse_event *ev) {
  return is_event(t, sse_finish(&t->in, ev));
}


long transfer_status (struct transfer *t) {
  long status = 0;
  if (t->job.easy)
    curl_easy_getinfo(t->job.easy, CURLINFO_RESPONSE_CODE, &status);
  return status;
}
