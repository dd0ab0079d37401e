/* SPDX-License-Identifier: MIT */
/*
** Stands between csrc and what it calls, by the linker's --wrap: so only our
** own calls are counted, and fail, never those that libraries make. What can't
** fail as we use it is let through (curl_easy_getinfo of a handle of ours,
** curl_multi_remove_handle of one that was added); what gives back is only
** counted, so that nothing is kept.
*/
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>
#include <uv.h>

#include "shim.h"

#undef curl_easy_setopt
#undef curl_multi_setopt

static struct {
  long calls, target;      /* target 0: not armed */
  const char *failed;
  long blocks, easies, lists, forms, urls, multis, loops;
} shim;


void shim_arm (long n) {
  shim.calls = 0;
  shim.target = n;
  shim.failed = NULL;
}


const char *shim_disarm (void) {
  shim.target = 0;
  return shim.failed;
}


int shim_balance (char *to, unsigned long size) {
  snprintf(to, size, "%ld blocks, %ld easies, %ld lists, %ld forms, "
           "%ld urls, %ld multis, %ld loops", shim.blocks, shim.easies,
           shim.lists, shim.forms, shim.urls, shim.multis, shim.loops);
  return !shim.blocks && !shim.easies && !shim.lists && !shim.forms &&
         !shim.urls && !shim.multis && !shim.loops;
}


static int fails (const char *name) {
  if (shim.target == 0 || ++shim.calls != shim.target) return 0;
  shim.failed = name;
  return 1;
}


/* WRAP(type, name, parameters, arguments, failure): a call that is let through
** unless it is its turn to fail. */
#define WRAP(type, name, parameters, arguments, failure) \
  type __real_##name parameters; \
  type __wrap_##name parameters; \
  type __wrap_##name parameters { \
    if (fails(#name)) return failure; \
    return __real_##name arguments; \
  }

/* What it returns is held, if it is anything. */
#define WRAP_NEW(type, name, parameters, arguments, count) \
  type __real_##name parameters; \
  type __wrap_##name parameters; \
  type __wrap_##name parameters { \
    type made = fails(#name) ? NULL : __real_##name arguments; \
    if (made) shim.count++; \
    return made; \
  }

#define WRAP_FREE(result, name, type, count) \
  result __real_##name (type held); \
  result __wrap_##name (type held); \
  result __wrap_##name (type held) { \
    if (held) shim.count--; \
    return __real_##name(held); \
  }

/* ---- memory ------------------------------------------------------------ */

WRAP_NEW(void *, malloc, (size_t n), (n), blocks)
WRAP_NEW(void *, calloc, (size_t n, size_t size), (n, size), blocks)
WRAP_FREE(void, free, void *, blocks)

void *__real_realloc (void *held, size_t n);
void *__wrap_realloc (void *held, size_t n);

void *__wrap_realloc (void *held, size_t n) {
  void *made = fails("realloc") ? NULL : __real_realloc(held, n);
  if (made && held == NULL) shim.blocks++;
  return made;
}

/* ---- libcurl ----------------------------------------------------------- */

WRAP(CURLcode, curl_global_init, (long flags), (flags), CURLE_FAILED_INIT)

WRAP_NEW(CURL *, curl_easy_init, (void), (), easies)
WRAP_FREE(void, curl_easy_cleanup, CURL *, easies)
WRAP(CURLcode, curl_easy_pause, (CURL *c, int what), (c, what),
     CURLE_OUT_OF_MEMORY)

CURLcode __real_curl_easy_setopt (CURL *c, CURLoption option, ...);
CURLcode __wrap_curl_easy_setopt (CURL *c, CURLoption option, ...);

/* Its one argument is a pointer or as wide as one. */
CURLcode __wrap_curl_easy_setopt (CURL *c, CURLoption option, ...) {
  va_list args;
  void *value;
  va_start(args, option);
  value = va_arg(args, void *);
  va_end(args);
  if (fails("curl_easy_setopt")) return CURLE_OUT_OF_MEMORY;
  return __real_curl_easy_setopt(c, option, value);
}

struct curl_slist *__real_curl_slist_append (struct curl_slist *l,
                                             const char *s);
struct curl_slist *__wrap_curl_slist_append (struct curl_slist *l,
                                             const char *s);

struct curl_slist *__wrap_curl_slist_append (struct curl_slist *l,
                                             const char *s) {
  struct curl_slist *made;
  made = fails("curl_slist_append") ? NULL : __real_curl_slist_append(l, s);
  if (made && l == NULL) shim.lists++;
  return made;
}

WRAP_FREE(void, curl_slist_free_all, struct curl_slist *, lists)

WRAP_NEW(curl_mime *, curl_mime_init, (CURL *c), (c), forms)
WRAP_FREE(void, curl_mime_free, curl_mime *, forms)
WRAP(curl_mimepart *, curl_mime_addpart, (curl_mime *m), (m), NULL)
WRAP(CURLcode, curl_mime_name, (curl_mimepart *p, const char *s), (p, s),
     CURLE_OUT_OF_MEMORY)
WRAP(CURLcode, curl_mime_filename, (curl_mimepart *p, const char *s), (p, s),
     CURLE_OUT_OF_MEMORY)
WRAP(CURLcode, curl_mime_type, (curl_mimepart *p, const char *s), (p, s),
     CURLE_OUT_OF_MEMORY)
WRAP(CURLcode, curl_mime_data_cb, (curl_mimepart *p, curl_off_t n,
     curl_read_callback r, curl_seek_callback s, curl_free_callback f,
     void *arg), (p, n, r, s, f, arg), CURLE_OUT_OF_MEMORY)

WRAP_NEW(CURLU *, curl_url, (void), (), urls)
WRAP_FREE(void, curl_url_cleanup, CURLU *, urls)
WRAP(CURLUcode, curl_url_set, (CURLU *u, CURLUPart part, const char *s,
     unsigned int flags), (u, part, s, flags), CURLUE_OUT_OF_MEMORY)

WRAP_NEW(CURLM *, curl_multi_init, (void), (), multis)
WRAP_FREE(CURLMcode, curl_multi_cleanup, CURLM *, multis)
WRAP(CURLMcode, curl_multi_add_handle, (CURLM *m, CURL *c), (m, c),
     CURLM_OUT_OF_MEMORY)
WRAP(CURLMcode, curl_multi_assign, (CURLM *m, curl_socket_t s, void *p),
     (m, s, p), CURLM_BAD_SOCKET)
WRAP(CURLMcode, curl_multi_socket_action, (CURLM *m, curl_socket_t s,
     int events, int *running), (m, s, events, running), CURLM_OUT_OF_MEMORY)

CURLMcode __real_curl_multi_setopt (CURLM *m, CURLMoption option, ...);
CURLMcode __wrap_curl_multi_setopt (CURLM *m, CURLMoption option, ...);

CURLMcode __wrap_curl_multi_setopt (CURLM *m, CURLMoption option, ...) {
  va_list args;
  void *value;
  va_start(args, option);
  value = va_arg(args, void *);
  va_end(args);
  if (fails("curl_multi_setopt")) return CURLM_UNKNOWN_OPTION;
  return __real_curl_multi_setopt(m, option, value);
}

/* ---- libuv ------------------------------------------------------------- */

int __real_uv_loop_init (uv_loop_t *loop);
int __wrap_uv_loop_init (uv_loop_t *loop);

int __wrap_uv_loop_init (uv_loop_t *loop) {
  int code = fails("uv_loop_init") ? UV_ENOMEM : __real_uv_loop_init(loop);
  if (code == 0) shim.loops++;
  return code;
}

int __real_uv_loop_close (uv_loop_t *loop);
int __wrap_uv_loop_close (uv_loop_t *loop);

/* One that is busy stays, and counts as kept. */
int __wrap_uv_loop_close (uv_loop_t *loop) {
  int code = __real_uv_loop_close(loop);
  if (code == 0) shim.loops--;
  return code;
}

WRAP(int, uv_timer_init, (uv_loop_t *loop, uv_timer_t *t), (loop, t),
     UV_ENOMEM)
WRAP(int, uv_timer_start, (uv_timer_t *t, uv_timer_cb f, uint64_t ms,
     uint64_t again), (t, f, ms, again), UV_EINVAL)
WRAP(int, uv_poll_init_socket, (uv_loop_t *loop, uv_poll_t *p, uv_os_sock_t s),
     (loop, p, s), UV_ENOMEM)
WRAP(int, uv_poll_start, (uv_poll_t *p, int events, uv_poll_cb f),
     (p, events, f), UV_EINVAL)

/* ---- files ------------------------------------------------------------- */

#define WITH(code, value)  (errno = (code), (value))

int __real_open (const char *path, int flags, ...);
int __wrap_open (const char *path, int flags, ...);

int __wrap_open (const char *path, int flags, ...) {
  va_list args;
  int mode;
  va_start(args, flags);
  mode = flags & O_CREAT ? va_arg(args, int) : 0;
  va_end(args);
  if (fails("open")) return WITH(EMFILE, -1);
  return __real_open(path, flags, mode);
}

WRAP(int, fstat, (int fd, struct stat *st), (fd, st), WITH(EIO, -1))
WRAP(int, dup, (int fd), (fd), WITH(EMFILE, -1))
WRAP(int, rename, (const char *a, const char *b), (a, b), WITH(EACCES, -1))
WRAP(ssize_t, pread, (int fd, void *to, size_t n, off_t at), (fd, to, n, at),
     WITH(EIO, -1))
WRAP(ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n),
     WITH(ENOSPC, -1))
