/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "lnet.h"
#include "template.h"

struct ltemplate {
  struct template *template;   /* a reference; its strings are in the options
                                  table, the userdata's uservalue */
};


static const char *text_option (lua_State *L, const char *name) {
  const char *s;
  lua_getfield(L, 2, name);
  s = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  lua_pop(L, 1);
  return s;
}


static int flag_option (lua_State *L, const char *name) {
  int on;
  lua_getfield(L, 2, name);
  on = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return on;
}


static double number_option (lua_State *L, const char *name) {
  double x;
  lua_getfield(L, 2, name);
  x = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return x > 0 ? x : 0;
}


static usec clock_option (lua_State *L, const char *name) {
  return lnet_usec(number_option(L, name));
}


static void read_options (lua_State *L, struct template_options *o) {
  memset(o, 0, sizeof *o);
  o->method = text_option(L, "method");
  o->url = text_option(L, "url");
  luaL_argcheck(L, o->method && o->url, 2, "method and url expected");
  o->proxy = text_option(L, "proxy");
  o->ca_file = text_option(L, "ca_file");
  o->insecure = flag_option(L, "insecure");
  o->http1 = flag_option(L, "http1");
  o->once = flag_option(L, "once");
  o->max_body = (size_t)number_option(L, "max_body");
  o->max_event = (size_t)number_option(L, "max_event");
  o->connect = clock_option(L, "connect");
  o->first_byte = clock_option(L, "first_byte");
  o->idle = clock_option(L, "idle");
  o->event = clock_option(L, "event");
}


/* The lines of the list on top of the stack; NULL if one could not be had. */
static int read_headers (lua_State *L, struct curl_slist **headers) {
  int i, n = (int)lua_rawlen(L, -1);
  for (i = 1; i <= n; i++) {
    const char *line;
    struct curl_slist *list;
    lua_rawgeti(L, -1, i);
    line = lua_tostring(L, -1);   /* makes nothing of a string */
    list = line ? curl_slist_append(*headers, line) : NULL;
    lua_pop(L, 1);
    if (list == NULL) return 0;
    *headers = list;
  }
  return 1;
}


/* engine, options -> template */
int ltemplate_new (lua_State *L) {
  struct engine *e = lengine_check(L, 1);
  struct template_options o;
  struct curl_slist *headers = NULL;
  struct ltemplate *l;
  luaL_checktype(L, 2, LUA_TTABLE);
  read_options(L, &o);
  l = lua_newuserdata(L, sizeof *l);
  l->template = NULL;
  luaL_getmetatable(L, TEMPLATE_TYPE);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, 2);
  lua_setuservalue(L, -2);
  lua_getfield(L, 2, "headers");
  luaL_checktype(L, -1, LUA_TTABLE);
  if (read_headers(L, &headers)) l->template = template_new(e, &o, headers);
  if (l->template == NULL) {
    curl_slist_free_all(headers);
    return luaL_error(L, "not enough memory");
  }
  lua_pop(L, 1);
  return 1;
}


/* While a state closes, a finalizer may use one that was finalized before. */
struct template *ltemplate_check (lua_State *L, int idx) {
  struct ltemplate *l = luaL_checkudata(L, idx, TEMPLATE_TYPE);
  if (l->template == NULL) luaL_error(L, "marea is closed");
  return l->template;
}


static int gc (lua_State *L) {
  struct ltemplate *l = lnet_self(L, TEMPLATE_TYPE);
  if (l->template) template_release(l->template);
  l->template = NULL;
  return 0;
}


static const luaL_Reg methods[] = {
  { NULL, NULL }
};


void ltemplate_define (lua_State *L) {
  lnet_type(L, TEMPLATE_TYPE, methods, gc);
}
