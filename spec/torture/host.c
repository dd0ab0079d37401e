/* SPDX-License-Identifier: MIT */
/*
** Runs scenarios while something fails:
**   host MODE EVERY SCENARIO...
** MODE is `calls`, where the n-th call of ours fails (shim.h), or `lua`, where
** Lua's own allocator does. Each n, from 1 and by EVERY, has a process of its
** own and its time, until a scenario gets through with nothing failed. Then
** everything must have been given back. `host MODE =N SCENARIO` runs one n, in
** this process.
*/
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <curl/curl.h>
#include <lauxlib.h>
#include <lualib.h>
#include <uv.h>

#include "shim.h"

#define SECONDS  20          /* for one run */

enum { SURVIVED = 0, BAD = 1, NOTHING_FAILED = 3 };

int luaopen_marea_core (lua_State *L);
int luaopen_marea_net (lua_State *L);

static int in_lua;           /* the mode */
static long target;

void *__real_realloc (void *block, size_t size);
void __real_free (void *block);

/* Lua's allocator: what asks for more is counted while it is armed. When one
** fails, so does the next: Lua tries again once it has collected. */
static struct {
  int armed, failing;
  long calls;
} memory;


static void *allocate (void *arg, void *block, size_t old, size_t size) {
  (void)arg;
  if (size == 0) {
    __real_free(block);
    return NULL;
  }
  if (block == NULL) old = 0;
  if (memory.armed && size > old) {
    if (++memory.calls == target) memory.failing = 2;
    if (memory.failing > 0) {
      memory.failing--;
      return NULL;
    }
  }
  return __real_realloc(block, size);
}


/* arm(): from here on something may fail. */
static int arm (lua_State *L) {
  (void)L;
  if (in_lua) memory.armed = 1;
  else shim_arm(target);
  return 0;
}


/* disarm(): nothing fails any more. Returns what did, or nil. */
static int disarm (lua_State *L) {
  const char *failed;
  memory.armed = 0;
  failed = shim_disarm();
  if (in_lua && memory.calls >= target) failed = "Lua's allocator";
  memory.failing = 0;
  lua_pushstring(L, failed);
  return 1;
}


static int count_descriptors (void) {
  DIR *dir = opendir("/proc/self/fd");
  int n = 0;
  while (readdir(dir)) n++;
  closedir(dir);
  return n;
}


static void preload (lua_State *L, const char *name, lua_CFunction open) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  lua_pushcfunction(L, open);
  lua_setfield(L, -2, name);
  lua_pushliteral(L, "./lua/?.lua;./lua/?/init.lua;./?.lua");
  lua_setfield(L, -3, "path");
  lua_pop(L, 2);
}


static lua_State *new_state (void) {
#ifdef LUA_JITLIBNAME
  lua_State *L = luaL_newstate();   /* it wants an allocator of its own */
#else
  lua_State *L = lua_newstate(allocate, NULL);
#endif
  if (L == NULL) exit(BAD);
  luaL_openlibs(L);
  preload(L, "marea.core", luaopen_marea_core);
  preload(L, "marea.net", luaopen_marea_net);
  lua_register(L, "arm", arm);
  lua_register(L, "disarm", disarm);
  lua_pushstring(L, in_lua ? "lua" : "calls");
  lua_setglobal(L, "mode");
  return L;
}


/* Runs it; returns the status of the process. What is said goes to standard
** error. */
static int run_scenario (const char *name) {
  char balance[200];
  int before = count_descriptors(), status;
  lua_State *L = new_state();
  alarm(SECONDS);
  if (luaL_loadfile(L, "spec/torture/scenarios.lua") ||
      lua_pcall(L, 0, 1, 0)) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return BAD;
  }
  lua_pushstring(L, name);
  if (lua_pcall(L, 1, 1, 0)) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return BAD;
  }
  status = lua_toboolean(L, -1) ? SURVIVED : NOTHING_FAILED;
  lua_close(L);
  if (shim_balance(balance, sizeof balance) &&
      count_descriptors() == before) return status;
  fprintf(stderr, "kept: %s; %d descriptors\n", balance,
          count_descriptors() - before);
  return BAD;
}


/* In a process of its own; returns its status, or minus the signal. */
static int fork_scenario (const char *name) {
  int status;
  pid_t child = fork();
  if (child == 0) exit(run_scenario(name));
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}


/* Every n until nothing fails; returns how many did harm. */
static int torture (const char *name, long every) {
  long runs = 0, bad = 0;
  int status;
  for (target = 1; bad < 10; target += every) {
    status = fork_scenario(name);
    if (status == NOTHING_FAILED) break;
    runs++;
    if (status == SURVIVED) continue;
    bad++;
    fprintf(stderr, "%s, %ld: %s (%d)\n", name, target,
            status == -SIGALRM ? "hangs" : status < 0 ? "dies" : "goes wrong",
            status);
  }
  printf("%-5s %-18s %6ld failures injected, %ld bad\n",
         in_lua ? "lua" : "calls", name, runs, bad);
  fflush(stdout);
  return (int)bad;
}


/* What libraries do once in a process, and never undo. */
static void set_up (void) {
  uv_loop_t loop;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  if (uv_loop_init(&loop) == 0) uv_loop_close(&loop);
}


int main (int argc, char **argv) {
  int i, bad = 0;
  if (argc < 4) return 2;
  in_lua = strcmp(argv[1], "lua") == 0;
  set_up();
  if (argv[2][0] == '=') {
    target = atol(argv[2] + 1);
    return run_scenario(argv[3]);
  }
  for (i = 3; i < argc; i++) bad += torture(argv[i], atol(argv[2]));
  return bad > 0;
}
