/* SPDX-License-Identifier: MIT */
/*
** measure CMD ARGS...: runs a program and says what it cost.
**
** A program in C and not a few lines of shell, because ru_maxrss outlives
** exec: a child forked from a large process starts with that process's peak.
** This one is small, so the peak it reports is the client's own.  One line of
** JSON goes to descriptor 3 when it is open, else to stderr; the exit status
** is the program's.
*/
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REPORT_FD  3

static double now (void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}


static double seconds (struct timeval t) {
  return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}


/* Opened before the fork, so that the child doesn't inherit it. */
static FILE *report (void) {
  if (fcntl(REPORT_FD, F_SETFD, FD_CLOEXEC) != 0) return stderr;
  return fdopen(REPORT_FD, "w");
}


static void become (char **argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  /* a killed run leaves nobody behind */
  execvp(argv[0], argv);
  fprintf(stderr, "measure: %s: %s\n", argv[0], strerror(errno));
  _exit(127);
}


int main (int argc, char **argv) {
  struct rusage used;
  FILE *out;
  int status;
  double began;
  pid_t pid;
  if (argc < 2) return fputs("usage: measure CMD ARGS...\n", stderr), 2;
  out = report();
  began = now();
  pid = fork();
  if (pid == 0) become(argv + 1);
  if (pid < 0 || !out) return perror("measure"), 2;
  while (wait4(pid, &status, 0, &used) < 0)
    if (errno != EINTR) return perror("measure: wait4"), 2;
  fprintf(out, "{\"user\":%.6f,\"sys\":%.6f,\"wall\":%.6f,\"maxrss_kb\":%ld}\n",
          seconds(used.ru_utime), seconds(used.ru_stime), now() - began,
          used.ru_maxrss);
  fflush(out);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
