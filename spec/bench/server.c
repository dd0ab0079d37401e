/* SPDX-License-Identifier: MIT */
/*
** server PORT: the other end of the benchmarks (port 0: any free one).
**
** It must never be what is measured, so an answer is built once, framed and
** all, and then only handed to the kernel in writes as large as it takes.
** A long stream is one block sent many times: the server's memory stays small
** and its cache warm whatever the length.  The path says what to answer, under
** any prefix and before any suffix: see `routes`.  It ends with its parent, or
** when nobody reads its stdout any more.
*/
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BLOCK    1024         /* chunks in the part of a stream that repeats */
#define PIECE    (32 * 1024)  /* bytes in one chunk of HTTP */
#define WRITE    (16 * 1024)  /* bytes a tick, where bytes are paced */
#define PARTS    3            /* before, the repeated block, after */
#define IOVS     8
#define SLOTS    1024         /* of the timer wheel, a millisecond each */
#define EVENTS   512
#define HEAD     4096         /* longest request head */

#define CHUNK \
  "data: {\"id\":\"chatcmpl-1a2b3c4d5e6f7a8b9c0d\"," \
  "\"object\":\"chat.completion.chunk\",\"created\":1750000000," \
  "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{%s}," \
  "\"finish_reason\":%s}]}\n\n"

struct bytes { char *data; size_t len, cap; };  /* data is owned */

struct part { struct bytes b; size_t times; };

/* What one path is answered with; the cache owns it for ever. */
struct reply {
  char key[160];
  struct part part[PARTS];
  size_t *ends;         /* paced: how far part 0 may go by each tick; owned */
  size_t nends;
  unsigned ms;          /* paced: from one tick to the next */
  size_t gather;        /* held until that many have come, unless 0 */
  size_t waiting;       /* how many are held now */
  size_t step;          /* most bytes in one write, unless 0 */
  int hangs;            /* never ends; when its reader leaves is noted */
  struct reply *next;
};

struct conn {
  int fd, writing;        /* writing: EPOLLOUT was asked for */
  size_t have, skip;      /* head bytes read; body bytes still to ignore */
  struct reply *reply;    /* the cache's; NULL between requests */
  size_t part, turn, off; /* where in the reply it is */
  size_t tick, limit;     /* paced: ends[tick], and its value */
  uint64_t due;
  struct conn *next, **link;  /* in a slot of the wheel, or held */
  char in[HEAD];
};

struct server {
  int epoll, listener;
  struct reply *replies;
  struct conn *held;          /* streams waiting for the rest to gather */
  struct conn *slot[SLOTS];
  uint64_t tick;              /* the millisecond the wheel is at */
  size_t timed;               /* connections in the wheel */
  struct bytes left;          /* when readers of what hangs left; owned */
};


static void die (const char *what) {
  perror(what);
  exit(1);
}


/* The clock that all processes of a machine share. */
static uint64_t now_ns (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}


static uint64_t now_ms (void) { return now_ns() / 1000000; }


/*
** {==================================================================
** Building answers
** ===================================================================
*/

static char *room (struct bytes *b, size_t n) {
  if (b->len + n > b->cap) {
    b->cap = (b->len + n) * 2;
    b->data = realloc(b->data, b->cap);
    if (!b->data) die("server");
  }
  return b->data + b->len;
}


static void put (struct bytes *b, const char *s, size_t n) {
  memcpy(room(b, n), s, n);
  b->len += n;
}


static void puts_ (struct bytes *b, const char *s) { put(b, s, strlen(s)); }


/* One chunk of HTTP for every `piece` bytes of the body. */
static void frame (struct bytes *b, const struct bytes *body, size_t piece) {
  char size[24];
  size_t at, n;
  for (at = 0; at < body->len; at += n) {
    n = body->len - at < piece ? body->len - at : piece;
    put(b, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", n));
    put(b, body->data + at, n);
    put(b, "\r\n", 2);
  }
}


/* Frames a body that is no longer needed. */
static void frame_all (struct bytes *b, struct bytes *body) {
  frame(b, body, PIECE);
  free(body->data);
  memset(body, 0, sizeof *body);
}


static void stream_head (struct bytes *b) {
  puts_(b, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
           "Transfer-Encoding: chunked\r\n\r\n");
}


static void chunk (struct bytes *b, const char *delta, const char *finish) {
  char line[512];
  int n = snprintf(line, sizeof line, CHUNK, delta, finish);
  put(b, line, (size_t)n);
}


/* The i-th piece of text: no two neighbours alike, one in eight escaped. */
static void word (struct bytes *b, size_t i) {
  static const char *const texts[] = {
    "word%u ", "a%u", " token%u", "the%u ", "stream%u ", "of%u ", "text%u, "
  };
  static const char *const escaped[] = {
    "line%u\\n", "caf\\u00e9 %u ", "\\\"%u\\\" ", "d\303\255a %u "
  };
  char text[48], delta[80];
  const char *form = i % 8 == 7 ? escaped[i / 8 % 4] : texts[i % 7];
  snprintf(text, sizeof text, form, (unsigned)(i % BLOCK));
  snprintf(delta, sizeof delta, "\"content\":\"%s\"", text);
  chunk(b, delta, "null");
}


static void words (struct bytes *b, size_t n) {
  size_t i;
  for (i = 0; i < n; i++) word(b, i);
}


static void packed_words (struct bytes *b, size_t n) {
  struct bytes body = { 0 };
  words(&body, n);
  frame_all(b, &body);
}


/* Each piece of text in a chunk of HTTP of its own, as live servers send it. */
static void framed_words (struct bytes *b, size_t n) {
  struct bytes body = { 0 };
  size_t i;
  for (i = 0; i < n; i++) {
    word(&body, i);
    frame(b, &body, PIECE);
    body.len = 0;
  }
  free(body.data);
}


static void first_chunk (struct bytes *b) {
  chunk(b, "\"role\":\"assistant\"", "null");
}


static void last_chunks (struct bytes *b) {
  chunk(b, "", "\"stop\"");
  puts_(b, "data: [DONE]\n\n");
}


static void firehose (struct reply *r, size_t n,
                      void (*frame_words) (struct bytes *b, size_t n)) {
  struct bytes body = { 0 };
  stream_head(&r->part[0].b);
  first_chunk(&body);
  frame_all(&r->part[0].b, &body);
  frame_words(&r->part[1].b, BLOCK);
  r->part[1].times = n / BLOCK;
  frame_words(&r->part[2].b, n % BLOCK);
  last_chunks(&body);
  frame_all(&r->part[2].b, &body);
  puts_(&r->part[2].b, "0\r\n\r\n");
  r->part[2].times = 1;
}


static void build_firehose (struct reply *r, const char *args) {
  firehose(r, strtoul(args, NULL, 10), packed_words);
}


static void build_separate (struct reply *r, const char *args) {
  firehose(r, strtoul(args, NULL, 10), framed_words);
}


/* About that many bytes of events at once. */
static void build_burst (struct reply *r, const char *args) {
  firehose(r, strtoul(args, NULL, 10) / (sizeof CHUNK + 20),
           packed_words);
}


/* All of the answer in one part. */
static void flatten (struct reply *r) {
  struct bytes whole = { 0 };
  size_t i, turn;
  for (i = 0; i < PARTS; i++) {
    struct part *p = &r->part[i];
    for (turn = 0; turn < p->times; turn++) put(&whole, p->b.data, p->b.len);
    free(p->b.data);
    memset(p, 0, sizeof *p);
  }
  r->part[0].b = whole;
  r->part[0].times = 1;
}


static void ticks (struct reply *r, size_t n, unsigned ms) {
  r->ms = ms;
  r->nends = n;
  r->ends = calloc(n, sizeof *r->ends);
  if (!r->ends) die("server");
}


/* The very bytes of a burst, but WRITE of them every MS milliseconds. */
static void build_reads (struct reply *r, const char *args) {
  char *rest;
  size_t i, n;
  build_burst(r, args);
  flatten(r);
  strtoul(args, &rest, 10);
  n = (r->part[0].b.len + WRITE - 1) / WRITE;
  ticks(r, n, *rest ? (unsigned)strtoul(rest + 1, NULL, 10) : 0);
  for (i = 0; i < n; i++) r->ends[i] = (i + 1) * WRITE;
  r->ends[n - 1] = r->part[0].b.len;
}


/* So many chunks at once, and then nothing more. */
static void build_hang (struct reply *r, const char *args) {
  struct bytes body = { 0 };
  stream_head(&r->part[0].b);
  first_chunk(&body);
  words(&body, strtoul(args, NULL, 10));
  frame_all(&r->part[0].b, &body);
  r->hangs = 1;
}


/* The stream grows by one event a tick; the last tick brings the end too. */
static void paced (struct reply *r, size_t n, unsigned ms) {
  struct bytes *b = &r->part[0].b, body = { 0 };
  size_t i;
  ticks(r, n + 1, ms);
  stream_head(b);
  first_chunk(&body);
  frame_all(b, &body);
  for (i = 0; i < n; i++) {
    r->ends[i] = b->len;
    word(&body, i);
    frame_all(b, &body);
  }
  last_chunks(&body);
  frame_all(b, &body);
  puts_(b, "0\r\n\r\n");
  r->ends[n] = b->len;
}


static void build_paced (struct reply *r, const char *args) {
  char *rest;
  size_t n = strtoul(args, &rest, 10);
  paced(r, n, *rest ? (unsigned)strtoul(rest + 1, NULL, 10) : 0);
}


static void build_gather (struct reply *r, const char *args) {
  char *rest;
  r->gather = strtoul(args, &rest, 10);
  build_paced(r, *rest ? rest + 1 : rest);
}


/* Every byte of the stream is a chunk of HTTP and a write. */
static void build_bytewise (struct reply *r, const char *args) {
  struct bytes body = { 0 };
  first_chunk(&body);
  words(&body, strtoul(args, NULL, 10));
  last_chunks(&body);
  stream_head(&r->part[0].b);
  frame(&r->part[0].b, &body, 1);
  free(body.data);
  puts_(&r->part[0].b, "0\r\n\r\n");
  r->step = sizeof "1\r\nx\r\n" - 1;
}


/* A stream whose one piece of text has that many bytes. */
static void build_line (struct reply *r, const char *args) {
  static const char open[] = "data: {\"id\":\"chatcmpl-1\",\"object\":"
    "\"chat.completion.chunk\",\"created\":1750000000,\"model\":\"bench\","
    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"";
  size_t n = strtoul(args, NULL, 10);
  struct bytes body = { 0 };
  first_chunk(&body);
  puts_(&body, open);
  memset(room(&body, n), 'x', n);
  body.len += n;
  puts_(&body, "\"},\"finish_reason\":null}]}\n\n");
  last_chunks(&body);
  stream_head(&r->part[0].b);
  frame_all(&r->part[0].b, &body);
  puts_(&r->part[0].b, "0\r\n\r\n");
}


static void plain (struct reply *r, const char *status, struct bytes *body) {
  char head[160];
  size_t n = (size_t)snprintf(head, sizeof head, "HTTP/1.1 %s\r\n"
    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
    status, body->len);
  put(&r->part[0].b, head, n);
  put(&r->part[0].b, body->data, body->len);
  free(body->data);
}


static void build_small (struct reply *r, const char *args) {
  struct bytes body = { 0 };
  (void)args;
  puts_(&body, "{\"id\":\"chatcmpl-1a2b3c4d5e6f7a8b9c0d\",\"object\":"
    "\"chat.completion\",\"created\":1750000000,\"model\":\"bench\","
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\","
    "\"content\":\"Madrid is the capital of Spain.\\nIt lies on the river "
    "Manzanares, in the middle of the peninsula, some 650 metres above the "
    "sea.\",\"refusal\":null},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":27,\"completion_tokens\":31,"
    "\"total_tokens\":58,\"prompt_tokens_details\":{\"cached_tokens\":0},"
    "\"completion_tokens_details\":{\"reasoning_tokens\":0}},"
    "\"system_fingerprint\":\"fp_0123456789\"}");
  plain(r, "200 OK", &body);
}


static void base64 (struct bytes *b, const unsigned char *s, size_t n) {
  static const char set[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t i;
  for (i = 0; i < n; i += 3) {
    unsigned v = (unsigned)s[i] << 16;
    char four[4];
    if (i + 1 < n) v |= (unsigned)s[i + 1] << 8;
    if (i + 2 < n) v |= s[i + 2];
    four[0] = set[v >> 18];
    four[1] = set[v >> 12 & 63];
    four[2] = i + 1 < n ? set[v >> 6 & 63] : '=';
    four[3] = i + 2 < n ? set[v & 63] : '=';
    put(b, four, 4);
  }
}


/* Multiples of 1/1024: exact in text, in float and in every sum of them. */
static float component (size_t i) {
  return (float)((long)(i * 7919 % 2047) - 1023) / 1024.0f;
}


static void vector (struct bytes *b, size_t k, size_t dims, int as_text) {
  float *v = malloc((dims + 1) * sizeof *v);
  char number[32];
  size_t i;
  if (!v) die("server");
  for (i = 0; i < dims; i++) v[i] = component(k * dims + i);
  puts_(b, as_text ? "[" : "\"");
  if (!as_text) base64(b, (const unsigned char *)v, dims * sizeof *v);
  for (i = 0; as_text && i < dims; i++) {
    const char *form = i ? ",%.10g" : "%.10g";
    put(b, number, (size_t)snprintf(number, sizeof number, form,
                                    (double)v[i]));
  }
  puts_(b, as_text ? "]" : "\"");
  free(v);
}


static void build_embed (struct reply *r, const char *args) {
  char *rest, field[80];
  size_t k, n = strtoul(args, &rest, 10);
  size_t dims = *rest ? strtoul(rest + 1, &rest, 10) : 0;
  int as_text = strncmp(rest, "/float", 6) == 0;
  struct bytes body = { 0 };
  puts_(&body, "{\"object\":\"list\",\"data\":[");
  for (k = 0; k < n; k++) {
    snprintf(field, sizeof field, "%s{\"object\":\"embedding\",\"index\":%zu,"
             "\"embedding\":", k ? "," : "", k);
    puts_(&body, field);
    vector(&body, k, dims, as_text);
    puts_(&body, "}");
  }
  puts_(&body, "],\"model\":\"bench\",\"usage\":{\"prompt_tokens\":8,"
               "\"total_tokens\":8}}");
  plain(r, "200 OK", &body);
}


static void build_unknown (struct reply *r) {
  struct bytes body = { 0 };
  puts_(&body, "{\"error\":{\"message\":\"no such benchmark\"}}");
  plain(r, "404 Not Found", &body);
}


static const struct route {
  const char *name;
  void (*build) (struct reply *r, const char *args);
} routes[] = {
  {"/firehose/", build_firehose},  /* N: N chunks, as fast as they go */
  {"/separate/", build_separate},  /* N: the same, an HTTP chunk to each */
  {"/paced/", build_paced},  /* N/MS: N chunks, MS ms apart */
  {"/gather/", build_gather},  /* COUNT/N/MS: paced, once COUNT came */
  {"/small/", build_small},  /* one completion */
  {"/embed/", build_embed},  /* N/D/float or N/D/base64 */
  {"/burst/", build_burst},  /* BYTES of chunks */
  {"/reads/", build_reads},  /* BYTES/MS: the same, WRITE bytes a tick */
  {"/hang/", build_hang},  /* N chunks, and no end */
  {"/line/", build_line},  /* one chunk of BYTES */
  {"/bytewise/", build_bytewise},  /* N chunks, a byte at a time */
  {NULL, NULL}
};


static void build (struct reply *r, const char *path) {
  const struct route *route;
  r->part[0].times = 1;
  for (route = routes; route->name; route++) {
    const char *at = strstr(path, route->name);
    if (at) {
      route->build(r, at + strlen(route->name));
      return;
    }
  }
  build_unknown(r);
}


static struct reply *cached (struct server *s, const char *path) {
  struct reply *r;
  for (r = s->replies; r; r = r->next)
    if (strcmp(r->key, path) == 0) return r;
  r = calloc(1, sizeof *r);
  if (!r) die("server");
  strcpy(r->key, path);
  r->next = s->replies;
  return s->replies = r;
}


static void note_leaving (struct server *s) {
  char line[32];
  const char *form = s->left.len ? ",%llu" : "%llu";
  put(&s->left, line, (size_t)snprintf(line, sizeof line, form,
                                       (unsigned long long)now_ns()));
}


/* When each reader of what hangs has left, in ns; each is told once. */
static void tell_left (struct server *s, struct reply *r) {
  struct bytes body = { 0 };
  puts_(&body, "{\"left\":[");
  if (s->left.len) put(&body, s->left.data, s->left.len);
  puts_(&body, "]}");
  s->left.len = r->part[0].b.len = 0;
  r->part[0].times = 1;
  plain(r, "200 OK", &body);
}


/* NULL if the path is too long to be one of ours. */
static struct reply *reply_for (struct server *s, const char *path) {
  struct reply *r;
  if (strlen(path) >= sizeof r->key) return NULL;
  r = cached(s, path);
  if (strstr(path, "/left")) tell_left(s, r);
  else if (r->part[0].times == 0) build(r, path);
  return r;
}

/* }================================================================== */


/*
** {==================================================================
** The wheel
** ===================================================================
*/

static void enlist (struct conn **list, struct conn *c) {
  c->next = *list;
  c->link = list;
  if (c->next) c->next->link = &c->next;
  *list = c;
}


static void delist (struct conn *c) {
  *c->link = c->next;
  if (c->next) c->next->link = c->link;
  c->link = NULL;
}


/* Never for a slot the wheel has passed: it would wait for a whole turn. */
static void arm (struct server *s, struct conn *c, uint64_t due) {
  c->due = due > s->tick ? due : s->tick + 1;
  enlist(&s->slot[c->due % SLOTS], c);
  s->timed++;
}

/* }================================================================== */


static void watch (struct server *s, struct conn *c, int writing) {
  struct epoll_event e = { 0 };
  if (c->writing == writing) return;
  e.events = writing ? EPOLLIN | EPOLLOUT : EPOLLIN;
  e.data.ptr = c;
  epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &e);
  c->writing = writing;
}


static void drop (struct server *s, struct conn *c) {
  if (c->reply && c->reply->hangs) note_leaving(s);
  if (c->link && c->due) s->timed--;
  if (c->link && !c->due) c->reply->waiting--;
  if (c->link) delist(c);
  close(c->fd);
  free(c);
}


/* What may be written now; 0 for nothing. */
static int fill (const struct conn *c, struct iovec *v) {
  const struct reply *r = c->reply;
  size_t part = c->part, turn = c->turn, off = c->off, end;
  int n = 0;
  while (n < IOVS && part < PARTS) {
    const struct part *p = &r->part[part];
    if (turn >= p->times) { part++; turn = 0; continue; }
    end = r->ends ? c->limit : p->b.len;
    if (r->step && end > off + r->step) end = off + r->step;
    if (end == off) break;
    v[n].iov_base = p->b.data + off;
    v[n++].iov_len = end - off;
    if (end < p->b.len) break;
    turn++;
    off = 0;
  }
  return n;
}


static void advance (struct conn *c, size_t n) {
  while (c->part < PARTS) {
    const struct part *p = &c->reply->part[c->part];
    if (c->turn >= p->times) { c->part++; c->turn = 0; continue; }
    if (n < p->b.len - c->off) break;
    n -= p->b.len - c->off;
    c->off = 0;
    c->turn++;
  }
  c->off += n;
}


/* Writes until the socket is full or there is no more: 0 if it broke. */
static int pump (struct server *s, struct conn *c) {
  struct iovec v[IOVS];
  int n;
  while ((n = fill(c, v)) > 0) {
    ssize_t w = writev(c->fd, v, n);
    if (w < 0 && errno != EAGAIN) return 0;
    if (w < 0) return watch(s, c, 1), 1;
    advance(c, (size_t)w);
  }
  watch(s, c, 0);
  if (c->part == PARTS && !c->reply->hangs) c->reply = NULL;
  return 1;
}


/* Everybody is here: the streams start, spread over one interval. */
static void release (struct server *s, struct reply *r) {
  struct conn *c, *next;
  uint64_t i = 0, now = now_ms();
  for (c = s->held; c; c = next) {
    next = c->next;
    if (c->reply != r) continue;
    delist(c);
    arm(s, c, now + 1 + i++ * r->ms / r->gather);
  }
  r->waiting = 0;
}


static void hold (struct server *s, struct conn *c) {
  struct reply *r = c->reply;
  c->due = 0;
  enlist(&s->held, c);
  if (++r->waiting == r->gather) release(s, r);
}


static int start (struct server *s, struct conn *c) {
  struct reply *r = c->reply;
  c->part = c->turn = c->off = c->tick = c->have = 0;
  if (!r->ends) return pump(s, c);
  c->limit = r->ends[0];
  if (!pump(s, c)) return 0;
  if (!c->reply) return 1;
  if (r->gather) hold(s, c);
  else arm(s, c, now_ms() + r->ms);
  return 1;
}


static void tick (struct server *s, struct conn *c) {
  struct reply *r = c->reply;
  delist(c);
  s->timed--;
  c->limit = r->ends[++c->tick];
  if (!pump(s, c)) drop(s, c);
  else if (c->tick + 1 < r->nends) arm(s, c, c->due + r->ms);
}


static void turn_wheel (struct server *s) {
  uint64_t now = now_ms();
  struct conn *c, *next;
  if (s->timed == 0) s->tick = now;
  while (s->tick < now) {
    s->tick++;
    for (c = s->slot[s->tick % SLOTS]; c; c = next) {
      next = c->next;
      if (c->due <= s->tick) tick(s, c);
    }
  }
}


static size_t body_length (const char *head) {
  const char *line = head;
  while ((line = strstr(line, "\r\n")) != NULL) {
    line += 2;
    if (strncasecmp(line, "content-length:", 15) == 0)
      return strtoul(line + 15, NULL, 10);
  }
  return 0;
}


/* The path of "POST /path HTTP/1.1", cut out of the head; or NULL. */
static char *path_of (char *head) {
  char *path = strchr(head, ' '), *end;
  if (!path) return NULL;
  end = strchr(++path, ' ');
  if (!end) return NULL;
  *end = 0;
  return path;
}


/* 0 if the client broke the rules. */
static int parse (struct server *s, struct conn *c) {
  char *end, *path;
  size_t length, got;
  c->in[c->have] = 0;
  end = strstr(c->in, "\r\n\r\n");
  if (!end) return c->have < HEAD - 1;
  if (c->reply) return 0;
  end[2] = 0;
  length = body_length(c->in);
  got = c->have - (size_t)(end + 4 - c->in);
  path = path_of(c->in);
  c->reply = path ? reply_for(s, path) : NULL;
  if (!c->reply) return 0;
  c->skip = length > got ? length - got : 0;
  c->have = 0;
  return c->skip ? 1 : start(s, c);
}


static int skipped (struct server *s, struct conn *c, size_t n) {
  c->skip -= n < c->skip ? n : c->skip;
  return c->skip ? 1 : start(s, c);
}


static int readable (struct server *s, struct conn *c) {
  ssize_t n = read(c->fd, c->in + c->have, HEAD - 1 - c->have);
  if (n < 0 && errno == EAGAIN) return 1;
  if (n <= 0) return 0;
  if (c->skip) return skipped(s, c, (size_t)n);
  c->have += (size_t)n;
  return parse(s, c);
}


static void serve (struct server *s, struct conn *c, uint32_t events) {
  int ok = 1;
  if (events & (EPOLLERR | EPOLLHUP)) ok = 0;
  if (ok && events & EPOLLIN) ok = readable(s, c);
  if (ok && events & EPOLLOUT && c->reply) ok = pump(s, c);
  if (!ok) drop(s, c);
}


static void accept_all (struct server *s) {
  int fd, on = 1;
  while ((fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    struct epoll_event e = { 0 };
    struct conn *c = calloc(1, sizeof *c);
    if (!c) die("server");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->fd = fd;
    e.events = EPOLLIN;
    e.data.ptr = c;
    if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e) != 0) die("server: epoll");
  }
  if (errno != EAGAIN && errno != ECONNABORTED) die("server: accept");
}


static void listen_on (struct server *s, int port) {
  struct sockaddr_in a = { 0 };
  socklen_t n = sizeof a;
  int on = 1;
  a.sin_family = AF_INET;
  a.sin_port = htons((uint16_t)port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(s->listener, (struct sockaddr *)&a, n) != 0) die("server: bind");
  if (listen(s->listener, 16384) != 0) die("server: listen");
  getsockname(s->listener, (struct sockaddr *)&a, &n);
  printf("listening %d\n", ntohs(a.sin_port));
  fflush(stdout);
}


/* Of stdout only its breaking is awaited; a plain file can't, which is fine. */
static void watch_ours (struct server *s) {
  struct epoll_event e = { 0 };
  s->epoll = epoll_create1(0);
  e.events = EPOLLIN;
  e.data.ptr = s;
  if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &e) != 0)
    die("server: epoll");
  e.events = 0;
  e.data.ptr = NULL;
  epoll_ctl(s->epoll, EPOLL_CTL_ADD, STDOUT_FILENO, &e);
}


int main (int argc, char **argv) {
  struct server s = { 0 };
  struct epoll_event e[EVENTS];
  int i, n;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  signal(SIGPIPE, SIG_IGN);
  s.tick = now_ms();
  listen_on(&s, argc > 1 ? atoi(argv[1]) : 0);
  watch_ours(&s);
  for (;;) {
    n = epoll_wait(s.epoll, e, EVENTS, s.timed ? 1 : -1);
    if (s.timed == 0) s.tick = now_ms();
    for (i = 0; i < n; i++) {
      if (!e[i].data.ptr) return 0;
      if (e[i].data.ptr == &s) accept_all(&s);
      else serve(&s, e[i].data.ptr, e[i].events);
    }
    turn_wheel(&s);
  }
}
