/* SPDX-License-Identifier: MIT */
/* The module marea.net: requests, and the loop they run on. */
#include <pthread.h>

#include <curl/curl.h>
#include <uv.h>

#include "lcore.h"
#include "ldoctor.h"
#include "ljson.h"
#include "lnet.h"

#define MAX_SECONDS  1e9      /* thirty years is as good as for ever */

/* Each method has the metatable as upvalue: see lnet_self. */
void lnet_type (lua_State *L, const char *name, const luaL_Reg *methods,
                 lua_CFunction gc) {
  luaL_newmetatable(L, name);
  lua_newtable(L);
  lua_pushvalue(L, -2);
  luaL_setfuncs(L, methods, 1);
  lua_setfield(L, -2, "__index");
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, gc, 1);
  lua_setfield(L, -2, "__gc");
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  lua_pop(L, 1);
}


void *lnet_self (lua_State *L, const char *name) {
  void *p = lua_touserdata(L, 1);
  if (p != NULL && lua_getmetatable(L, 1)) {
    int is_ours = lua_rawequal(L, -1, lua_upvalueindex(1));
    lua_pop(L, 1);
    if (is_ours) return p;
  }
  return luaL_checkudata(L, 1, name);
}


usec lnet_usec (double seconds) {
  if (!(seconds > 0)) return 0;
  return (usec)((seconds < MAX_SECONDS ? seconds : MAX_SECONDS) * 1e6) + 1;
}


/* What libcurl can undo, as a server is told of it. */
static void push_encodings (lua_State *L, int features) {
  int zlib = features & CURL_VERSION_LIBZ;
  int brotli = features & CURL_VERSION_BROTLI;
  int zstd = features & CURL_VERSION_ZSTD;
  lua_pushfstring(L, "%s%s%s", zlib ? "gzip, deflate" : "identity",
                  brotli ? ", br" : "", zstd ? ", zstd" : "");
}


static int versions (lua_State *L) {
  const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
  lua_newtable(L);
  lua_pushstring(L, curl->version);
  lua_setfield(L, -2, "libcurl");
  lua_pushinteger(L, (lua_Integer)curl->version_num);
  lua_setfield(L, -2, "libcurl_number");
  lua_pushstring(L, curl->ssl_version);
  lua_setfield(L, -2, "tls");
  lua_pushstring(L, uv_version_string());
  lua_setfield(L, -2, "libuv");
  push_encodings(L, curl->features);
  lua_setfield(L, -2, "encodings");
  return 1;
}


static void set_up_curl (void) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
}


LUALIB_API int luaopen_marea_net (lua_State *L) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, set_up_curl);
  ljson_open(L);      /* what is decoded here needs it; one serves all */
  lua_pop(L, 1);
  ltemplate_define(L);
  ltransfer_define(L);
  lchild_define(L);
  lua_newtable(L);
  lengine_define(L);
  lua_setfield(L, -2, "engine");
  lua_pushcfunction(L, versions);
  lua_setfield(L, -2, "versions");
  ldoctor_define(L);
  return 1;
}
