/* SPDX-License-Identifier: MIT */
/* Base64 for Lua: files in JSON, and out of it. */
#include <string.h>

#include "base64.h"
#include "compat.h"
#include "lbase64.h"


/* encode(bytes [, before]) -> text, with `before` before it: the start of a
** data URL, which need not be joined to a text of megabytes */
static int encode (lua_State *L) {
  size_t n, before_len;
  const char *bytes = luaL_checklstring(L, 1, &n);
  const char *before = luaL_optlstring(L, 2, "", &before_len);
  size_t length = base64_length(n);
  char *text = compat_scratch(L, before_len + length + 1);
  memcpy(text, before, before_len);
  base64_encode((const unsigned char *)bytes, n, text + before_len);
  lua_pushlstring(L, text, before_len + length);
  return 1;
}


/* decode(text) -> bytes | nil, message */
static int decode (lua_State *L) {
  size_t n;
  const char *text = luaL_checklstring(L, 1, &n);
  size_t size = base64_size(text, n);
  unsigned char *bytes = compat_scratch(L, size + 1);
  if (base64_decode(text, n, bytes)) {
    lua_pushlstring(L, (const char *)bytes, size);
    return 1;
  }
  lua_pushnil(L);
  lua_pushliteral(L, "not base64");
  return 2;
}


int lbase64_open (lua_State *L) {
  static const luaL_Reg functions[] = {
    { "decode", decode },
    { "encode", encode },
    { NULL, NULL }
  };
  lua_newtable(L);
  compat_setfuncs(L, functions);
  return 1;
}
