/* SPDX-License-Identifier: MIT */
/* What can go wrong with a file is returned: nil, a message, and the name of
** the error, where it is one that callers tell apart. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "compat.h"
#include "lfile.h"
#include "sink.h"
#include "source.h"

#define TYPE  "marea.sink"


static const struct {
  int code;
  const char *name, *message;   /* NULL: the system's */
} errors[] = {
  { ENOENT,  "ENOENT",  NULL },
  { ENOTDIR, "ENOTDIR", NULL },
  { EACCES,  "EACCES",  NULL },
  { EPERM,   "EPERM",   NULL },
  { EROFS,   "EROFS",   NULL },
  { ENOSPC,  "ENOSPC",  NULL },
  { EDQUOT,  "EDQUOT",  NULL },
  { EFBIG,   "EFBIG",   NULL },
  { EISDIR,  "EISDIR",  "it is a directory" },
  { ESPIPE,  "ESPIPE",  "it is no regular file" },
  { EBUSY,   "EBUSY",   "another call is writing it" }
};


static int failure (lua_State *L, int code) {
  const char *name = NULL, *message = NULL;
  size_t i;
  for (i = 0; i < sizeof errors / sizeof errors[0]; i++)
    if (errors[i].code == code) {
      name = errors[i].name;
      message = errors[i].message;
    }
  lua_pushnil(L);
  lua_pushstring(L, message ? message : strerror(code));
  lua_pushstring(L, name);   /* nil if NULL */
  return 3;
}


/* A path with a NUL in it would be another path to the system. */
static const char *check_path (lua_State *L, int arg) {
  size_t n;
  const char *path = luaL_checklstring(L, arg, &n);
  luaL_argcheck(L, strlen(path) == n, arg, "a path holds no NUL byte");
  return path;
}


/* size(path) -> bytes of a file that can be read */
static int size (lua_State *L) {
  int64_t n;
  int fd = file_open(check_path(L, 1), &n);
  if (fd < 0) return failure(L, errno);
  close(fd);
  lua_pushnumber(L, (lua_Number)n);
  return 1;
}


/* `to` has room for all of it */
static int read_all (const char *path, int64_t n, char *to) {
  struct source s;
  int code = source_file(&s, path, n);
  int64_t got = 0;
  ptrdiff_t more = 1;
  while (!code && more > 0 && got < n) {
    more = source_read(&s, to + got, (size_t)(n - got));
    if (more > 0) got += more;
  }
  source_close(&s);
  return code ? code : got == n ? 0 : EIO;
}


/* read(path, most) -> its bytes */
static int read_file (lua_State *L) {
  const char *path = check_path(L, 1);
  lua_Number most = luaL_checknumber(L, 2);
  int64_t n;
  int code, fd = file_open(path, &n);
  char *bytes;
  if (fd < 0) return failure(L, errno);
  close(fd);
  if ((lua_Number)n > most) return failure(L, EFBIG);
  bytes = compat_scratch(L, (size_t)n + 1);
  code = read_all(path, n, bytes);
  if (code) return failure(L, code);
  lua_pushlstring(L, bytes, (size_t)n);
  return 1;
}


/* ---- files that are written -------------------------------------------- */

static struct sink *check (lua_State *L) {
  return luaL_checkudata(L, 1, TYPE);
}


static int outcome (lua_State *L, int code) {
  if (code) return failure(L, code);
  lua_pushboolean(L, 1);
  return 1;
}


/* create(target) -> a sink */
static int create (lua_State *L) {
  const char *target = check_path(L, 1);
  struct sink *s = lua_newuserdata(L, sizeof *s);
  int code;
  memset(s, 0, sizeof *s);
  luaL_getmetatable(L, TYPE);
  lua_setmetatable(L, -2);
  code = sink_open(s, target);
  return code ? failure(L, code) : 1;
}


static int s_write (lua_State *L) {
  size_t n;
  const char *bytes = luaL_checklstring(L, 2, &n);
  return outcome(L, sink_write(check(L), bytes, n));
}


static int s_finish (lua_State *L) {
  return outcome(L, sink_finish(check(L)));
}


static int s_abandon (lua_State *L) {
  sink_abandon(check(L));
  return 0;
}


static const luaL_Reg methods[] = {
  { "abandon", s_abandon },
  { "finish",  s_finish },
  { "write",   s_write },
  { NULL, NULL }
};


static const luaL_Reg functions[] = {
  { "create", create },
  { "read",   read_file },
  { "size",   size },
  { NULL, NULL }
};


static void define (lua_State *L) {
  if (luaL_newmetatable(L, TYPE)) {
    lua_newtable(L);
    compat_setfuncs(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, s_abandon);
    lua_setfield(L, -2, "__gc");
  }
  lua_pop(L, 1);
}


int lfile_open (lua_State *L) {
  define(L);
  lua_newtable(L);
  compat_setfuncs(L, functions);
  return 1;
}
