/* SPDX-License-Identifier: MIT */
/* The library's Lua files inside a program (made by bundle.sh). */
#ifndef MAREA_BUNDLE_H
#define MAREA_BUNDLE_H

#include <stddef.h>

struct bundled {
  const char *name;              /* of the module; NULL ends the list */
  const char *chunk;             /* what its errors call it */
  const unsigned char *text;
  size_t len;
};

extern const struct bundled bundle[];

#endif
