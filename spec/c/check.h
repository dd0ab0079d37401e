/* SPDX-License-Identifier: MIT */
/* What the test programs of the C parts share. Each prints a line for every
** case, "ok<TAB>name" or "not ok<TAB>name<TAB>why", and the names alone when
** run with --list, so that spec/c_spec.lua can make each a spec of its own. A
** program that dies leaves its later cases without a line. */
#ifndef MAREA_CHECK_H
#define MAREA_CHECK_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int listing;         /* only names are wanted */
static int passed, failed;  /* cases */
static char why[1024];      /* the first failure of the running case */


/* Whether to run the case of this name now. */
static int begin (const char *name) {
  why[0] = '\0';
  if (listing) puts(name);
  return !listing;
}


static void end (const char *name) {
  if (why[0]) {
    printf("not ok\t%s\t%s\n", name, why);
    failed++;
  }
  else {
    printf("ok\t%s\n", name);
    passed++;
  }
  fflush(stdout);
}


static void blame (const char *format, ...) {
  va_list args;
  if (why[0]) return;
  va_start(args, format);
  vsnprintf(why, sizeof why, format, args);
  va_end(args);
}


#define CHECK(x)  ((x) ? (void)0 : blame("line %d: %s", __LINE__, #x))

/* both values are told, as whole numbers */
#define SAME(got, want)  ((long long)(got) == (long long)(want) ? (void)0 : \
  blame("line %d: %s is %lld and should be %lld", __LINE__, #got, \
        (long long)(got), (long long)(want)))

struct test {
  const char *name;
  void (*run) (void);
};


static void run_tests (const struct test *t) {
  for (; t->name; t++) {
    if (!begin(t->name)) continue;
    t->run();
    end(t->name);
  }
}


static void start (int argc, char **argv) {
  listing = argc > 1 && strcmp(argv[1], "--list") == 0;
}


static int finish (void) {
  if (!listing && !failed) printf("ok %d\n", passed);
  return failed > 0;
}


/* A copy whose end is the end of its block: reading past it is seen. */
static inline char *exact (const char *bytes, size_t n) {
  char *copy = malloc(n);
  if (copy == NULL && n > 0) exit(2);
  if (n > 0) memcpy(copy, bytes, n);
  return copy;
}

#endif
