/* SPDX-License-Identifier: MIT */
/* What a program that embeds Lua may do wrong, one case for each argument: prints
** what it is told. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "marea.h"


static int run (lua_State *L, const char *code) {
  if (luaL_loadstring(L, code) == 0 && lua_pcall(L, 0, 0, 0) == 0) return 0;
  printf("%s\n", lua_tostring(L, -1));
  lua_pop(L, 1);
  return 1;
}


static void open_marea (lua_State *L) {
  lua_pushcfunction(L, luaopen_marea);
  if (lua_pcall(L, 0, 1, 0) == 0) lua_setglobal(L, "marea");
  else printf("%s\n", lua_tostring(L, -1));
}


/* a state without its libraries */
static void bare (lua_State *L) {
  open_marea(L);
}


static void *use (void *L) {
  run(L, "marea.step()");
  run(L, "marea.client { base_url = 'http://127.0.0.1:1/v1' }:request { path = 'x' }");
  return NULL;
}


/* a state in use by one thread, and then by another */
static void two_threads (lua_State *L) {
  pthread_t other;
  luaL_openlibs(L);
  open_marea(L);
  run(L, "marea.step()");
  if (pthread_create(&other, NULL, use, L) == 0) pthread_join(other, NULL);
  run(L, "marea.step() print 'the first goes on'");
}


/* a state made by one thread, and used by another alone */
static void handed_over (lua_State *L) {
  pthread_t other;
  luaL_openlibs(L);
  open_marea(L);
  if (pthread_create(&other, NULL, use, L) == 0) pthread_join(other, NULL);
  run(L, "print 'ended well'");
}


/* opened twice, and found by `require` */
static void twice (lua_State *L) {
  luaL_openlibs(L);
  open_marea(L);
  run(L, "first = marea");
  open_marea(L);
  run(L, "print(marea == first, require 'marea' == first)");
}


int main (int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "";
  lua_State *L = luaL_newstate();
  if (strcmp(name, "bare") == 0) bare(L);
  if (strcmp(name, "two_threads") == 0) two_threads(L);
  if (strcmp(name, "handed_over") == 0) handed_over(L);
  if (strcmp(name, "twice") == 0) twice(L);
  lua_close(L);
  return 0;
}
