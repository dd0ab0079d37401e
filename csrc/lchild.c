/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "child.h"
#include "lnet.h"

extern char **environ;

struct lchild {
  struct child *child;     /* NULL once let go of */
};


static struct child *check (lua_State *L) {
  struct lchild *l = lnet_self(L, CHILD_TYPE);
  if (l->child == NULL) luaL_error(L, "the process was let go of");
  return l->child;
}


/* A word with a NUL in it would be another word to the system. */
static char *check_word (lua_State *L, int idx) {
  size_t n;
  const char *word = lua_type(L, idx) == LUA_TSTRING ? lua_tolstring(L, idx, &n) : NULL;
  if (word == NULL || strlen(word) != n) luaL_error(L, "a process is given strings without NUL bytes");
  return (char *)(size_t)word;   /* the list keeps it; posix_spawn only reads it */
}


/* Pushes a block that holds the words of a list and NULL. The list stays. */
static char **push_words (lua_State *L, int list, size_t extra) {
  size_t i, n = lua_rawlen(L, list);
  char **words = lua_newuserdata(L, (n + extra + 1) * sizeof *words);
  for (i = 0; i < n; i++) {
    lua_rawgeti(L, list, (int)i + 1);
    words[i] = check_word(L, -1);
    lua_pop(L, 1);
  }
  words[n] = NULL;
  return words;
}


static int is_among (char **words, size_t n, const char *setting) {
  size_t i, len = strcspn(setting, "=");
  for (i = 0; i < n; i++)
    if (strncmp(words[i], setting, len + 1) == 0) return 1;
  return 0;
}


/* The settings of a list, and what else this process's environment has. */
static char **push_environment (lua_State *L, int list) {
  size_t n = lua_rawlen(L, list), ours = 0, at = n, i;
  char **words;
  while (environ[ours]) ours++;
  words = push_words(L, list, ours);
  for (i = 0; i < ours; i++)
    if (!is_among(words, n, environ[i])) words[at++] = environ[i];
  words[at] = NULL;
  return words;
}


/* engine:child(words, settings, directory) -> child, id; or nil, message, code */
int lchild_new (lua_State *L) {
  struct engine *e = lengine_check(L, 1);
  const char *cwd = luaL_optstring(L, 4, NULL);
  char **argv, **envp;
  struct lchild *l;
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TTABLE);
  argv = push_words(L, 2, 0);
  luaL_argcheck(L, argv[0] != NULL, 2, "no command");
  envp = push_environment(L, 3);
  l = lua_newuserdata(L, sizeof *l);
  l->child = NULL;
  luaL_getmetatable(L, CHILD_TYPE);
  lua_setmetatable(L, -2);
  l->child = child_new(e, argv, envp, cwd);
  if (l->child == NULL) {
    int code = errno;
    lua_pushnil(L);
    lua_pushstring(L, strerror(code));
    lua_pushstring(L, code == ENOENT ? "ENOENT" : code == EACCES ? "EACCES" : NULL);
    return 3;
  }
  lua_pushinteger(L, (lua_Integer)l->child->waker.id);
  return 2;
}


/* a line without its end; nil: none is there now; false: none will be, and why */
static int c_line (lua_State *L) {
  struct child *c = check(L);
  const char *line;
  size_t n = child_line(c, &line);
  if (n > 0) {
    size_t len = n - 1;
    if (len > 0 && line[len - 1] == '\r') len--;
    lua_pushlstring(L, line, len);
    child_drop(c, n);
    return 1;
  }
  if (!c->ended) return 0;
  lua_pushboolean(L, 0);
  lua_pushstring(L, c->too_long ? "a line of its output is too long" : NULL);
  return 2;
}


/* false: too much waits already; nil: it listens no more */
static int c_write (lua_State *L) {
  struct child *c = check(L);
  size_t n;
  const char *bytes = luaL_checklstring(L, 2, &n);
  if (!child_listens(c)) return 0;
  lua_pushboolean(L, child_write(c, bytes, n));
  return 1;
}


/* the last of what it wrote there */
static int c_stderr (lua_State *L) {
  struct child *c = check(L);
  lua_pushlstring(L, buf_len(&c->errors) ? buf_data(&c->errors) : "", buf_len(&c->errors));
  return 1;
}


/* nil while it runs; its exit code; or false and a signal; or true: unknown */
static int c_status (lua_State *L) {
  struct child *c = check(L);
  if (!c->reaped) return 0;
  if (c->status != -1 && WIFEXITED(c->status)) {
    lua_pushinteger(L, WEXITSTATUS(c->status));
    return 1;
  }
  if (c->status == -1 || !WIFSIGNALED(c->status)) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, 0);
  lua_pushinteger(L, WTERMSIG(c->status));
  return 2;
}


static int c_pid (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check(L)->pid);
  return 1;
}


static int c_kill (lua_State *L) {
  child_kill(check(L), (int)luaL_optinteger(L, 2, SIGTERM));
  return 0;
}


/* asks it to end, and sees to it */
static int c_close (lua_State *L) {
  child_close(check(L));
  return 0;
}


static int c_gc (lua_State *L) {
  struct lchild *l = lnet_self(L, CHILD_TYPE);
  struct child *c = l->child;
  l->child = NULL;
  if (c) child_free(c);
  return 0;
}


static const luaL_Reg methods[] = {
  { "close",  c_close },
  { "free",   c_gc },
  { "kill",   c_kill },
  { "line",   c_line },
  { "pid",    c_pid },
  { "status", c_status },
  { "stderr", c_stderr },
  { "write",  c_write },
  { NULL, NULL }
};


void lchild_define (lua_State *L) {
  lnet_type(L, CHILD_TYPE, methods, c_gc);
}
