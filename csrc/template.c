/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "template.h"


/* Nothing but HTTP, no redirects, no signals, no netrc (its default). */
static int set_manners (CURL *c) {
  int bad = 0;
#if LIBCURL_VERSION_NUM >= 0x075500
  bad |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
  bad |= curl_easy_setopt(c, CURLOPT_PROTOCOLS,
                          (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  bad |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  bad |= curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
  bad |= curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  return bad;
}


static int set_security (CURL *c, const struct template_options *o) {
  int bad = 0;
  bad |= curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  if (o->insecure) {
    bad |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
    bad |= curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  if (o->ca_file) bad |= curl_easy_setopt(c, CURLOPT_CAINFO, o->ca_file);
  if (o->proxy) bad |= curl_easy_setopt(c, CURLOPT_PROXY, o->proxy);
  return bad;
}


/* With a body even a GET is a POST to libcurl, unless its method is named. */
static int set_method (CURL *c, const char *method) {
  if (strcmp(method, "HEAD") == 0)
    return curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
  if (strcmp(method, "POST") != 0)
    return curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
  return 0;
}


/* A URL given as text libcurl parses for each request, a fifth of its work then;
** one that is parsed it copies, all but an address's zone before 8.3 (of which
** url.lua knows none). NULL: have it parse. */
static CURLU *parse_url (const struct template_options *o) {
  CURLU *u;
  if (o->once) return NULL;
  u = curl_url();
  if (u == NULL || curl_url_set(u, CURLUPART_URL, o->url, 0) == CURLUE_OK)
    return u;
  curl_url_cleanup(u);
  return NULL;
}


static int set_url (CURL *c, const struct template *t) {
  if (t->url) return curl_easy_setopt(c, CURLOPT_CURLU, t->url);
  return curl_easy_setopt(c, CURLOPT_URL, t->options.url);
}


static int set_request (CURL *c, const struct template_options *o) {
  int bad = 0;
  bad |= set_method(c, o->method);
  /* undone it is, whatever the header says was wanted */
  bad |= curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
  if (o->http1)
    bad |= curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
                            (long)CURL_HTTP_VERSION_1_1);
  /* For the connections libcurl makes later, in place of a dead one: its
  ** timer may get lost (seen in 7.88), so `connect` is also a clock of ours. */
  bad |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS,
                          o->connect ? (long)(o->connect / 1000) + 1
                                     : LONG_MAX);
  return bad;
}


CURL *template_take (struct template *t, const char **why) {
  CURL *c;
  if (t->nspare > 0) return t->spare[--t->nspare];
  c = engine_take_easy(t->engine);
  *why = "out of memory";
  if (c == NULL) return NULL;
  if (!set_manners(c) && !set_security(c, &t->options) && !set_url(c, t) &&
      !set_request(c, &t->options)) return c;
  *why = "libcurl refused an option";
  engine_give_easy(t->engine, c);
  return NULL;
}


void template_give (struct template *t, CURL *easy) {
  if (t->options.once || t->nspare == TEMPLATE_SPARE || !t->engine->multi)
    engine_give_easy(t->engine, easy);
  else {
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL);   /* the transfer's */
    t->spare[t->nspare++] = easy;
  }
}


struct curl_slist *template_headers (struct template *t, int large) {
  return large ? &t->no_expect : t->headers;
}


struct template *template_new (struct engine *e,
                               const struct template_options *o,
                               struct curl_slist *headers) {
  static char no_expect[] = "Expect:";
  struct template *t = calloc(1, sizeof *t);
  if (t == NULL) return NULL;
  t->options = *o;
  t->headers = headers;
  t->no_expect.data = no_expect;
  t->no_expect.next = headers;
  t->engine = e;
  engine_retain(e);
  e->ntemplates++;
  t->refs = 1;
  t->url = parse_url(o);
  return t;
}


void template_retain (struct template *t) {
  t->refs++;
}


void template_release (struct template *t) {
  if (--t->refs > 0) return;
  while (t->nspare > 0) engine_give_easy(t->engine, t->spare[--t->nspare]);
  t->engine->ntemplates--;
  engine_release(t->engine);
  curl_url_cleanup(t->url);
  curl_slist_free_all(t->headers);
  free(t);
}
