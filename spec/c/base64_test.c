/* SPDX-License-Identifier: MIT */
/* Base64: what stands for which bytes, and what is refused. */
#include <stdint.h>

#include "base64.h"
#include "check.h"


/* What a text decodes to, in a block of the caller's; NULL where refused. */
static unsigned char *decode (const char *text, size_t n, size_t *size) {
  char *copy = exact(text, n);
  unsigned char *bytes;
  *size = base64_size(copy, n);
  bytes = malloc(*size + 1);
  if (bytes == NULL) exit(2);
  bytes[*size] = 0xA5;
  if (!base64_decode(copy, n, bytes)) {
    CHECK(bytes[*size] == 0xA5);
    free(bytes);
    bytes = NULL;
  }
  else CHECK(bytes[*size] == 0xA5);
  free(copy);
  return bytes;
}


static void means (const char *text, const char *want) {
  size_t size;
  unsigned char *bytes = decode(text, strlen(text), &size);
  if (bytes == NULL || size != strlen(want) || memcmp(bytes, want, size) != 0)
    blame("%s does not mean %s", text, want);
  free(bytes);
}


static void refused (const char *text, size_t n) {
  size_t size;
  unsigned char *bytes = decode(text, n, &size);
  if (bytes != NULL) blame("%.*s is taken", (int)n, text);
  free(bytes);
}


static void rfc_vectors (void) {
  means("", "");
  means("Zg==", "f");
  means("Zm8=", "fo");
  means("Zm9v", "foo");
  means("Zm9vYg==", "foob");
  means("Zm9vYmE=", "fooba");
  means("Zm9vYmFy", "foobar");
}


static void without_padding (void) {
  means("Zg", "f");
  means("Zm8", "fo");
  means("Zm9vYg", "foob");
  means("Zm9vYmE", "fooba");
}


/* Each byte value at each place of a group is of the alphabet, or refused. */
static void each_byte (void) {
  static const char set[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int c = 0; c < 256; c++)
    for (size_t place = 0; place < 8; place++) {
      char text[9] = "AAAAAAAA";
      const char *at = c ? strchr(set, c) : NULL;
      size_t size;
      unsigned char *bytes;
      text[place] = (char)c;
      if (place == 7 && c == '=') continue;
      bytes = decode(text, 8, &size);
      SAME(bytes != NULL, at != NULL);
      if (bytes && at) {
        unsigned group = (unsigned)bytes[place / 4 * 3] << 16 |
          (unsigned)bytes[place / 4 * 3 + 1] << 8 | bytes[place / 4 * 3 + 2];
        SAME(group, (unsigned)(at - set) << (18 - 6 * (place % 4)));
      }
      free(bytes);
    }
}


static void wrong_padding (void) {
  const char *const texts[] = { "=", "==", "===", "====", "A===", "AA=", "AAA==",
    "AA=A", "=AAA", "AAA=AAAA", "AAAAA", "A", "AAAA=", "AAAA==", "AAAA====",
    NULL };
  for (int i = 0; texts[i]; i++) refused(texts[i], strlen(texts[i]));
}


static void left_over_bits (void) {
  refused("Zh==", 4);
  refused("Zm9=", 4);
  refused("Zh", 2);
  refused("Zm9", 3);
}


static void foreign_characters (void) {
  refused("Zm9v\n", 5);
  refused("Zm9v\nYmFy", 9);
  refused(" Zm9v", 5);
  refused("Zm-_", 4);
  refused("Zm9v\0AAA", 8);
}


/* Every length up to 100, so every way a text can end. */
static void round_trips (void) {
  unsigned char bytes[100];
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (unsigned char)(i * 151 + 7);
  for (size_t n = 0; n <= sizeof bytes; n++) {
    char *source = exact((const char *)bytes, n);
    size_t length = base64_length(n), size;
    char *text = malloc(length + 1);
    unsigned char *back;
    if (text == NULL) exit(2);
    text[length] = '~';
    base64_encode((const unsigned char *)source, n, text);
    SAME(text[length], '~');
    back = decode(text, length, &size);
    CHECK(back && size == n && memcmp(back, bytes, n) == 0);
    free(back);
    free(text);
    free(source);
  }
}


static void sizes (void) {
  SAME(base64_size("A", 1), 0);
  SAME(base64_size("AAAAA", 5), 0);
  SAME(base64_size("AA==", 4), 1);
  SAME(base64_size("AAA=", 4), 2);
  SAME(base64_size("AAAA", 4), 3);
  SAME(base64_length(0), 0);
  SAME(base64_length(1), 4);
  SAME(base64_length(3), 4);
  SAME(base64_length(4), 8);
}


int main (int argc, char **argv) {
  static const struct test tests[] = {
    { "reads the examples of RFC 4648", rfc_vectors },
    { "reads them without padding too", without_padding },
    { "knows every character at every place", each_byte },
    { "refuses padding that fills no group", wrong_padding },
    { "refuses bits that are left over", left_over_bits },
    { "refuses white space and other alphabets", foreign_characters },
    { "reads back what it wrote, whatever its length", round_trips },
    { "tells sizes", sizes },
    { NULL, NULL }
  };
  start(argc, argv);
  run_tests(tests);
  return finish();
}
