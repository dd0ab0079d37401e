/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sink.h"

#define SUFFIX  ".part"


static char *join (const char *a, const char *b) {
  size_t n = strlen(a), m = strlen(b);
  char *s = malloc(n + m + 1);
  if (s == NULL) return NULL;
  memcpy(s, a, n);
  memcpy(s + n, b, m + 1);
  return s;
}


/* Never through a link, never an existing file. Locked from birth, as far as
** that can be: who finds it unlocked takes it for one left behind. */
static int create (const char *path, mode_t mode) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    errno = EBUSY;
    return -1;
  }
  return fd;
}


/* Removes a .part file that nobody holds. */
static int clear_away (const char *path) {
  struct stat st;
  int fd, code = 0;
  if (lstat(path, &st) != 0) return errno == ENOENT ? 0 : errno;
  if (S_ISDIR(st.st_mode)) return EISDIR;
  if (!S_ISREG(st.st_mode)) return unlink(path) != 0 ? errno : 0;
  fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return errno;
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) code = EBUSY;
  else if (unlink(path) != 0) code = errno;
  close(fd);
  return code;
}


static int open_part (struct sink *s) {
  struct stat st;
  mode_t mode = 0666;
  int code;
  if (stat(s->target, &st) == 0) {
    if (S_ISDIR(st.st_mode)) return EISDIR;
    if (!S_ISREG(st.st_mode)) return ESPIPE;
    mode = st.st_mode & 0777;    /* what was private stays so */
  }
  s->fd = create(s->part, mode);
  if (s->fd >= 0 || errno != EEXIST) return s->fd >= 0 ? 0 : errno;
  code = clear_away(s->part);
  if (code) return code;
  s->fd = create(s->part, mode);
  return s->fd >= 0 ? 0 : errno == EEXIST ? EBUSY : errno;
}


static void forget (struct sink *s) {
  free(s->target);
  free(s->part);
  s->target = s->part = NULL;
}


int sink_open (struct sink *s, const char *target) {
  int code;
  s->fd = -1;
  s->pid = getpid();
  s->target = join(target, "");
  s->part = join(target, SUFFIX);
  code = s->target && s->part ? open_part(s) : ENOMEM;
  if (code) forget(s);
  return code;
}


int sink_write (struct sink *s, const char *bytes, size_t n) {
  if (s->part == NULL) return EBADF;
  while (n > 0) {
    ssize_t put = write(s->fd, bytes, n);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    bytes += put;
    n -= (size_t)put;
  }
  return 0;
}


/* A file system that writes late says so when a file is closed, even a copy
** of it; the file itself stays open, and locked, until it has moved. */
static int settle (int fd) {
  int copy = dup(fd);
  if (copy < 0) return errno;
  return close(copy) != 0 && errno != EINTR ? errno : 0;
}


int sink_finish (struct sink *s) {
  int code = s->part ? settle(s->fd) : EBADF;
  if (code) return code;
  if (rename(s->part, s->target) != 0) return errno;
  close(s->fd);
  forget(s);
  return 0;
}


void sink_abandon (struct sink *s) {
  if (s->part == NULL) return;
  if (s->pid == getpid()) unlink(s->part);
  close(s->fd);
  forget(s);
}
