/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "shape.h"


static const char *skip_space (const char *p, const char *end) {
  while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) p++;
  return p;
}


/* Finds `"key"` used as a key, at or after p; returns what follows its colon,
** or NULL. A quote that begins a string never follows a backslash, and inside
** a string a quote always does: so these bytes are a string of their own. */
static const char *find_key (const char *p, const char *end, const char *key) {
  const char *first = p;
  size_t n = strlen(key);
  while (p < end && (p = memchr(p, '"', (size_t)(end - p))) != NULL) {
    const char *q = ++p;
    if (q - first > 1 && q[-2] == '\\') continue;
    if ((size_t)(end - q) <= n || memcmp(q, key, n) != 0 || q[n] != '"')
      continue;
    q = skip_space(q + n + 1, end);
    if (q < end && *q == ':') return skip_space(q + 1, end);
  }
  return NULL;
}


/* Is this the beginning of the string `text`, quotes included? */
static int is_string (const char *p, const char *end,
                      const char *text, size_t n) {
  return (size_t)(end - p) >= n + 2 && p[0] == '"' &&
         memcmp(p + 1, text, n) == 0 && p[n + 1] == '"';
}


/* Is there a character as \uXXXX? It might spell the key a second time. */
static int has_escaped (const char *p, const char *end) {
  while (p < end && (p = memchr(p, '\\', (size_t)(end - p))) != NULL) {
    if (++p < end && *p++ == 'u') return 1;
  }
  return 0;
}


int shape_keep (struct shape *s, const char *chunk, size_t n,
                const char *text, size_t text_len) {
  shape_free(s);
  s->bytes = malloc(n - text_len);
  if (s->bytes == NULL) return 0;
  s->prefix = (size_t)(text - chunk);
  s->suffix = n - text_len - s->prefix;
  memcpy(s->bytes, chunk, s->prefix);
  memcpy(s->bytes + s->prefix, text + text_len, s->suffix);
  return 1;
}


int shape_learn (struct shape *s, const char *chunk, size_t n,
                 const char *key, const char *text, size_t text_len) {
  const char *end = chunk + n;
  const char *value = find_key(chunk, end, key);
  shape_free(s);
  if (value == NULL || !is_string(value, end, text, text_len)) return 0;
  if (memchr(text, '\\', text_len) || memchr(text, '"', text_len)) return 0;
  if (find_key(value, end, key) != NULL || has_escaped(chunk, end)) return 0;
  return shape_keep(s, chunk, n, value + 1, text_len);
}


int shape_fits (const struct shape *s, const char *chunk, size_t n,
                const char **raw, size_t *raw_len) {
  if (s->bytes == NULL || n < s->prefix + s->suffix) return 0;
  if (memcmp(chunk, s->bytes, s->prefix) != 0) return 0;
  if (memcmp(chunk + n - s->suffix, s->bytes + s->prefix, s->suffix) != 0)
    return 0;
  *raw = chunk + s->prefix;
  *raw_len = n - s->prefix - s->suffix;
  return 1;
}


void shape_free (struct shape *s) {
  free(s->bytes);
  s->bytes = NULL;
}
