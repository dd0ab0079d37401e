/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source.h"


static int refuse (int fd, int code) {
  close(fd);
  errno = code;
  return -1;
}


int file_open (const char *path, int64_t *size) {
  struct stat st;
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return -1;
  if (fstat(fd, &st) != 0) return refuse(fd, errno);
  if (S_ISDIR(st.st_mode)) return refuse(fd, EISDIR);
  if (!S_ISREG(st.st_mode)) return refuse(fd, ESPIPE);
  *size = st.st_size;
  return fd;
}


void source_memory (struct source *s, const char *bytes, size_t n) {
  memset(s, 0, sizeof *s);
  s->bytes = bytes;
  s->fd = -1;
  s->size = (int64_t)n;
}


int source_file (struct source *s, const char *path, int64_t size) {
  int64_t found = 0;
  memset(s, 0, sizeof *s);
  s->size = size;
  s->fd = file_open(path, &found);
  if (s->fd < 0) return errno;
  return found == size ? 0 : ESTALE;
}


static ptrdiff_t fail (struct source *s, const char *fault) {
  s->fault = fault;
  return -1;
}


static ssize_t read_at (int fd, char *to, size_t n, int64_t at) {
  ssize_t got;
  do got = pread(fd, to, n, (off_t)at);
  while (got < 0 && errno == EINTR);
  return got;
}


/* What comes after the last byte is asked for too: what was announced is all
** that may be sent, and a longer file is not the one that was meant. */
static ptrdiff_t read_file (struct source *s, char *to, size_t n) {
  char more;
  ssize_t got = read_at(s->fd, to, n, s->given);
  if (got < 0) return fail(s, "a file could not be read to its end");
  if (got == 0) return fail(s, "a file became shorter while it was sent");
  if (s->given + got == s->size && read_at(s->fd, &more, 1, s->size) > 0)
    return fail(s, "a file became longer while it was sent");
  return got;
}


ptrdiff_t source_read (struct source *s, char *to, size_t n) {
  int64_t left = s->size - s->given;
  ptrdiff_t got = (ptrdiff_t)n;
  if (s->fault) return -1;
  if (got > left) got = (ptrdiff_t)left;
  if (got <= 0) return 0;
  if (s->bytes) memcpy(to, s->bytes + s->given, (size_t)got);
  else got = read_file(s, to, (size_t)got);
  if (got > 0) s->given += got;
  return got;
}


void source_seek (struct source *s, int64_t to) {
  s->given = to < s->size ? to : s->size;
}


void source_close (struct source *s) {
  if (s->bytes == NULL && s->fd >= 0) close(s->fd);
  s->fd = -1;
}
