/* SPDX-License-Identifier: MIT */
/* A request's body made of parts: a multipart form, or one part sent as it is.
** Its bytes are read while they are sent, so that an upload of any length takes
** no memory. How a form is written is libcurl's matter. No Lua here. */
#ifndef MAREA_FORM_H
#define MAREA_FORM_H

#include <curl/curl.h>

#include "source.h"

struct part {
  struct source source;
  struct form *form;            /* the one it belongs to */
  const char *path;             /* of a file; NULL: the source is memory */
  const char *name;             /* NULL: the only part, sent as it is */
  const char *filename, *type;  /* NULL: not said */
};

/* The strings are borrowed, and must outlive the form. */
struct form {
  curl_mime *mime;              /* owned; NULL for one that is no multipart */
  int64_t size, left;           /* bytes of its parts; those not yet read */
  const char *fault;            /* why a part could not be read; or NULL */
  void (*moved) (void *arg);    /* called when `left` or `fault` changed */
  void *arg;
  size_t n;
  struct part parts[];
};

struct form *form_new (size_t n);   /* n empty parts; NULL: no memory */
int form_open (struct form *f);     /* its files: 0, or an errno */

/* Makes it the body of what `easy` sends: all CURLcodes or-ed, 0 if well. */
int form_attach (struct form *f, CURL *easy);

void form_free (struct form *f);    /* once nothing is sent any more */

#endif
