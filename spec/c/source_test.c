/* SPDX-License-Identifier: MIT */
/* What is sent, and the files it is saved in. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "sink.h"
#include "source.h"

static char dir[] = "/tmp/marea-c.XXXXXX";
static char path[64], other[64];


static void put (const char *name, const char *text) {
  FILE *f = fopen(name, "wb");
  if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) exit(2);
}


static int holds (const char *name, const char *text) {
  char got[256];
  size_t n;
  FILE *f = fopen(name, "rb");
  if (f == NULL) return 0;
  n = fread(got, 1, sizeof got, f);
  fclose(f);
  return n == strlen(text) && memcmp(got, text, n) == 0;
}


static int there (const char *name) {
  return access(name, F_OK) == 0;
}


/* ---- sources ----------------------------------------------------------- */

static void reads (struct source *s, size_t step, const char *want) {
  char got[64];
  size_t n = 0;
  ptrdiff_t more;
  while ((more = source_read(s, got + n, step)) > 0) n += (size_t)more;
  SAME(more, 0);
  CHECK(n == strlen(want) && memcmp(got, want, n) == 0);
}


static void from_memory (void) {
  size_t step;
  for (step = 1; step < 8; step++) {
    struct source s;
    char *text = exact("abcde", 5);
    source_memory(&s, text, 5);
    reads(&s, step, "abcde");
    source_seek(&s, 3);
    reads(&s, step, "de");
    source_close(&s);
    free(text);
  }
}


static void from_file (void) {
  size_t step;
  put(path, "abcde");
  for (step = 1; step < 8; step++) {
    struct source s;
    SAME(source_file(&s, path, 5), 0);
    reads(&s, step, "abcde");
    source_seek(&s, 0);
    reads(&s, step, "abcde");
    source_close(&s);
    source_close(&s);
  }
}


static void from_nothing (void) {
  struct source s;
  put(path, "");
  SAME(source_file(&s, path, 0), 0);
  reads(&s, 8, "");
  source_close(&s);
}


static void no_files (void) {
  int64_t size;
  CHECK(file_open(dir, &size) < 0 && errno == EISDIR);
  CHECK(file_open("/dev/null", &size) < 0 && errno == ESPIPE);
  SAME(mkfifo(other, 0600), 0);
  CHECK(file_open(other, &size) < 0 && errno == ESPIPE);
  unlink(other);
  CHECK(file_open(other, &size) < 0 && errno == ENOENT);
}


static void other_size (void) {
  struct source s;
  put(path, "abcde");
  SAME(source_file(&s, path, 6), ESTALE);
  source_close(&s);
}


static void shorter (void) {
  struct source s;
  char got[8];
  put(path, "abcdefgh");
  SAME(source_file(&s, path, 8), 0);
  SAME(source_read(&s, got, 4), 4);
  SAME(truncate(path, 2), 0);
  SAME(source_read(&s, got, 4), -1);
  CHECK(s.fault && strstr(s.fault, "shorter"));
  SAME(source_read(&s, got, 4), -1);
  source_close(&s);
}


static void longer (void) {
  struct source s;
  char got[8];
  put(path, "abcdefgh");
  SAME(source_file(&s, path, 8), 0);
  SAME(source_read(&s, got, 4), 4);
  put(path, "abcdefghi");
  SAME(source_read(&s, got, 4), -1);
  CHECK(s.fault && strstr(s.fault, "longer"));
  source_close(&s);
}


/* ---- sinks ------------------------------------------------------------- */

static void whole (void) {
  struct sink s;
  put(path, "before");
  SAME(sink_open(&s, path), 0);
  SAME(sink_write(&s, "one ", 4), 0);
  SAME(sink_write(&s, "two", 3), 0);
  CHECK(holds(path, "before"));
  SAME(sink_finish(&s), 0);
  CHECK(holds(path, "one two"));
  CHECK(!there(other));
  SAME(sink_write(&s, "x", 1), EBADF);
  SAME(sink_finish(&s), EBADF);
  sink_abandon(&s);
  CHECK(holds(path, "one two"));
}


static void abandoned (void) {
  struct sink s;
  put(path, "before");
  SAME(sink_open(&s, path), 0);
  SAME(sink_write(&s, "one", 3), 0);
  CHECK(there(other));
  sink_abandon(&s);
  sink_abandon(&s);
  CHECK(holds(path, "before"));
  CHECK(!there(other));
}


static void twice (void) {
  struct sink a, b;
  SAME(sink_open(&a, path), 0);
  SAME(sink_open(&b, path), EBUSY);
  sink_abandon(&b);
  CHECK(there(other));
  SAME(sink_write(&a, "a", 1), 0);
  SAME(sink_finish(&a), 0);
  CHECK(holds(path, "a"));
  SAME(sink_open(&b, path), 0);
  sink_abandon(&b);
}


static void left_behind (void) {
  struct sink s;
  put(other, "of a program that died");
  SAME(sink_open(&s, path), 0);
  SAME(sink_write(&s, "new", 3), 0);
  SAME(sink_finish(&s), 0);
  CHECK(holds(path, "new"));
}


/* Neither a link in the target's place nor one in that of the .part file is
** followed. */
static void links (void) {
  char victim[64];
  struct sink s;
  snprintf(victim, sizeof victim, "%s/victim", dir);
  put(victim, "precious");
  unlink(path);
  SAME(symlink(victim, path), 0);
  SAME(symlink(victim, other), 0);
  SAME(sink_open(&s, path), 0);
  SAME(sink_write(&s, "new", 3), 0);
  SAME(sink_finish(&s), 0);
  CHECK(holds(path, "new"));
  CHECK(holds(victim, "precious"));
  unlink(victim);
}


static void no_place (void) {
  struct sink s;
  char nowhere[64];
  snprintf(nowhere, sizeof nowhere, "%s/no/such/file", dir);
  SAME(sink_open(&s, nowhere), ENOENT);
  SAME(sink_open(&s, dir), EISDIR);
  unlink(path);
  SAME(mkfifo(path, 0600), 0);
  SAME(sink_open(&s, path), ESPIPE);   /* as a device is: nothing takes its place */
  sink_abandon(&s);
  CHECK(!there(other));
  unlink(path);
}


static void private_stays (void) {
  struct sink s;
  struct stat st;
  put(path, "before");
  SAME(chmod(path, 0600), 0);
  SAME(sink_open(&s, path), 0);
  SAME(sink_finish(&s), 0);
  SAME(stat(path, &st), 0);
  SAME(st.st_mode & 0777, 0600);
}


static void full (void) {
  struct sink s;
  memset(&s, 0, sizeof s);
  SAME(sink_open(&s, path), 0);
  close(s.fd);
  s.fd = open("/dev/full", O_WRONLY);
  SAME(sink_write(&s, "x", 1), ENOSPC);
  sink_abandon(&s);
  CHECK(!there(other));
}


int main (int argc, char **argv) {
  static const struct test tests[] = {
    { "read memory in steps of any size", from_memory },
    { "read a file in steps of any size", from_file },
    { "read an empty file", from_nothing },
    { "refuse directories, devices and pipes, and wait for none", no_files },
    { "refuse a file of another size", other_size },
    { "notice a file that becomes shorter", shorter },
    { "notice a file that becomes longer", longer },
    { "replace a file only when they are whole", whole },
    { "leave nothing when they are abandoned", abandoned },
    { "refuse what is being written already", twice },
    { "replace what a program that died left behind", left_behind },
    { "follow no link", links },
    { "tell what is no place for a file", no_place },
    { "leave private what was private", private_stays },
    { "tell of a full disk", full },
    { NULL, NULL }
  };
  int failed_any;
  start(argc, argv);
  if (!listing && mkdtemp(dir) == NULL) return 2;
  snprintf(path, sizeof path, "%s/file", dir);
  snprintf(other, sizeof other, "%s/file.part", dir);
  run_tests(tests);
  failed_any = finish();
  unlink(path);
  rmdir(dir);
  return failed_any;
}
