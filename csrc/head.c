/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "head.h"

static const char content_type[] = "content-type:";


char head_lower (char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}


/* What follows "Content-Type:" in the line that begins here; else NULL. */
static const char *value_in (const char *line, const char *end) {
  size_t n = sizeof content_type - 1, i;
  if ((size_t)(end - line) < n) return NULL;
  for (i = 0; i < n; i++)
    if (head_lower(line[i]) != content_type[i]) return NULL;
  return line + n;
}


static int ends_type (char c) {
  return c == ';' || c == ' ' || (c >= '\t' && c <= '\r');
}


size_t head_media_type (const char *head, size_t n, const char **type) {
  const char *at = head, *end = head + n, *value = NULL;
  *type = end;
  while (value == NULL) {
    at = memchr(at, '\n', (size_t)(end - at));
    if (at == NULL) return 0;
    value = value_in(++at, end);
  }
  while (value < end && (*value == ' ' || *value == '\t')) value++;
  *type = value;
  while (value < end && !ends_type(*value)) value++;
  return (size_t)(value - *type);
}
