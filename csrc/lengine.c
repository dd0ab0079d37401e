/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lnet.h"
#include "uvdriver.h"

struct lengine {
  struct engine *engine;      /* owned */
  struct uvdriver *driver;    /* owned; NULL until the first turn */
  pthread_t thread;           /* where it may be used */
  pid_t pid;
};

/* A sleeper's alarm. */
struct ltimer {
  struct timer timer;
  struct waker waker;
  struct engine *engine;      /* retained; NULL once closed */
};


static struct lengine *check (lua_State *L) {
  struct lengine *l = lnet_self(L, ENGINE_TYPE);
  if (l->engine == NULL) luaL_error(L, "marea is closed");
  if (!pthread_equal(l->thread, pthread_self()))
    luaL_error(L, "marea was loaded by another thread: "
                  "each thread needs a Lua state of its own");
  return l;
}


/* For the entries that start work or wait for it. */
static struct lengine *check_process (lua_State *L) {
  struct lengine *l = check(L);
  if (l->pid != getpid())
    luaL_error(L, "marea was loaded before this process was forked: "
                  "load it in the child");
  return l;
}


struct engine *lengine_check (lua_State *L, int idx) {
  (void)idx;
  return check_process(L)->engine;
}


/* The library's own loop, made when it is first needed. */
static void need_driver (lua_State *L, struct lengine *l) {
  if (l->driver == NULL) l->driver = uvdriver_new(l->engine);
  if (l->driver == NULL)
    luaL_error(L, "libuv gave no loop: no descriptors, or no memory, are left");
}


static int e_turn (lua_State *L) {
  struct lengine *l = check_process(L);
  usec until = lua_isnoneornil(L, 2) ? NEVER : clock_now() + lnet_usec(luaL_checknumber(L, 2));
  need_driver(L, l);
  lua_pushboolean(L, uvdriver_turn(l->driver, until));
  return 1;
}


/* how often libcurl has been called: whether a turn did anything */
static int e_acts (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check(L)->engine->acts);
  return 1;
}


/* until a moment of marea.core.now's clock; nil: without end */
static int e_limit (lua_State *L) {
  engine_limit(check(L)->engine,
               lua_isnoneornil(L, 2) ? 0 : lnet_usec(luaL_checknumber(L, 2)));
  return 0;
}


static int e_ready (lua_State *L) {
  int id = engine_next_ready(check(L)->engine);
  if (id == 0) return 0;
  lua_pushinteger(L, (lua_Integer)id);
  return 1;
}


static int e_wanted (lua_State *L) {
  struct want w;
  if (!engine_next_want(check(L)->engine, &w)) return 0;
  lua_pushinteger(L, (lua_Integer)w.fd);
  lua_pushboolean(L, w.events & WANT_READ);
  lua_pushboolean(L, w.events & WANT_WRITE);
  return 3;
}


static int e_due (lua_State *L) {
  usec due = engine_due(check(L)->engine);
  usec left = due - clock_now();
  if (due == NEVER) return 0;
  lua_pushnumber(L, left > 0 ? (lua_Number)left / 1e6 : 0);
  return 1;
}


static int e_socket (lua_State *L) {
  struct engine *e = check_process(L)->engine;
  curl_socket_t fd = (curl_socket_t)luaL_checkinteger(L, 2);
  int events = (lua_toboolean(L, 3) ? WANT_READ : 0) |
               (lua_toboolean(L, 4) ? WANT_WRITE : 0);
  engine_socket(e, fd, events);
  return 0;
}


static int e_expire (lua_State *L) {
  engine_expire(check_process(L)->engine);
  return 0;
}


/* Is any socket being watched? */
static int e_watching (lua_State *L) {
  lua_pushboolean(L, check(L)->engine->nwatches > 0);
  return 1;
}


static int e_fd (lua_State *L) {
  struct lengine *l = check_process(L);
  need_driver(L, l);
  lua_pushinteger(L, uvdriver_fd(l->driver));
  return 1;
}


/* lets who polls the descriptor wake */
static int e_alarm (lua_State *L) {
  struct lengine *l = check_process(L);
  if (l->driver) uvdriver_alarm(l->driver);
  return 0;
}


static void set_count (lua_State *L, const char *name, int n) {
  lua_pushinteger(L, n);
  lua_setfield(L, -2, name);
}


/* Lets go of the loop of our own, if any: another driver takes over. */
static int e_hand_over (lua_State *L) {
  struct lengine *l = check_process(L);
  if (l->driver) uvdriver_free(l->driver);
  l->driver = NULL;
  engine_retell(l->engine);
  return 0;
}


static int e_stats (lua_State *L) {
  struct engine *e = check(L)->engine;
  lua_newtable(L);
  set_count(L, "transfers", e->njobs);
  set_count(L, "sockets", e->nwatches);
  set_count(L, "timers", (int)e->timers.n);
  set_count(L, "objects", e->refs - 1 - e->ntemplates);
  return 1;
}


static int e_close (lua_State *L) {
  struct lengine *l = lnet_self(L, ENGINE_TYPE);
  struct engine *e = l->engine;
  if (e == NULL) return 0;
  l->engine = NULL;
  if (l->pid != getpid()) return 0;   /* the sockets are the parent's */
  engine_close(e);
  if (l->driver) uvdriver_free(l->driver);
  l->driver = NULL;
  engine_release(e);
  return 0;
}


static int e_new (lua_State *L) {
  struct lengine *l = lua_newuserdata(L, sizeof *l);
  memset(l, 0, sizeof *l);
  luaL_getmetatable(L, ENGINE_TYPE);
  lua_setmetatable(L, -2);
  l->thread = pthread_self();
  l->pid = getpid();
  l->engine = engine_new();
  if (l->engine == NULL) return luaL_error(L, "libcurl could not be set up");
  return 1;
}


/* ---- timers ------------------------------------------------------------ */

static void on_ring (struct timer *timer, usec now) {
  struct ltimer *t = (struct ltimer *)(void *)timer;
  (void)now;
  engine_wake(t->engine, &t->waker);
}


static int t_close (lua_State *L) {
  struct ltimer *t = lnet_self(L, TIMER_TYPE);
  struct engine *e = t->engine;
  if (e == NULL) return 0;
  t->engine = NULL;
  timer_stop(&e->timers, &t->timer);
  engine_drop_waker(e, &t->waker);
  engine_release(e);
  return 0;
}


static int e_timer (lua_State *L) {
  struct engine *e = check_process(L)->engine;
  usec due = clock_now() + lnet_usec(luaL_checknumber(L, 2));
  struct ltimer *t = lua_newuserdata(L, sizeof *t);
  memset(t, 0, sizeof *t);
  luaL_getmetatable(L, TIMER_TYPE);
  lua_setmetatable(L, -2);
  t->timer.fire = on_ring;
  t->engine = e;
  engine_retain(e);
  engine_name_waker(e, &t->waker);
  if (!timer_start(&e->timers, &t->timer, due))
    return luaL_error(L, "not enough memory");
  lua_pushinteger(L, (lua_Integer)t->waker.id);
  return 2;
}


static const luaL_Reg engine_methods[] = {
  { "acts",     e_acts },
  { "alarm",    e_alarm },
  { "child",    lchild_new },
  { "close",    e_close },
  { "due",      e_due },
  { "expire",   e_expire },
  { "fd",       e_fd },
  { "hand_over", e_hand_over },
  { "limit",    e_limit },
  { "ready",    e_ready },
  { "socket",   e_socket },
  { "stats",    e_stats },
  { "template", ltemplate_new },
  { "timer",    e_timer },
  { "transfer", ltransfer_new },
  { "turn",     e_turn },
  { "wanted",   e_wanted },
  { "watching", e_watching },
  { NULL, NULL }
};


static const luaL_Reg timer_methods[] = {
  { "close", t_close },
  { NULL, NULL }
};


void lengine_define (lua_State *L) {
  lnet_type(L, ENGINE_TYPE, engine_methods, e_close);
  lnet_type(L, TIMER_TYPE, timer_methods, t_close);
  lua_pushcfunction(L, e_new);
}
