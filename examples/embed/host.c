/* SPDX-License-Identifier: MIT */
/* A program with Lua inside: rooms, each a Lua state of its own whose people
** talk to a model, all ticked from one loop that never waits for any of them.
** With --threads each room has a thread of its own instead.
**
**   make -C examples/embed && build/5.4/embed ROOM.lua BASE_URL MODEL [--threads] NAME...
*/
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lua.h>
#include <lauxlib.h>
#include <lualib.h>

#include "marea.h"

#define MAX_ROOMS  16
#define BUDGET     0.002     /* seconds of each tick, for each room */
#define TICK_NS    16666667

struct room {
  const char *name;
  lua_State *L;
  pthread_t thread;
  int busy;                  /* somebody in it still has something to say */
  int failed;
};

static const char *script, *base_url, *model;


/* say(text): what the room's people can do to the world */
static int say (lua_State *L) {
  const char *room = lua_tostring(L, lua_upvalueindex(1));
  printf("%s: %s\n", room, luaL_checkstring(L, 1));
  return 0;
}


static int report (struct room *r) {
  fprintf(stderr, "%s: %s\n", r->name, lua_tostring(r->L, -1));
  lua_pop(r->L, 1);
  r->failed = 1;
  r->busy = 0;
  return 0;
}


/* May raise, and so runs inside a pcall: the state as the script finds it. */
static int furnish (lua_State *L) {
  const struct room *r = lua_touserdata(L, 1);
  luaL_openlibs(L);
  lua_pushcfunction(L, luaopen_marea);   /* from here on `require "marea"` works */
  lua_call(L, 0, 0);
  lua_pushstring(L, r->name);
  lua_pushcclosure(L, say, 1);
  lua_setglobal(L, "say");
  if (luaL_loadfile(L, script) != 0) return lua_error(L);
  lua_pushstring(L, base_url);
  lua_pushstring(L, model);
  lua_call(L, 2, 0);
  return 0;
}


static int open_room (struct room *r) {
  r->L = luaL_newstate();
  if (r->L == NULL) return 0;
  lua_pushcfunction(r->L, furnish);
  lua_pushlightuserdata(r->L, r);
  r->busy = 1;
  return lua_pcall(r->L, 1, 0, 0) == 0 || report(r);
}


/* One tick of a room: calls its `tick`, which says whether there will be more. */
static void tick (struct room *r) {
  lua_getglobal(r->L, "tick");
  lua_pushnumber(r->L, BUDGET);
  if (lua_pcall(r->L, 1, 1, 0) != 0) {
    report(r);
    return;
  }
  r->busy = lua_toboolean(r->L, -1);
  lua_pop(r->L, 1);
}


static void wait_for_frame (void) {
  struct timespec t = { 0, TICK_NS };
  fflush(stdout);
  nanosleep(&t, NULL);
}


/* A room's life in a thread of its own: the state is made here, too. */
static void *live (void *arg) {
  struct room *r = arg;
  if (open_room(r))
    for (; r->busy; wait_for_frame()) tick(r);
  if (r->L) lua_close(r->L);
  return NULL;
}


static void run_threads (struct room *rooms, int n) {
  int i;
  for (i = 0; i < n; i++)
    if (pthread_create(&rooms[i].thread, NULL, live, &rooms[i]) != 0) abort();
  for (i = 0; i < n; i++) pthread_join(rooms[i].thread, NULL);
}


static void run_loop (struct room *rooms, int n) {
  int i, busy;
  for (i = 0; i < n; i++) open_room(&rooms[i]);
  do {
    busy = 0;
    for (i = 0; i < n; i++) {
      if (rooms[i].busy) tick(&rooms[i]);
      busy += rooms[i].busy;
    }
    wait_for_frame();
  } while (busy);
  for (i = 0; i < n; i++)
    if (rooms[i].L) lua_close(rooms[i].L);
}


int main (int argc, char **argv) {
  static struct room rooms[MAX_ROOMS];
  int threads = argc > 4 && strcmp(argv[4], "--threads") == 0;
  int i, n = argc - 4 - threads, failed = 0;
  if (n < 1 || n > MAX_ROOMS) {
    fprintf(stderr, "usage: %s ROOM.lua BASE_URL MODEL [--threads] NAME...\n", argv[0]);
    return 2;
  }
  script = argv[1];
  base_url = argv[2];
  model = argv[3];
  for (i = 0; i < n; i++) rooms[i].name = argv[4 + threads + i];
  if (threads) run_threads(rooms, n);
  else run_loop(rooms, n);
  for (i = 0; i < n; i++) failed |= rooms[i].failed;
  return failed;
}
