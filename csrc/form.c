/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "form.h"


struct form *form_new (size_t n) {
  struct form *f = calloc(1, sizeof *f + n * sizeof f->parts[0]);
  size_t i;
  if (f == NULL) return NULL;
  f->n = n;
  for (i = 0; i < n; i++) {
    f->parts[i].form = f;
    f->parts[i].source.fd = -1;
  }
  return f;
}


static int open_part (struct part *p) {
  return p->path ? source_file(&p->source, p->path, p->source.size) : 0;
}


int form_open (struct form *f) {
  size_t i;
  for (i = 0; i < f->n; i++) {
    int code = open_part(&f->parts[i]);
    if (code) return code;
    f->size += f->parts[i].source.size;
  }
  f->left = f->size;
  return 0;
}


/* ---- libcurl's callbacks ----------------------------------------------- */

static size_t on_read (char *to, size_t size, size_t n, void *arg) {
  struct part *p = arg;
  struct form *f = p->form;
  ptrdiff_t got = source_read(&p->source, to, size * n);
  if (got > 0) f->left -= got;
  if (got < 0) f->fault = p->source.fault;
  f->moved(f->arg);
  return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}


static int on_seek (void *arg, curl_off_t to, int origin) {
  struct part *p = arg;
  if (origin != SEEK_SET || to < 0) return CURL_SEEKFUNC_FAIL;
  p->form->left += p->source.given;
  source_seek(&p->source, to);
  p->form->left -= p->source.given;
  p->form->moved(p->form->arg);
  return CURL_SEEKFUNC_OK;
}


/* ---- making it the body ------------------------------------------------ */

static int add_part (struct form *f, struct part *p) {
  curl_mimepart *m = curl_mime_addpart(f->mime);
  if (m == NULL) return CURLE_OUT_OF_MEMORY;
  return curl_mime_name(m, p->name) |
         (p->filename ? curl_mime_filename(m, p->filename) : 0) |
         (p->type ? curl_mime_type(m, p->type) : 0) |
         curl_mime_data_cb(m, p->source.size, on_read, on_seek, NULL, p);
}


static int attach_bare (struct part *p, CURL *c) {
  return curl_easy_setopt(c, CURLOPT_POST, 1L) |
         curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
                          (curl_off_t)p->source.size) |
         curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read) |
         curl_easy_setopt(c, CURLOPT_READDATA, p) |
         curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek) |
         curl_easy_setopt(c, CURLOPT_SEEKDATA, p);
}


int form_attach (struct form *f, CURL *c) {
  int bad = 0;
  size_t i;
  if (f->n == 1 && f->parts[0].name == NULL)
    return attach_bare(&f->parts[0], c);
  f->mime = curl_mime_init(c);
  if (f->mime == NULL) return CURLE_OUT_OF_MEMORY;
  for (i = 0; i < f->n; i++) bad |= add_part(f, &f->parts[i]);
  return bad | (int)curl_easy_setopt(c, CURLOPT_MIMEPOST, f->mime);
}


void form_free (struct form *f) {
  size_t i;
  if (f == NULL) return;
  curl_mime_free(f->mime);
  for (i = 0; i < f->n; i++) source_close(&f->parts[i].source);
  free(f);
}
