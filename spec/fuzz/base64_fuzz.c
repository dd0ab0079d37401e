/* SPDX-License-Identifier: MIT */
/*
** Fuzzes base64. Any text may be refused; one that is taken must be the one
** that is written for its bytes, but for padding. And any bytes must be read
** back from what is written for them.
*/
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"

#define CHECK(condition) ((condition) ? (void)0 : abort())

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);


static void *block (size_t n) {
  void *p = malloc(n);
  CHECK(p || n == 0);
  return p;
}


static char *encoded (const unsigned char *bytes, size_t n, size_t *length) {
  char *text = block(*length = base64_length(n));
  base64_encode(bytes, n, text);
  return text;
}


static void read_text (const char *text, size_t n) {
  size_t size = base64_size(text, n), length;
  unsigned char *bytes = block(size);
  char *again;
  if (base64_decode(text, n, bytes)) {
    again = encoded(bytes, size, &length);
    CHECK(length >= n && memcmp(again, text, n) == 0);
    for (; n < length; n++) CHECK(again[n] == '=');
    free(again);
  }
  free(bytes);
}


static void read_back (const unsigned char *bytes, size_t n) {
  size_t length, size;
  char *text = encoded(bytes, n, &length);
  unsigned char *back = block(size = base64_size(text, length));
  CHECK(size == n && base64_decode(text, length, back));
  CHECK(n == 0 || memcmp(back, bytes, n) == 0);
  free(back);
  free(text);
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  unsigned char *bytes = block(size);
  if (size) memcpy(bytes, data, size);
  read_text((const char *)bytes, size);
  read_back(bytes, size);
  free(bytes);
  return 0;
}
