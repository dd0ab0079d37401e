/* SPDX-License-Identifier: MIT */
/* What many requests have in common: where they go, what they say of
** themselves, how they are watched over. A libcurl handle that was set up for
** a template is kept and used again as it is. */
#ifndef MAREA_TEMPLATE_H
#define MAREA_TEMPLATE_H

#include "engine.h"

struct template_options {
  const char *method, *url;
  const char *proxy;           /* NULL: as the environment says */
  const char *ca_file;         /* NULL: the system's */
  int insecure;                /* do not verify the server */
  int http1;                   /* no HTTP/2, whatever the server offers */
  int once;                    /* for one request: there is none to keep for */
  size_t max_body, max_event;  /* bytes; 0: no limit */
  usec connect, first_byte, idle, event;   /* 0: no such clock */
};

#define TEMPLATE_SPARE  16

struct template {
  struct template_options options;  /* strings: borrowed from whoever has the
                                       first reference, and used while it lasts */
  CURLU *url;                       /* options.url parsed, owned; may be NULL */
  struct curl_slist *headers;       /* owned */
  struct curl_slist no_expect;      /* a list of its own: one line, then those */
  struct engine *engine;            /* retained */
  CURL *spare[TEMPLATE_SPARE];      /* set up for this, owned */
  int nspare;
  int refs;                         /* the maker's and each transfer's */
};

/* Headers are the template's from the call on. NULL: no memory; they are still
** the caller's then. */
struct template *template_new (struct engine *e,
                               const struct template_options *o,
                               struct curl_slist *headers);
void template_retain (struct template *t);
void template_release (struct template *t);

/* A handle on which all is set but callbacks and body; NULL, and why. */
CURL *template_take (struct template *t, const char **why);
void template_give (struct template *t, CURL *easy);

/* The header lines: with a large body libcurl would wait for leave to send. */
struct curl_slist *template_headers (struct template *t, int large);

#endif
