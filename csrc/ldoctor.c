/* SPDX-License-Identifier: MIT */
/* What marea.doctor asks of C: how libcurl was built, and somebody on this very
** machine to answer one request, so that a whole exchange can be tried without a
** network. Nothing here waits: the doctor's own loop has to turn meanwhile. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <curl/curl.h>

#include "ldoctor.h"
#include "lnet.h"

#define LOOPBACK_TYPE  "marea.loopback"

static const char ANSWER[] =
  "HTTP/1.1 200 OK\r\n"
  "content-type: application/json\r\n"
  "content-length: 24\r\n"
  "connection: close\r\n\r\n"
  "{\"data\":\"from loopback\"}";

/* Asks for one connection. */
struct loopback {
  int listener, peer;     /* -1: none */
};


static int close_fd (int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
  return -1;
}


static int l_close (lua_State *L) {
  struct loopback *l = lnet_self(L, LOOPBACK_TYPE);
  close_fd(&l->peer);
  close_fd(&l->listener);
  return 0;
}


static int take_peer (struct loopback *l) {
  l->peer = accept(l->listener, NULL, NULL);
  if (l->peer >= 0) fcntl(l->peer, F_SETFL, O_NONBLOCK);
  return l->peer >= 0;
}


/* Answers whoever has asked; true once that is done. The request is small, and
** what is answered does not depend on it: its first bytes will do. */
static int l_answer (lua_State *L) {
  struct loopback *l = lnet_self(L, LOOPBACK_TYPE);
  char request[4096];
  int done = (l->peer >= 0 || take_peer(l)) &&
      recv(l->peer, request, sizeof request, 0) > 0 &&
      send(l->peer, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL) > 0;
  if (done) {
    shutdown(l->peer, SHUT_WR);
    close_fd(&l->peer);
  }
  lua_pushboolean(L, done);
  return 1;
}


/* The port, or 0. */
static int listen_here (struct loopback *l) {
  struct sockaddr_in a;
  socklen_t n = sizeof a;
  memset(&a, 0, sizeof a);
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  l->listener = socket(AF_INET, SOCK_STREAM, 0);
  if (l->listener < 0) return 0;
  fcntl(l->listener, F_SETFL, O_NONBLOCK);
  if (bind(l->listener, (struct sockaddr *)&a, n) != 0) return 0;
  if (listen(l->listener, 1) != 0) return 0;
  if (getsockname(l->listener, (struct sockaddr *)&a, &n) != 0) return 0;
  return ntohs(a.sin_port);
}


/* -> loopback, port; or nil, why */
static int loopback (lua_State *L) {
  struct loopback *l = lua_newuserdata(L, sizeof *l);
  int port;
  l->listener = l->peer = -1;
  luaL_getmetatable(L, LOOPBACK_TYPE);
  lua_setmetatable(L, -2);
  port = listen_here(l);
  if (port == 0) {
    lua_pushnil(L);
    lua_pushliteral(L, "no socket on 127.0.0.1");
    return 2;
  }
  lua_pushinteger(L, port);
  return 2;
}


static const struct { const char *name; int bit; } bits[] = {
  { "tls",             CURL_VERSION_SSL },
  { "http2",           CURL_VERSION_HTTP2 },
  { "gzip",            CURL_VERSION_LIBZ },
  { "brotli",          CURL_VERSION_BROTLI },
  { "zstd",            CURL_VERSION_ZSTD },
  { "ipv6",            CURL_VERSION_IPV6 },
  { "idn",             CURL_VERSION_IDN },
  { "asynchronous_dns", CURL_VERSION_ASYNCHDNS }
};


/* How libcurl was built: names -> true, and where its certificates are. */
static int features (lua_State *L) {
  const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
  size_t i;
  lua_newtable(L);
  for (i = 0; i < sizeof bits / sizeof bits[0]; i++) {
    lua_pushboolean(L, (curl->features & bits[i].bit) != 0);
    lua_setfield(L, -2, bits[i].name);
  }
  lua_pushstring(L, curl->cainfo);
  lua_setfield(L, -2, "ca_file");
  lua_pushstring(L, curl->capath);
  lua_setfield(L, -2, "ca_path");
  return 1;
}


static const luaL_Reg methods[] = {
  { "answer", l_answer },
  { "close",  l_close },
  { NULL, NULL }
};


void ldoctor_define (lua_State *L) {
  lnet_type(L, LOOPBACK_TYPE, methods, l_close);
  lua_pushcfunction(L, features);
  lua_setfield(L, -2, "features");
  lua_pushcfunction(L, loopback);
  lua_setfield(L, -2, "loopback");
}
