/* SPDX-License-Identifier: MIT */
/* Heads: the media type they name. */
#include "check.h"
#include "head.h"


static void names (const char *head, const char *want) {
  size_t n = strlen(head), len;
  char *copy = exact(head, n);
  const char *type = NULL;
  len = head_media_type(copy, n, &type);
  if (len != strlen(want) || (len > 0 && memcmp(type, want, len) != 0))
    blame("%s: got %.*s, wanted %s", head, (int)len, len ? type : "", want);
  free(copy);
}


#define HEAD(line)  "HTTP/1.1 200 OK\r\nServer: x\r\n" line "\r\n\r\n"


static void whatever_its_case (void) {
  names(HEAD("Content-Type: text/event-stream"), "text/event-stream");
  names(HEAD("content-type: text/plain"), "text/plain");
  names(HEAD("CONTENT-TYPE: Text/Plain"), "Text/Plain");
}


static void without_parameters (void) {
  names(HEAD("Content-Type: text/plain; charset=utf-8"), "text/plain");
  names(HEAD("Content-Type: text/plain;charset=utf-8"), "text/plain");
  names(HEAD("Content-Type: text/plain , x"), "text/plain");
  names(HEAD("Content-Type: text/plain\t; q"), "text/plain");
}


static void spaces (void) {
  names(HEAD("Content-Type:text/plain"), "text/plain");
  names(HEAD("Content-Type: \t text/plain"), "text/plain");
  names("HTTP/1.1 200 OK\nContent-Type: text/plain\n\n", "text/plain");
}


static void the_first (void) {
  names(HEAD("Content-Type: a/b\r\nContent-Type: c/d"), "a/b");
  names(HEAD("content-type: a/b\r\nContent-Type: c/d"), "a/b");
  names(HEAD("Content-Type:\r\nContent-Type: c/d"), "");
}


static void none (void) {
  names("", "");
  names("\n", "");
  names("Content-Type: text/plain", "");   /* that is the status line */
  names(HEAD("X-Content-Type: text/plain"), "");
  names(HEAD("Content-Types: text/plain"), "");
  names(HEAD("Content-Type : text/plain"), "");
  names(HEAD("X: y Content-Type: text/plain"), "");
  names(HEAD("Content-Type:"), "");
  names(HEAD("Content\rType: text/plain"), "");
  names(HEAD("Content-Type\x1a text/plain"), "");
}


static void cut_anywhere (void) {
  const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
  const char *type = strstr(head, "text/plain");
  for (size_t n = 0; n < sizeof head - 1; n++) {
    char part[sizeof head] = "", want[sizeof head] = "";
    size_t before = (size_t)(type - head), len = n > before ? n - before : 0;
    memcpy(part, head, n);
    memcpy(want, type, len < strlen("text/plain") ? len : strlen("text/plain"));
    names(part, want);
  }
}


static const struct test tests[] = {
  { "a head names a type, whatever the case of the header", whatever_its_case },
  { "it is had without its parameters", without_parameters },
  { "spaces before it are no part of it", spaces },
  { "of two the first counts", the_first },
  { "no other line names one", none },
  { "a head may end anywhere", cut_anywhere },
  { NULL, NULL }
};


int main (int argc, char **argv) {
  start(argc, argv);
  run_tests(tests);
  return finish();
}
