/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

#include "json.h"
#include "lform.h"
#include "ljson.h"
#include "lnet.h"
#include "transfer.h"

struct ltransfer {
  struct transfer transfer;   /* first: most functions need no more */
  const char *mark;           /* the address of `mark` */
  size_t run_tail;            /* of transfer.run, before the event in hand */
  int in_hand;                /* an event was taken and is not yet delivered */
};


static const char mark = 0;


/* As lnet_self, at a third of its cost: each event of each stream is asked for
** this way. No other userdata has this size and holds this address. */
static struct transfer *check (lua_State *L) {
  struct ltransfer *l = lua_touserdata(L, 1);
  if (l && lua_rawlen(L, 1) == sizeof *l && l->mark == &mark)
    return &l->transfer;
  return lnet_self(L, TRANSFER_TYPE);
}


/* ---- making one -------------------------------------------------------- */

/* The body: a string, or a list of the parts of a form, or nil. */
static void read_body (lua_State *L, struct transfer *t, int idx) {
  if (lua_istable(L, idx)) {
    lua_pushvalue(L, idx);
    lform_read(L, &t->form);
    lua_pop(L, 1);
  }
  else if (!lua_isnil(L, idx))
    t->body = luaL_checklstring(L, idx, &t->body_len);
}


/* engine, template, body or nil, longest time in seconds or nil
** -> transfer, id */
int ltransfer_new (lua_State *L) {
  struct template *template = ltemplate_check(L, 2);   /* retained below */
  struct ltransfer *l;
  lengine_check(L, 1);
  lua_settop(L, 4);
  l = lua_newuserdata(L, sizeof *l);
  memset(l, 0, sizeof *l);
  l->mark = &mark;
  luaL_getmetatable(L, TRANSFER_TYPE);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, 3);
  compat_keep(L, 5);
  read_body(L, &l->transfer, 3);
  transfer_start(&l->transfer, template, lnet_usec(lua_tonumber(L, 4)));
  lua_pushinteger(L, (lua_Integer)l->transfer.waker.id);
  return 2;
}


/* ---- its state --------------------------------------------------------- */

/* mode; may the first events, of a completion, wait to be decoded? */
static int t_read_as (lua_State *L) {
  static const char *const names[] = { "held", "whole", "events", "bytes",
                                       NULL };
  static const enum body_mode modes[] = { BODY_HELD, BODY_WHOLE, BODY_EVENTS,
                                          BODY_BYTES };
  struct transfer *t = check(L);
  transfer_read_as(t, modes[luaL_checkoption(L, 2, NULL, names)]);
  t->openings = lua_toboolean(L, 3) ? OPENING_CHUNKS : 0;
  if (transfer_is_sent(t)) {   /* many may be read at once, and for long */
    lua_pushnil(L);
    compat_keep(L, 1);
  }
  return 0;
}


/* what the engine names it; 0 once closed */
static int t_id (lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check(L)->waker.id);
  return 1;
}


/* n: fewer bytes say too little to decide how the body is to be read */
static int t_hold (lua_State *L) {
  check(L)->least = (size_t)luaL_checkinteger(L, 2);
  return 0;
}


static int t_wait (lua_State *L) {
  lua_pushboolean(L, transfer_wait(check(L)));
  return 1;
}


static int t_done (lua_State *L) {
  lua_pushboolean(L, check(L)->done);
  return 1;
}


/* was it closed, by its owner or with the engine? */
static int t_closed (lua_State *L) {
  lua_pushboolean(L, check(L)->engine == NULL);
  return 1;
}


/* how it ended, if badly */
static int t_failure (lua_State *L) {
  struct transfer *t = check(L);
  if (t->kind == NULL || !t->done) return 0;
  lua_pushstring(L, t->kind);
  lua_pushstring(L, t->why ? t->why : t->message);
  lua_pushstring(L, t->phase);   /* nil if NULL */
  return 3;
}


static int t_received (lua_State *L) {
  lua_pushnumber(L, (lua_Number)check(L)->received);
  return 1;
}


static int t_close (lua_State *L) {
  transfer_close(check(L));
  return 0;
}


static int t_gc (lua_State *L) {
  transfer_free(check(L));
  return 0;
}


/* An event that an error kept from being delivered is the next again. */
static void take_back (struct ltransfer *l) {
  l->in_hand = 0;
  l->transfer.run.tail = l->run_tail;
  sse_take_back(&l->transfer.in);
}


/* What makes Lua values of received bytes goes between this and `unpin`: to
** allocate may run a finalizer, which may do anything. 0 for who interrupts.
** An error leaves a pin behind. One that is still held is of a function that a
** finalizer or a hook interrupted, and so of a frame above this one: the stack
** grows downwards. */
static int try_pin (lua_State *L, struct ltransfer *l) {
  char here;
  uintptr_t frame = (uintptr_t)&here;
  if (l->transfer.pinned > frame && compat_may_interrupt(L)) return 0;
  if (l->in_hand) take_back(l);
  l->transfer.pinned = frame;
  return 1;
}


static void pin (lua_State *L, struct ltransfer *l) {
  if (!try_pin(L, l)) luaL_error(L, "this stream is being read already");
}


/* From here to `unpin` an event was taken and not yet delivered. */
static void take_in_hand (struct ltransfer *l) {
  l->in_hand = 1;
  l->run_tail = l->transfer.run.tail;
}


static int unpin (struct ltransfer *l, int nresults) {
  l->in_hand = 0;
  transfer_unpin(&l->transfer);
  return nresults;
}


/* the status, nil where none came; how often the request was begun; the head,
** taken out: the second time it is empty */
static int t_head (lua_State *L) {
  struct ltransfer *l = (struct ltransfer *)check(L);
  struct buf *b = &l->transfer.head;
  long status = transfer_status(&l->transfer);
  if (status == 0) lua_pushnil(L);
  else lua_pushinteger(L, status);
  lua_pushinteger(L, (lua_Integer)l->transfer.sent);
  pin(L, l);
  lua_pushlstring(L, buf_len(b) ? buf_data(b) : "", buf_len(b));
  buf_clear(b);
  buf_give_back(b);
  return unpin(l, 3);
}


/* ---- the body ---------------------------------------------------------- */

/* what is there, taken out; nil if nothing is */
static int t_bytes (lua_State *L) {
  struct ltransfer *l = (struct ltransfer *)check(L);
  struct buf *b = &l->transfer.in.in;
  if (buf_len(b) == 0) return 0;
  pin(L, l);
  lua_pushlstring(L, buf_data(b), buf_len(b));
  buf_drop(b, buf_len(b));
  return unpin(l, 1);
}


/* what is there, left there; at most n bytes */
static int t_peek (lua_State *L) {
  struct ltransfer *l = (struct ltransfer *)check(L);
  struct buf *b = &l->transfer.in.in;
  size_t n = (size_t)luaL_checkinteger(L, 2);
  if (n > buf_len(b)) n = buf_len(b);
  pin(L, l);
  lua_pushlstring(L, n ? buf_data(b) : "", n);
  return unpin(l, 1);
}


/* Decodes escapes at the end of `run`, which holds the text from then on. */
static int unescape (struct transfer *t, const char *raw, size_t n,
                     char **text, size_t *len) {
  ptrdiff_t m;
  if (buf_append(&t->run, raw, n) != BUF_OK) return 0;
  *text = t->run.bytes + t->run.tail - n;
  m = json_plain(raw, n) == n ? (ptrdiff_t)n : json_unescape(raw, n, *text);
  t->run.tail -= n;
  if (m < 0) return 0;
  *len = (size_t)m;
  t->run.tail += *len;
  return 1;
}


/* named one, whatever its data looks like */
static int is_error (const struct sse_event *ev) {
  return ev->type_len == 5 && memcmp(ev->type, "error", 5) == 0;
}


/* The next event that says something: empty data keeps connections alive. */
static int next_event (struct transfer *t, struct sse_event *ev) {
  while (transfer_next(t, ev))
    if (ev->data_len > 0 || is_error(ev)) return 1;
  return 0;
}


static int take_text (lua_State *L, struct transfer *t,
                      const struct sse_event *ev) {
  const char *raw;
  char *text;
  size_t n;
  if (is_error(ev)) return 0;
  if (!shape_fits(&t->shape, ev->data, ev->data_len, &raw, &n)) return 0;
  if (n == 0 || !unescape(t, raw, n, &text, &n)) return 0;
  lua_pushlstring(L, text, n);
  return 1;
}


/* Puts a chunk with those that wait to be decoded. */
static int let_wait (struct transfer *t, const struct sse_event *ev) {
  size_t tail = t->opening.tail;
  if ((tail == 0 || buf_append(&t->opening, ",", 1) == BUF_OK) &&
      buf_append(&t->opening, ev->data, ev->data_len) == BUF_OK) return 1;
  t->opening.tail = tail;
  return 0;
}


/* One of the stream's first chunks. If it can wait to be decoded, returns how
** many values were pushed: its text, or none where it has none; else -1. The
** first text ends the opening: what follows is taken by shape. */
static int take_opening (lua_State *L, struct transfer *t,
                         const struct sse_event *ev) {
  unsigned left = t->openings;
  const char *text;
  size_t n;
  t->openings = 0;
  if (left == 0 || ev->type_len > 0 ||
      !opening_read(ev->data, ev->data_len, &text, &n)) return -1;
  if (n == 0) {
    if (!let_wait(t, ev)) return -1;
    t->openings = left - 1;
    return 0;
  }
  lua_pushlstring(L, text, n);
  if (shape_keep(&t->shape, ev->data, ev->data_len, text, n) &&
      let_wait(t, ev)) return 1;
  shape_free(&t->shape);
  lua_pop(L, 1);
  return -1;
}


/* exactly these bytes; spaces and tabs may follow them */
static int is_done (const struct sse_event *ev) {
  size_t n = ev->data_len;
  while (n > 0 && (ev->data[n - 1] == ' ' || ev->data[n - 1] == '\t')) n--;
  return n == 6 && memcmp(ev->data, "[DONE]", 6) == 0;
}


/* false, nil, nil, true */
static int push_done (lua_State *L) {
  lua_pushboolean(L, 0);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushboolean(L, 1);
  return 4;
}


static void push_type (lua_State *L, const struct sse_event *ev) {
  if (ev->type_len == 0) lua_pushnil(L);
  else lua_pushlstring(L, ev->type, ev->type_len);
}


/* false, value, type; or false, nil, type, message */
static int push_event (lua_State *L, const struct sse_event *ev) {
  lua_pushboolean(L, 0);
  if (ljson_decode(L, ev->data, ev->data_len)) {
    push_type(L, ev);
    return 3;
  }
  push_type(L, ev);
  lua_insert(L, -2);
  return 4;
}


/* The next event of a stream of JSON:
**   text                       it has the learnt shape, and this text; or it is
**                              of the opening, and the chunk waits
**   text, value                the same, while whole chunks are wanted
**   false, value, type         any other; type is nil where it says none
**   false, nil, type, message  it is not JSON
**   false, nil, nil, true      it is [DONE]
**   nil                        none is there now
** One function for all transfers: a closure for each would be new code to
** LuaJIT's compiler each time. */
static int t_pull (lua_State *L) {
  struct ltransfer *l = (struct ltransfer *)check(L);
  struct transfer *t = &l->transfer;
  struct sse_event ev;
  int n;
  pin(L, l);
  do {
    if (!next_event(t, &ev)) return unpin(l, 0);
    take_in_hand(l);
    if (take_text(L, t, &ev)) {
      if (!t->whole_chunks) return unpin(l, 1);
      if (ljson_decode(L, ev.data, ev.data_len)) return unpin(l, 2);
      return unpin(l, push_event(L, &ev));   /* which tells why it can't be */
    }
    n = take_opening(L, t, &ev);
  } while (n == 0);
  if (n > 0) return unpin(l, n);
  return unpin(l, is_done(&ev) ? push_done(L) : push_event(L, &ev));
}


/* As pull, for what is left at the end of a stream without a blank line. */
static int t_rest (lua_State *L) {
  struct ltransfer *l = (struct ltransfer *)check(L);
  struct sse_event ev;
  pin(L, l);
  if (!transfer_rest(&l->transfer, &ev)) return unpin(l, 0);
  take_in_hand(l);
  return unpin(l, is_done(&ev) ? push_done(L) : push_event(L, &ev));
}


/* key, text: the event pulled last holds `text` under `key` */
static int t_learn (lua_State *L) {
  struct transfer *t = check(L);
  size_t n;
  const char *key = luaL_checkstring(L, 2);
  const char *text = luaL_checklstring(L, 3, &n);
  struct sse_event ev;
  lua_pushboolean(L, sse_given(&t->in, &ev) &&
      shape_learn(&t->shape, ev.data, ev.data_len, key, text, n));
  return 1;
}


/* every chunk is decoded as it comes, until one is learnt */
static int t_forget (lua_State *L) {
  struct transfer *t = check(L);
  shape_free(&t->shape);
  t->openings = 0;
  return 0;
}


/* wanted: is `pull` to decode every event, also one taken by shape? */
static int t_pull_whole (lua_State *L) {
  check(L)->whole_chunks = lua_toboolean(L, 2);
  return 0;
}


/* Of what was taken undecoded the first part that was not gathered yet: as nil
** and a string the chunks that wait, JSON with commas between, of which there
** are no more from here on; else, as a string, the text taken by shape; or
** nothing. Nothing, too, for who interrupts. */
static int t_ungathered (lua_State *L) {
  struct ltransfer *l = (struct ltransfer *)check(L);
  struct transfer *t = &l->transfer;
  int waited = buf_len(&t->opening) > 0;
  struct buf *b = waited ? &t->opening : &t->run;
  if (buf_len(b) == 0 || !try_pin(L, l)) return 0;
  t->openings = 0;
  if (waited) lua_pushnil(L);
  lua_pushlstring(L, buf_data(b), buf_len(b));
  return unpin(l, waited ? 2 : 1);
}


/* what `ungathered` gave is gathered: it is not kept */
static int t_gathered (lua_State *L) {
  struct transfer *t = check(L);
  int waited = buf_len(&t->opening) > 0;
  struct buf *b = waited ? &t->opening : &t->run;
  buf_clear(b);
  if (waited || t->engine == NULL) buf_give_back(b);
  return 0;
}


static const luaL_Reg methods[] = {
  { "bytes",    t_bytes },
  { "close",    t_close },
  { "closed",   t_closed },
  { "done",     t_done },
  { "failure",  t_failure },
  { "forget",   t_forget },
  { "gathered", t_gathered },
  { "head",     t_head },
  { "hold",     t_hold },
  { "id",       t_id },
  { "learn",    t_learn },
  { "peek",     t_peek },
  { "pull",     t_pull },
  { "pull_whole", t_pull_whole },
  { "read_as",  t_read_as },
  { "received", t_received },
  { "rest",     t_rest },
  { "ungathered", t_ungathered },
  { "wait",     t_wait },
  { NULL, NULL }
};


void ltransfer_define (lua_State *L) {
  lnet_type(L, TRANSFER_TYPE, methods, t_gc);
}
