/* SPDX-License-Identifier: MIT */
/* Four characters a step, by one table of 256 bytes: it stays in the nearest
** cache, which larger and cleverer tables share with what they decode. */
#include "base64.h"

#define NO 0x80  /* of no character of the alphabet */

static const unsigned char sextets[256] = {
  NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
  NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
  NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 62, NO, NO, NO, 63,
  52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO,
  NO,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
  15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, NO,
  NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
  41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO,
  NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
  NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
  NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
  NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
  NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
  NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
  NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
  NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO
};

static const char letters[] =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";


/* The length without padding, which only ever fills a group of four. */
static size_t unpadded (const char *s, size_t n) {
  if (n == 0 || n % 4 != 0 || s[n - 1] != '=') return n;
  return s[n - 2] == '=' ? n - 2 : n - 1;
}


size_t base64_size (const char *s, size_t n) {
  n = unpadded(s, n);
  if (n % 4 == 1) return 0;
  return n / 4 * 3 + n % 4 * 3 / 4;
}


/* The last two or three characters; the bits left over must be 0. */
static bool decode_rest (const unsigned char *s, size_t n, unsigned char *out) {
  unsigned a, b, c;
  if (n == 0) return true;
  a = sextets[s[0]];
  b = sextets[s[1]];
  c = n == 3 ? sextets[s[2]] : 0;
  out[0] = (unsigned char)(a << 2 | b >> 4);
  if (n == 3) out[1] = (unsigned char)(b << 4 | c >> 2);
  return !((a | b | c) & NO) && !((n == 3 ? c & 3 : b & 15));
}


bool base64_decode (const char *s, size_t n, unsigned char *out) {
  const unsigned char *at = (const unsigned char *)s;
  unsigned seen = 0;
  n = unpadded(s, n);
  if (n % 4 == 1) return false;
  for (; n >= 4; n -= 4, at += 4, out += 3) {
    unsigned a = sextets[at[0]], b = sextets[at[1]];
    unsigned c = sextets[at[2]], d = sextets[at[3]];
    seen |= a | b | c | d;
    out[0] = (unsigned char)(a << 2 | b >> 4);
    out[1] = (unsigned char)(b << 4 | c >> 2);
    out[2] = (unsigned char)(c << 6 | d);
  }
  return !(seen & NO) && decode_rest(at, n, out);
}


size_t base64_length (size_t n) {
  return n / 3 * 4 + (n % 3 ? 4 : 0);
}


/* The last one or two bytes. */
static void encode_rest (const unsigned char *bytes, size_t n, char *out) {
  unsigned a = bytes[0], b = n == 2 ? bytes[1] : 0;
  out[0] = letters[a >> 2];
  out[1] = letters[(a << 4 | b >> 4) & 63];
  out[2] = n == 2 ? letters[b << 2 & 63] : '=';
  out[3] = '=';
}


void base64_encode (const unsigned char *bytes, size_t n, char *out) {
  for (; n >= 3; n -= 3, bytes += 3, out += 4) {
    unsigned a = bytes[0], b = bytes[1], c = bytes[2];
    out[0] = letters[a >> 2];
    out[1] = letters[(a << 4 | b >> 4) & 63];
    out[2] = letters[(b << 2 | c >> 6) & 63];
    out[3] = letters[c & 63];
  }
  if (n) encode_rest(bytes, n, out);
}
