/* SPDX-License-Identifier: MIT */
/*
** Fuzzes what is written in Lua: build/fuzz/x_fuzz is this program, and runs
** the function that spec/fuzz/x_fuzz.lua returns with each input. An error it
** raises is a crash. Which lines follow which is told to libFuzzer as if it
** were compiled code, so that inputs are sought that reach new ones. The global
** `curl_url` gives libcurl's own reading of a URL.
*/
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <lauxlib.h>
#include <lualib.h>

#define COUNTERS  8192

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);
int luaopen_marea_core (lua_State *L);

__attribute__((section("__libfuzzer_extra_counters")))
static uint8_t counters[COUNTERS];

static lua_State *state;   /* its stack holds the traceback and the target */
static unsigned before;    /* the line that ran last, as a number */


static void on_line (lua_State *L, lua_Debug *ar) {
  unsigned here;
  lua_getinfo(L, "S", ar);
  here = (unsigned)((size_t)ar->source >> 4) * 31u + (unsigned)ar->currentline;
  here *= 2654435761u;
  counters[(here ^ before) >> 7 & (COUNTERS - 1)]++;
  before = here >> 1;
}


static void add_part (lua_State *L, CURLU *u, CURLUPart part,
                      const char *name, unsigned flags) {
  char *text = NULL;
  if (curl_url_get(u, part, &text, flags) == CURLUE_OK) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
  }
  curl_free(text);
}


/* curl_url(text) -> { scheme =, user =, host =, port =, path = } or nil */
static int read_url (lua_State *L) {
  CURLU *u = curl_url();
  if (u == NULL) abort();
  lua_settop(L, 1);
  if (curl_url_set(u, CURLUPART_URL, luaL_checkstring(L, 1), 0) == CURLUE_OK) {
    lua_newtable(L);
    add_part(L, u, CURLUPART_SCHEME, "scheme", 0);
    add_part(L, u, CURLUPART_USER, "user", 0);
    add_part(L, u, CURLUPART_HOST, "host", 0);
    add_part(L, u, CURLUPART_PORT, "port", CURLU_DEFAULT_PORT);
    add_part(L, u, CURLUPART_PATH, "path", 0);
  }
  curl_url_cleanup(u);
  return lua_istable(L, -1);
}


static int traceback (lua_State *L) {
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}


static void stop (const char *message) {
  fprintf(stderr, "%s\n", message);
  abort();
}


static void set_path (lua_State *L) {
  lua_getglobal(L, "package");
  lua_pushliteral(L, "lua/?.lua;lua/?/init.lua;spec/fuzz/?.lua");
  lua_setfield(L, -2, "path");
  lua_pop(L, 1);
}


/* build/fuzz/x_fuzz -> spec/fuzz/x_fuzz.lua */
static void load_target (lua_State *L, const char *program) {
  const char *slash = strrchr(program, '/');
  char file[256];
  snprintf(file, sizeof file, "spec/fuzz/%s.lua", slash ? slash + 1 : program);
  if (luaL_loadfile(L, file) || lua_pcall(L, 0, 1, 1))
    stop(lua_tostring(L, -1));
}


int LLVMFuzzerInitialize (int *argc, char ***argv) {
  (void)argc;
  state = luaL_newstate();
  luaL_openlibs(state);
  luaL_requiref(state, "marea.core", luaopen_marea_core, 0);
  lua_register(state, "curl_url", read_url);
  set_path(state);
  lua_settop(state, 0);
  lua_pushcfunction(state, traceback);
  load_target(state, (*argv)[0]);
  lua_sethook(state, on_line, LUA_MASKLINE, 0);
  return 0;
}


int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size) {
  before = 0;
  lua_pushvalue(state, 2);
  lua_pushlstring(state, (const char *)data, size);
  if (lua_pcall(state, 1, 0, 1)) stop(lua_tostring(state, -1));
  return 0;
}
