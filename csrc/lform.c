/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "compat.h"
#include "lform.h"


/* The string stays alive in the part's table. A NUL would end it early. */
static const char *text (lua_State *L, const char *key) {
  size_t n;
  const char *s;
  lua_getfield(L, -1, key);
  s = lua_isnil(L, -1) ? NULL : luaL_checklstring(L, -1, &n);
  if (s && strlen(s) != n) luaL_error(L, "a part's %s holds a NUL byte", key);
  lua_pop(L, 1);
  return s;
}


static void read_source (lua_State *L, struct part *p) {
  size_t n;
  const char *data;
  p->path = text(L, "path");
  lua_getfield(L, -1, p->path ? "size" : "data");
  if (p->path) p->source.size = (int64_t)luaL_checknumber(L, -1);
  else {
    data = luaL_checklstring(L, -1, &n);
    source_memory(&p->source, data, n);
  }
  lua_pop(L, 1);
}


static void read_part (lua_State *L, struct part *p) {
  luaL_checktype(L, -1, LUA_TTABLE);
  read_source(L, p);
  p->name = text(L, "name");
  p->filename = text(L, "filename");
  p->type = text(L, "type");
}


void lform_read (lua_State *L, struct form **f) {
  size_t i, n = lua_rawlen(L, -1);
  *f = form_new(n);
  if (*f == NULL) luaL_error(L, "not enough memory");
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, -1, (int)i + 1);
    read_part(L, &(*f)->parts[i]);
    lua_pop(L, 1);
  }
}
