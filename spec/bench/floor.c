/* SPDX-License-Identifier: MIT */
/*
** floor: what bare libcurl costs for the work of each benchmark.
**
** The least a client of this design can spend: curl's multi interface on
** libuv, one thread, and in the write callback nothing but counting the ends
** of events.  Options are libcurl's defaults, so the difference to marea is
** marea's, not a tuned buffer's.  `truth` is not timed: it reads an answer
** slowly and fully, and says what every client must have seen of it.
** Each mode prints one line of JSON.
*/
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>
#include <uv.h>

#define BODY \
  "{\"model\":\"bench\",\"messages\":[{\"role\":\"system\",\"content\":" \
  "\"You answer in one short paragraph of plain text.\"},{\"role\":\"user\"," \
  "\"content\":\"What is the capital of Spain, and where does it lie?\"}]," \
  "\"stream\":true}"

/* One of the requests under way; the handle serves many, one by one. */
struct request {
  struct bench *bench;
  CURL *easy;           /* owned */
  char *body;           /* what came, where the mode keeps it; owned */
  size_t len, cap;
  char last;            /* last byte of the write before */
  size_t events;        /* ended in this answer */
  uint64_t sent, first; /* ns: when it left, when its second event ended */
  double began;         /* us of CPU when its counting began */
};

struct bench {
  uv_loop_t loop;
  uv_timer_t timer;
  CURLM *multi;                 /* owned */
  struct curl_slist *headers;   /* owned */
  const char *url;
  curl_write_callback write;
  void (*finish) (struct request *r);   /* after each answer; may be NULL */
  size_t total, started, done, failed;
  uint64_t events, bytes;       /* over all answers */
  uint64_t began;               /* ns */
  /* what single modes gather */
  double *times;                /* us to the first delta, or to a FIN; owned */
  int clocked;                  /* is the CPU of each answer counted? */
  double cpu;                   /* us, over all answers */
  float *vector;                /* owned */
  size_t vectors, floats, vector_cap;
  double sum;                   /* of each vector's two ends */
  size_t pieces, text_bytes;
  size_t wanted;                /* how many leavings the server must report */
};

/* A socket libcurl wants watched; freed when its handle has closed. */
struct watch {
  uv_poll_t poll;
  struct bench *bench;
  curl_socket_t fd;
  int events;
};


static void die (const char *what) {
  fprintf(stderr, "floor: %s\n", what);
  exit(1);
}


static double cpu_us (void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}


/*
** {==================================================================
** libcurl on libuv
** ===================================================================
*/

static void start (struct request *r) {
  r->len = r->events = 0;
  r->first = 0;
  r->last = 0;
  r->bench->started++;
  if (r->bench->clocked) r->began = cpu_us();
  r->sent = uv_hrtime();
  curl_multi_add_handle(r->bench->multi, r->easy);
}


static void finished (struct bench *b, CURL *easy, CURLcode code) {
  struct request *r;
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&r);
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_multi_remove_handle(b->multi, easy);
  b->done++;
  if (code != CURLE_OK || status != 200) {
    fprintf(stderr, "floor: %s, status %ld\n", curl_easy_strerror(code),
            status);
    b->failed++;
    return;
  }
  b->events += r->events;
  if (b->finish) b->finish(r);
  if (b->started < b->total) start(r);
}


/* After a socket's action and after the timer's: either may end transfers. */
static void drain (struct bench *b) {
  CURLMsg *m;
  int left;
  while ((m = curl_multi_info_read(b->multi, &left)) != NULL)
    if (m->msg == CURLMSG_DONE) finished(b, m->easy_handle, m->data.result);
}


static void on_timer (uv_timer_t *t) {
  struct bench *b = t->data;
  int running;
  curl_multi_socket_action(b->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  drain(b);
}


static int set_timer (CURLM *multi, long ms, void *p) {
  struct bench *b = p;
  (void)multi;
  if (ms < 0) uv_timer_stop(&b->timer);
  else uv_timer_start(&b->timer, on_timer, (uint64_t)ms, 0);
  return 0;
}


static void on_poll (uv_poll_t *poll, int status, int events) {
  struct watch *w = poll->data;
  struct bench *b = w->bench;
  int running, flags = 0;
  if (status < 0) flags = CURL_CSELECT_ERR;
  if (events & UV_READABLE) flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE) flags |= CURL_CSELECT_OUT;
  curl_multi_socket_action(b->multi, w->fd, flags, &running);
  drain(b);
}


static void free_watch (uv_handle_t *h) { free(h->data); }


static struct watch *new_watch (struct bench *b, curl_socket_t fd) {
  struct watch *w = calloc(1, sizeof *w);
  if (!w) die("out of memory");
  w->bench = b;
  w->fd = fd;
  uv_poll_init_socket(&b->loop, &w->poll, fd);
  w->poll.data = w;
  curl_multi_assign(b->multi, fd, w);
  return w;
}


static int set_socket (CURL *easy, curl_socket_t fd, int what, void *p,
                       void *sp) {
  struct bench *b = p;
  struct watch *w = sp;
  int events = 0;
  (void)easy;
  if (what == CURL_POLL_REMOVE) {
    if (!w) return 0;
    uv_close((uv_handle_t *)&w->poll, free_watch);
    curl_multi_assign(b->multi, fd, NULL);
    return 0;
  }
  if (!w) w = new_watch(b, fd);
  if (what != CURL_POLL_OUT) events |= UV_READABLE;
  if (what != CURL_POLL_IN) events |= UV_WRITABLE;
  if (events != w->events) uv_poll_start(&w->poll, events, on_poll);
  w->events = events;
  return 0;
}


static void open_request (struct bench *b, struct request *r) {
  CURL *e = curl_easy_init();
  if (!e) die("no handle");
  r->bench = b;
  r->easy = e;
  curl_easy_setopt(e, CURLOPT_URL, b->url);
  curl_easy_setopt(e, CURLOPT_HTTPHEADER, b->headers);
  curl_easy_setopt(e, CURLOPT_POSTFIELDS, BODY);
  curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)(sizeof BODY - 1));
  curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, b->write);
  curl_easy_setopt(e, CURLOPT_WRITEDATA, r);
  curl_easy_setopt(e, CURLOPT_PRIVATE, r);
  curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
}


static void open_bench (struct bench *b) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  uv_loop_init(&b->loop);
  uv_timer_init(&b->loop, &b->timer);
  b->timer.data = b;
  b->headers = curl_slist_append(NULL, "Content-Type: application/json");
  b->multi = curl_multi_init();
  if (!b->headers || !b->multi) die("out of memory");
  curl_multi_setopt(b->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
  curl_multi_setopt(b->multi, CURLMOPT_SOCKETDATA, b);
  curl_multi_setopt(b->multi, CURLMOPT_TIMERFUNCTION, set_timer);
  curl_multi_setopt(b->multi, CURLMOPT_TIMERDATA, b);
}


static void close_bench (struct bench *b, struct request *r, size_t n) {
  size_t i;
  for (i = 0; i < n; i++) {
    curl_easy_cleanup(r[i].easy);
    free(r[i].body);
  }
  free(r);
  curl_multi_cleanup(b->multi);
  curl_slist_free_all(b->headers);
  uv_close((uv_handle_t *)&b->timer, NULL);
  uv_run(&b->loop, UV_RUN_DEFAULT);
  uv_loop_close(&b->loop);
  curl_global_cleanup();
}


/* `total` answers, so many requests at a time. */
static void run (struct bench *b, size_t total, size_t concurrent) {
  struct request *r;
  size_t i, n = concurrent < total ? concurrent : total;
  r = calloc(n + 1, sizeof *r);
  if (!r || !b->url) die("out of memory");
  open_bench(b);
  b->total = total;
  b->began = uv_hrtime();
  for (i = 0; i < n; i++) {
    open_request(b, &r[i]);
    start(&r[i]);
  }
  while (b->done < b->started && uv_run(&b->loop, UV_RUN_ONCE)) continue;
  b->began = uv_hrtime() - b->began;
  close_bench(b, r, n);
  if (b->failed || b->done != total) die("not every request was answered");
}

/* }================================================================== */


/* Counts the empty lines, one split over two writes included. */
static size_t count_events (char *s, size_t size, size_t n, void *p) {
  struct request *r = p;
  const char *at = s, *end = s + n;
  (void)size;
  r->bench->bytes += n;
  if (n && *at == '\n' && r->last == '\n') { r->events++; at++; }
  while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
    if (++at < end && *at == '\n') { r->events++; at++; }
  }
  if (n) r->last = end[-1];
  return n;
}


/* The second event carries the first delta; what's before it only a role. */
static size_t note_first (char *s, size_t size, size_t n, void *p) {
  struct request *r = p;
  count_events(s, size, n, p);
  if (!r->first && r->events >= 2) r->first = uv_hrtime();
  return n;
}


static size_t keep (char *s, size_t size, size_t n, void *p) {
  struct request *r = p;
  (void)size;
  r->bench->bytes += n;
  if (r->len + n + 1 > r->cap) {
    r->cap = (r->len + n + 1) * 2;
    r->body = realloc(r->body, r->cap);
    if (!r->body) die("out of memory");
  }
  memcpy(r->body + r->len, s, n);
  r->len += n;
  r->body[r->len] = 0;
  return n;
}


static void report (const struct bench *b) {
  printf("{\"answers\":%zu,\"events\":%llu,\"bytes\":%llu,\"seconds\":%.6f",
         b->done, (unsigned long long)b->events, (unsigned long long)b->bytes,
         (double)b->began / 1e9);
}


static void firehose (struct bench *b, size_t total, size_t concurrent) {
  b->write = count_events;
  run(b, total, concurrent);
  report(b);
}


static void small (struct bench *b, size_t total, size_t concurrent) {
  b->write = keep;
  run(b, total, concurrent);
  report(b);
}


/*
** {==================================================================
** The CPU of each of several kinds of answers
** ===================================================================
*/

static void take_cpu (struct request *r) {
  r->bench->cpu += cpu_us() - r->began;
}


/* URL TIMES, again and again. */
static void each (struct bench *b, int argc, char **argv) {
  uint64_t answers = 0;
  int i;
  b->write = count_events;
  b->finish = take_cpu;
  b->clocked = 1;
  printf("{");
  for (i = 0; i + 1 < argc; i += 2) {
    b->url = argv[i];
    b->started = b->done = 0;
    b->cpu = 0;
    run(b, strtoul(argv[i + 1], NULL, 10), 1);
    printf("\"cpu_%d\":%.3f,", i / 2 + 1, b->cpu);
    answers += b->done;
  }
  printf("\"answers\":%llu,\"events\":%llu,\"bytes\":%llu",
         (unsigned long long)answers, (unsigned long long)b->events,
         (unsigned long long)b->bytes);
}

/* }================================================================== */


/*
** {==================================================================
** Embeddings
** ===================================================================
*/

static const signed char sextet[256] = {
  ['A'] = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
  20, 21, 22, 23, 24, 25,
  ['a'] = 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42,
  43, 44, 45, 46, 47, 48, 49, 50, 51,
  ['0'] = 52, 53, 54, 55, 56, 57, 58, 59, 60, 61,
  ['+'] = 62, ['/'] = 63
};


/* Bytes decoded from the n characters at s, padding counted out. */
static size_t base64 (unsigned char *to, const char *s, size_t n) {
  const unsigned char *u = (const unsigned char *)s;
  size_t i, out = 0;
  for (i = 0; i + 4 <= n; i += 4) {
    unsigned v = (unsigned)sextet[u[i]] << 18 | (unsigned)sextet[u[i+1]] << 12
               | (unsigned)sextet[u[i+2]] << 6 | (unsigned)sextet[u[i+3]];
    to[out++] = (unsigned char)(v >> 16);
    to[out++] = (unsigned char)(v >> 8);
    to[out++] = (unsigned char)v;
  }
  while (n && s[n - 1] == '=') { out--; n--; }
  return out;
}


static void take_base64 (struct bench *b, const char *s, const char *end) {
  size_t n = (size_t)(end - s), floats;
  if (n > b->vector_cap) {
    b->vector_cap = n;
    free(b->vector);
    b->vector = malloc(n);
    if (!b->vector) die("out of memory");
  }
  floats = base64((unsigned char *)b->vector, s, n) / sizeof(float);
  if (floats == 0) die("an empty vector");
  b->floats += floats;
  b->sum += (double)b->vector[0] + (double)b->vector[floats - 1];
}


/* Numbers in text are only counted: bare libcurl has no JSON to decode. */
static void take_text (struct bench *b, const char *s, const char *end) {
  size_t commas = 0;
  const char *at, *last = s;
  for (at = s; at < end; at++) commas += *at == ',';
  for (at = end; at > s && at[-1] != ','; at--) last = at - 1;
  b->floats += commas + 1;
  b->sum += strtod(s, NULL) + strtod(last, NULL);
}


static void take_vectors (struct request *r) {
  static const char name[] = "\"embedding\":";
  struct bench *b = r->bench;
  const char *at = r->body, *stop = r->body + r->len, *end;
  while (at && (at = memmem(at, (size_t)(stop - at), name, sizeof name - 1))) {
    at += sizeof name - 1;
    if (*at != '"' && *at != '[') continue;
    end = memchr(at + 1, *at == '"' ? '"' : ']', (size_t)(stop - at - 1));
    if (!end) die("a vector without an end");
    if (*at == '"') take_base64(b, at + 1, end);
    else take_text(b, at + 1, end);
    b->vectors++;
    at = end;
  }
}


static void embed (struct bench *b, size_t total) {
  b->write = keep;
  b->finish = take_vectors;
  run(b, total, 1);
  report(b);
  printf(",\"vectors\":%zu,\"floats\":%zu,\"sum\":%.17g", b->vectors,
         b->floats, b->sum);
  free(b->vector);
}

/* }================================================================== */


/*
** {==================================================================
** Time to the first delta
** ===================================================================
*/

static void take_time (struct request *r) {
  struct bench *b = r->bench;
  if (!r->first) die("a stream without a delta");
  b->times[b->done - 1] = (double)(r->first - r->sent) / 1e3;
}


static int by_size (const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}


static void first (struct bench *b, size_t total) {
  b->write = note_first;
  b->finish = take_time;
  b->times = calloc(total + 1, sizeof *b->times);
  if (!b->times) die("out of memory");
  run(b, total, 1);
  qsort(b->times, total, sizeof *b->times, by_size);
  report(b);
  printf(",\"median_us\":%.3f", b->times[total / 2]);
  free(b->times);
}

/* }================================================================== */


/*
** {==================================================================
** From a transfer's removal to the FIN the server sees
** ===================================================================
*/

#define PAUSE_US  2000    /* the server sees each alone */

/* Removes the transfer as soon as a delta is there; returns when, in ns. */
static uint64_t leave_early (struct bench *b, struct request *r) {
  uint64_t left;
  start(r);
  while (!r->first && uv_run(&b->loop, UV_RUN_ONCE)) continue;
  if (!r->first) die("a stream without a delta");
  left = uv_hrtime();
  curl_multi_remove_handle(b->multi, r->easy);
  usleep(PAUSE_US);
  return left;
}


/* The server's list of the moments it saw readers leave. */
static void take_left (struct request *r) {
  struct bench *b = r->bench;
  char *at = strchr(r->body, '[');
  while (at && *at != ']' && b->pieces < b->wanted) {
    double left = strtod(at + 1, &at);
    b->times[b->pieces] = (left - b->times[b->pieces]) / 1e3;
    b->pieces++;
  }
  if (!at || *at != ']' || b->pieces != b->wanted)
    die("not every leaving was seen, or more than these");
}


static void ask_left (struct bench *b) {
  char url[512];
  snprintf(url, sizeof url, "%s/left", b->url);
  b->url = url;
  b->write = keep;
  b->finish = take_left;
  b->started = 0;
  run(b, 1, 1);
}


static void closing (struct bench *b, size_t total) {
  struct request *r = calloc(1, sizeof *r);
  size_t i;
  b->times = calloc(total + 1, sizeof *b->times);
  if (!r || !b->times) die("out of memory");
  b->write = note_first;
  open_bench(b);
  open_request(b, r);
  for (i = 0; i < total; i++) b->times[i] = (double)leave_early(b, r);
  close_bench(b, r, 1);
  b->wanted = total;
  ask_left(b);
  qsort(b->times, total, sizeof *b->times, by_size);
  report(b);
  printf(",\"left\":%zu,\"close_p50_us\":%.3f,\"close_p99_us\":%.3f", total,
         b->times[total / 2], b->times[total * 99 / 100]);
  free(b->times);
}

/* }================================================================== */


/*
** {==================================================================
** What every client must see
** ===================================================================
*/

/* Bytes of UTF-8 of the JSON string at s; *end is its closing quote. */
static size_t text_length (const char *s, const char **end) {
  size_t n = 0;
  for (; *s && *s != '"'; s++) {
    unsigned long code;
    if (*s != '\\') { n++; continue; }
    if (*++s != 'u') { n++; continue; }
    code = strtoul((char[]){ s[1], s[2], s[3], s[4], 0 }, NULL, 16);
    n += code < 0x80 ? 1 : code < 0x800 ? 2 : 3;
    s += 4;
  }
  *end = s;
  return n;
}


static void take_truth (struct request *r) {
  static const char name[] = "\"content\":\"";
  struct bench *b = r->bench;
  const char *at = r->body;
  if (!at) return;
  while ((at = strstr(at, name)) != NULL) {
    b->text_bytes += text_length(at + sizeof name - 1, &at);
    b->pieces++;
  }
  for (at = r->body; (at = strstr(at, "\n\n")) != NULL; at += 2) b->events++;
  take_vectors(r);
}


static void truth (struct bench *b) {
  b->write = keep;
  b->finish = take_truth;
  run(b, 1, 1);
  report(b);
  printf(",\"pieces\":%zu,\"text_bytes\":%zu,\"vectors\":%zu,\"floats\":%zu,"
         "\"sum\":%.17g", b->pieces, b->text_bytes, b->vectors, b->floats,
         b->sum);
  free(b->vector);
}

/* }================================================================== */


static int usage (void) {
  fputs("usage: floor firehose URL\n"
        "       floor paced URL COUNT\n"
        "       floor small URL TOTAL CONCURRENCY\n"
        "       floor embed URL TIMES\n"
        "       floor one URL\n"
        "       floor first URL TIMES\n"
        "       floor close URL TIMES\n"
        "       floor each URL TIMES...\n"
        "       floor truth URL\n", stderr);
  return 2;
}


int main (int argc, char **argv) {
  struct bench b;
  const char *mode = argc > 2 ? argv[1] : "";
  size_t n = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;
  size_t m = argc > 4 ? strtoul(argv[4], NULL, 10) : 1;
  memset(&b, 0, sizeof b);
  b.url = argc > 2 ? argv[2] : NULL;
  if (strcmp(mode, "firehose") == 0) firehose(&b, 1, 1);
  else if (strcmp(mode, "paced") == 0) firehose(&b, n, n);
  else if (strcmp(mode, "small") == 0) small(&b, n, m);
  else if (strcmp(mode, "one") == 0) small(&b, 1, 1);
  else if (strcmp(mode, "embed") == 0) embed(&b, n);
  else if (strcmp(mode, "first") == 0) first(&b, n);
  else if (strcmp(mode, "close") == 0) closing(&b, n);
  else if (strcmp(mode, "each") == 0) each(&b, argc - 2, argv + 2);
  else if (strcmp(mode, "truth") == 0) truth(&b);
  else return usage();
  puts("}");
  return 0;
}
