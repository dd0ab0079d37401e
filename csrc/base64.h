/* SPDX-License-Identifier: MIT */
/*
** Base64 as of RFC 4648, section 4. The reader is strict, so that of all texts
** only one means certain bytes, but padding may be absent: some servers leave
** it away. No white space, no other alphabet.
*/
#ifndef MAREA_BASE64_H
#define MAREA_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* How many bytes the text stands for, as far as its length can tell; 0 where
** no text is that long. */
size_t base64_size (const char *s, size_t n);

/* Writes base64_size(s, n) bytes; false where the text is not base64: what was
** written is then of no use. */
bool base64_decode (const char *s, size_t n, unsigned char *out);

/* How many characters stand for n bytes, padding included. */
size_t base64_length (size_t n);

/* Writes base64_length(n) characters, no NUL. */
void base64_encode (const unsigned char *bytes, size_t n, char *out);

#endif
