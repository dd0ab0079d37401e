-- SPDX-License-Identifier: MIT
-- A streamed answer. One primitive, `advance`, takes what has arrived, waiting
-- only when nothing has; every reader is a few lines over it. What was read is
-- gathered on the way, so that `result` gives what the call without `stream`
-- would have given.
--
-- Where a chunk repeats the one before it but for a piece of text, the C core
-- takes the text without decoding the rest (csrc/shape.h); `learn` tells it
-- where the text is. The first chunks may wait with their text given, and are
-- gathered when somebody asks what was (csrc/opening.h).

local compat = require "marea.compat"
local Error = compat.lazy "marea.error"
local bytes = compat.lazy "marea.gather.bytes"
local chat = require "marea.gather.chat"
local images = compat.lazy "marea.gather.images"
local json = require "marea.json"
local loop = require "marea.loop"
local mime = compat.lazy "marea.mime"
local normalise = require "marea.normalise"
local recipe = compat.lazy "marea.recipe"
local redact = compat.lazy "marea.redact"
local fault = compat.lazy "marea.fault"
local request = require "marea.request"
local responses = compat.lazy "marea.gather.responses"
local result = require "marea.result"
local think = compat.lazy "marea.think"
local transcript = compat.lazy "marea.gather.transcript"

local stream = {}

---@class marea.Stream
---@field response marea.Response
local methods = {}
local metatable = { __name = "marea.stream" }

-- What the readers need and nobody else should see: kept beside the stream,
-- so that a dump of it shows no request.
local states = setmetatable({}, { __mode = "k" })

local function nothing() end

function metatable:__index(key)
  if key == "response" then return states[self].answer:describe() end
  return methods[key]
end

function metatable:__tostring()
  local s = states[self]
  return "marea.stream (" .. (Error.is(s.err) and s.err.kind or s.ended and "ended" or "open") .. ")"
end

---- ending -------------------------------------------------------------------

-- The stream's first chunks, which waited: nothing has been gathered before them.
-- Whatever raises in here, or reads on in a finalizer, each is gathered once.
local function gather_opening(s, opening)
  local before, gather, events = s.gather, chat.new(), {}
  for _, chunk in ipairs(json.decode("[" .. opening .. "]")) do gather:add(chunk, events) end
  if s.gather ~= before then return end
  s.gather, s.chosen = gather, true
  s.transfer:gathered()
end

-- What was taken undecoded: text comes after some chunk that was gathered.
local function gather_taken(s)
  local text, opening = s.transfer:ungathered()
  if opening then
    gather_opening(s, opening)
    text = s.transfer and s.transfer:ungathered()
  end
  if not text then return end
  s.gather:add_run(text)
  s.transfer:gathered()
end

-- From here on `gather` has all that was read.
local function collect(s)
  if s.raw and s.transfer then s.gather.unread = s.transfer:peek(s.gather.most)
  elseif s.transfer then gather_taken(s) end
  if not s.gather then s.gather = chat.new(s.call.asked) end
end

local function let_go(s)
  if not s.transfer then return end
  collect(s)
  s.transfer, s.quick, s.pull = nil, nothing, nothing
  request.let_go(s.answer)
end

local function snapshot(s)
  collect(s)
  return result.new(s.gather:result(), s.answer)
end

-- What has come, for an error: a server may have said a key aloud.
local function blanked_snapshot(s)
  collect(s)
  return result.new(redact.deep(s.gather:result(), s.call:blanker()), s.answer)
end

-- Somebody beside the reader is told of the first event, and of the end.
local function tell(s, what, ...)
  local watch = s.watch
  if watch and watch[what] then watch[what](...) end
end

local function break_off(s, err)
  if s.ended then return end
  -- a task can be cancelled with any value
  if Error.is(err) and not err.partial then err.partial = blanked_snapshot(s) end
  s.ended, s.err = true, err
  let_go(s)
  tell(s, "ended", err)
end

local function fail(s, kind, message)
  break_off(s, fault.of_answer(s.call, s.answer, kind, message))
end

local function fail_as_said(s, payload)
  break_off(s, fault.said(s.call, s.answer, payload, "stream"))
end

-- The end of the body often lies in what has arrived already; read, it lets
-- the connection be used again.
local function end_well(s)
  if s.ended then return end
  collect(s)
  s.gather:finish(s.queue)
  s.ended = true
  if not s.transfer:done() then loop.poke() end
  let_go(s)
  tell(s, "ended")
end

-- Do we know nothing of how these events end? Then they end where the body does.
local function is_unknown(s)
  return not s.chosen and not s.call.choices and (s.strange or s.call.any)
end

-- The end of the events: it is a good one after [DONE], once every choice has
-- said why it ended, or where the endpoint is none that gives choices.
local function end_of_events(s, done)
  collect(s)
  local good = s.gather:is_finished() or done and s.gather:has_output()
  if good or is_unknown(s) then return end_well(s) end
  fail(s, "truncated", "the stream stopped before its end")
end

---- chunks -------------------------------------------------------------------

-- Those of streams that aren't of choices, by what the types of their chunks
-- begin with.
local gatherers = { response = responses, transcript = transcript, image_generation = images, image_edit = images }

-- Which gatherer is for this stream shows in its first telling chunk: the
-- endpoint need not be known.
local function choose_gather(s, chunk)
  if chunk.choices ~= nil then
    s.chosen = true
    return
  end
  local family = type(chunk.type) == "string" and gatherers[chunk.type:match("^([%w_]+)%.")]
  if family then s.gather, s.chosen = family.new(s.call.asked), true
  elseif chunk.type ~= "ping" then s.strange = true end
end

-- What has the look of an error may be what any endpoint was asked for.
local function is_error(s, chunk, kind)
  if kind == "error" or chunk.type == "error" then return true end
  if s.call.any and not s.chosen then return Error.is_error_envelope(chunk) end
  return (chunk.error ~= nil or chunk.choices == nil) and Error.is_error_payload(chunk)
end

local function check_gather(s)
  if s.gather.failed then
    fail_as_said(s, s.gather.failed)
  elseif s.gather:ended_with("error") then
    fail(s, "stream", "the server ended the stream with an error")
  elseif s.gather.finished then     -- a response says itself when it is whole
    end_well(s)
  end
end

local function learn(s, event, key)
  if not s.transfer:learn(key, event.text) then return end
  s.fast, s.fast_index = event.type, event.index
  if not s.whole then return end
  s.key, s.make = key, nil
  s.transfer:pull_whole(true)      -- until another has this shape, from which `make` can be had
end

-- Takes in a chunk that was decoded: its events go to the queue.
local function take_chunk(s, chunk, kind)
  if type(chunk) ~= "table" then return end
  if is_error(s, chunk, kind) then return fail_as_said(s, chunk) end
  collect(s)
  s.quick = nothing      -- what comes of it goes before any text that follows
  if not s.chosen then choose_gather(s, chunk) end
  local event, key = s.gather:add(chunk, s.queue)
  if not s.transfer then return end     -- a finalizer closed the stream meanwhile
  if event then learn(s, event, key) else s.transfer:forget() end
  if s.watch and s.queue[s.first] then
    tell(s, "began")
    s.watch.began = nil
  end
  if not event then check_gather(s) end     -- a piece of text ends nothing
end

local function not_json(s, kind, message)
  if normalise.is_heartbeat(kind) then return end
  if kind == "error" then fail(s, "stream", "the server sent an error that is not JSON")
  else fail(s, "decode", "an event is not JSON: " .. fault.without_excerpt(message)) end
end

-- Takes in what transfer:pull gave, if it was not text. By tail calls: what
-- follows is the deepest a reader's stack gets, and so what its size is.
local function take(s, chunk, kind, message)
  if message == true then return end_of_events(s, true) end
  if message then return not_json(s, kind, message) end
  return take_chunk(s, chunk, kind)
end

-- What came after the last whole event, and how the transfer ended.
local function at_end(s)
  local transfer = s.transfer
  if transfer:closed() then return fail(s, "cancelled", "the task that opened the stream was cancelled") end
  local _, chunk, kind, message = transfer:rest()
  if message == true then return end_of_events(s, true) end
  if chunk ~= nil then take_chunk(s, chunk, kind) end
  if s.ended then return nil end
  local err = fault.of_transfer(s.call, s.answer)
  if err then break_off(s, err) else end_of_events(s, false) end
  return chunk
end

-- Who reads, while it waits. From 5.4 on a coroutine can be closed meanwhile; where
-- none can, nothing is held by what it reads.
local reader = rawget(coroutine, "close") and coroutine.running or function() return true end

local function is_being_read(s)
  if type(s.reading) == "thread" and coroutine.status(s.reading) == "dead" then s.reading = false end
  return s.reading ~= false
end

local function cancel(s, cancelled)
  break_off(s, cancelled)
  error(cancelled, 0)
end

-- One event of the wire, waited for if need be. Returns its text if that was
-- taken undecoded (and the chunk, if it was decoded too); else nil and the
-- chunk, whose events are in the queue; else nothing, at the end. It waits here
-- and not in a function of its own: thousands of streams wait with all their frames.
local function advance(s)
  while not s.ended do
    local text, chunk, kind, message = s.pull(s.transfer)
    if text == nil then
      if s.ended then return nil end     -- a finalizer closed it meanwhile, as it may below
      if not s.transfer:wait() then
        s.reading, s.quick = reader(), nothing
        loop.changed()
        local cancelled = loop.wait(s.id, s)
        s.reading = false
        if cancelled then cancel(s, cancelled) end
      elseif not s.ended and s.transfer:done() then return nil, at_end(s) end
    elseif text then return text, chunk
    else
      take(s, chunk, kind, message)
      if chunk ~= nil and not s.err then return nil, chunk end
    end
  end
end

---- readers ------------------------------------------------------------------

-- An empty queue begins at 1 again: what is added goes after its last.
local function pop(s)
  local queue, first = s.queue, s.first
  local event = queue[first]
  if event == nil then return nil end
  queue[first] = nil
  s.first = queue[first + 1] ~= nil and first + 1 or 1
  return event
end

local function drop_events(s)
  if s.queue[s.first] ~= nil then s.queue, s.first = {}, 1 end
end

local function next_event(s)
  while true do
    local event = pop(s)
    if event then return event end
    if s.ended then return nil end
    local text = advance(s)
    if text then return { type = s.fast, text = text, index = s.fast_index } end
  end
end

-- The error an ended stream has for its reader. One that closed it itself has
-- none; one that was waiting when another closed it is told, once.
local function take_error(s)
  if s.closed and not s.interrupted then return nil end
  s.interrupted = false
  return s.err
end

local function finish(s)
  local err = take_error(s)
  if err then error(err, 0) end
end

local function state_of(self, name)
  local s = states[self]
  if not s then error("call it with a colon: stream:" .. name .. "()", 3) end
  return s
end

-- A task that waits for a chunk must be the one that gets it.
local function check_alone(s, level)
  if is_being_read(s) then error("another task is reading this stream", level + 1) end
end

local function claim(self, name)
  local s = states[self]
  if not s then error("call it with a colon: stream:" .. name .. "()", 3) end
  if s.raw ~= (name == "bytes") then
    error(("stream:%s: this stream is of %s"):format(name, s.raw and "bytes" or "events"), 3)
  end
  if s.claimed then error("stream:" .. name .. ": this stream has been read already", 3) end
  check_alone(s, 3)
  s.claimed = true
  return s
end

-- Is what is taken undecoded text of the first choice?
local function is_plain(s)
  return s.fast == "text" and s.fast_index == 0
end

-- While nothing is queued, the next text may be taken at once again.
local function next_text(s)
  while true do
    local event, piece = pop(s), nil
    if event then
      if event.type == "text" and event.index == 0 then piece = event.text end
    elseif s.ended then return finish(s)
    else
      local text = advance(s)
      if text and is_plain(s) then piece = text end
    end
    if piece then
      if is_plain(s) and s.queue[s.first] == nil then s.quick = s.pull end
      return piece
    end
  end
end

-- What readers of text do when the next chunk's text was not taken undecoded.
local function slow_text(s, text, chunk, kind, message)
  if s.reading then check_alone(s, 2) end
  s.quick = nothing
  if text ~= nil then take(s, chunk, kind, message) end
  return next_text(s)
end

--- Iterates over the pieces of text (of the first choice, if there are more).
--- Raises the error if the stream breaks.
---@return fun(): string|nil
function methods:text()
  local s = claim(self, "text")
  local transfer = s.transfer
  return function()
    local text, chunk, kind, message = s.quick(transfer)
    if text then return text end
    return slow_text(s, text, chunk, kind, message)
  end, nil, nil, self
end

-- The chunk whose text was taken by shape; the first of a shape was decoded too.
local function chunk_of(s, text, chunk)
  if chunk == nil then return s.make(text) end
  if s.make == nil then
    s.make = recipe.of(chunk, s.key) or false
    if s.transfer then s.transfer:pull_whole(not s.make) end     -- a finalizer may have closed it
  end
  return chunk
end

local function wait_for_chunk(s)
  drop_events(s)
  local chunk = s.held and table.remove(s.held, 1)
  if chunk == nil then
    s.held = nil
    local text, decoded = advance(s)
    if text then return chunk_of(s, text, decoded) end
    chunk = decoded
  end
  drop_events(s)      -- what they tell the chunk has told, or the end
  if chunk == nil then return finish(s) end
  return chunk
end

-- What readers of chunks do when the next can't be made of its text. While one
-- can, it may be taken at once.
local function slow_chunk(s, text, chunk, kind, message)
  if s.reading then check_alone(s, 2) end
  s.quick = nothing
  if text then chunk = chunk_of(s, text, chunk)
  else
    if text ~= nil then take(s, chunk, kind, message) end
    if chunk == nil or s.err then chunk = wait_for_chunk(s) else drop_events(s) end
  end
  if s.make then s.quick = s.pull end
  return chunk
end

--- Iterates over the decoded chunks, as they are on the wire.
---@return fun(): marea.Chunk|nil
function methods:chunks()
  local s = claim(self, "chunks")
  if s.transfer then s.transfer:forget() end     -- what was learnt is of no use here
  s.whole, s.quick = true, nothing
  drop_events(s)
  local transfer = s.transfer
  return function()
    local text, chunk, kind, message = s.quick(transfer)
    if text and chunk == nil then return s.make(text) end
    return slow_chunk(s, text, chunk, kind, message)
  end, nil, nil, self
end

local function slow_event(s, text, chunk, kind, message)
  check_alone(s, 2)
  s.quick = nothing
  if text ~= nil then take(s, chunk, kind, message) end
  local event = next_event(s)
  if s.queue[s.first] == nil then s.quick = s.pull end
  return event or finish(s)
end

--- Iterates over events: text, reasoning, refusal, tool_call.delta, tool_call,
--- finish and usage.
---@return fun(): marea.Event|nil
function methods:events()
  local s = claim(self, "events")
  local transfer = s.transfer
  return function()
    local text, chunk, kind, message = s.quick(transfer)
    if text then
      return { type = s.fast, text = text, index = s.fast_index }
    end
    return slow_event(s, text, chunk, kind, message)
  end, nil, nil, self
end

--- Iterates over the bytes of an answer that has no events, such as speech, in
--- pieces as they come. Raises the error if the stream breaks.
---@return fun(): string|nil
function methods:bytes()
  local s = claim(self, "bytes")
  return function()
    check_alone(s, 2)
    local piece = advance(s)
    return piece or finish(s)
  end, nil, nil, self
end

--- The next event, or piece of bytes; nil at the end; nil and the error if the
--- stream broke.
---@return marea.Event|string|nil event, marea.error|nil
function methods:next()
  local s = state_of(self, "next")
  check_alone(s, 2)
  local event
  if s.raw then event = advance(s) else event = next_event(s) end
  if event then return event end
  s.claimed = true
  return nil, take_error(s)
end

--- Reads what is left, and returns what the call without `stream` would have
--- returned; or nil and the error. Bytes that were taken are not in it.
---@return marea.Result|nil, marea.error|nil
function methods:result()
  local s = state_of(self, "result")
  check_alone(s, 2)
  s.claimed = true
  drop_events(s)
  if s.raw then s.gather:keep() end
  while not s.ended do
    advance(s)
    drop_events(s)
  end
  if s.err then return nil, s.err end
  s.result = s.result or snapshot(s)
  return s.result
end

--- What has come so far, shaped as `result`.
---@return marea.Result
function methods:snapshot()
  return snapshot(state_of(self, "snapshot"))
end

--- Ends the transfer now and frees its connection. Harmless twice. A task that
--- is waiting for the stream gets a `cancelled` error.
function methods:close()
  local s = state_of(self, "close")
  if s.ended then return end
  s.closed, s.interrupted = true, is_being_read(s)
  if s.interrupted then loop.interrupt(s.id) end   -- the id is another's once it is closed
  fail(s, "cancelled", "the stream was closed")
end

metatable.__close = methods.close

--- Has `began()` called at the first event and `ended(err)` at the end, at once
--- if it is over already.
---@param self marea.Stream
---@param watch { began: function|nil, ended: function|nil }
function stream.watch(self, watch)
  local s = states[self]
  s.watch = watch
  if s.transfer then s.transfer:forget() end     -- an event tells that it began, no text alone
  if s.ended then
    tell(s, "began")
    tell(s, "ended", s.err)
  end
end

---@return boolean
function stream.is(value)
  return getmetatable(value) == metatable
end

--- Waits until the stream has an event for its reader, or is over. Returns the
--- error if it broke before there was any.
---@param self marea.Stream
---@return marea.error|nil
function stream.ready(self)
  local s = states[self]
  if s.transfer then s.transfer:forget() end     -- the reader may want whole chunks
  while s.queue[s.first] == nil and not s.ended and not s.raw do
    local _, chunk = advance(s)
    if chunk ~= nil then
      s.held = s.held or {}
      s.held[#s.held + 1] = chunk
    end
  end
  if s.queue[s.first] == nil then return s.err end
end

---- making one ---------------------------------------------------------------

-- What a state does not have until something sets it; most streams never need
-- most of these, and a program may have thousands of streams.
local absent = { __index = {
  raw = false,                 -- is it of bytes, not of events?
  held = nil,                  -- chunks taken before the reader came; also an answer that was no stream
  watch = nil,                 -- who is told of the first event, and of the end
  chosen = false,              -- is `gather` the right gatherer?
  strange = false,             -- chunks came that no gatherer knows
  whole = false, key = nil, make = nil,   -- for a reader of chunks: that it is one; how to make those
  interrupted = false, closed = false, err = nil, result = nil,
} }

--- Makes a stream's state. Nothing in it depends on what is answered: it is made
--- while that is on its way, for each try, and delays nobody.
---@param call marea.Call
---@param answer marea.Answer
function stream.prepare(call, answer)
  local transfer = answer.transfer
  local pull = transfer.pull
  call.state = setmetatable({
    call = call, answer = answer, id = transfer:id(),
    transfer = transfer,         -- nil once let go
    pull = pull,                 -- looked up once for all events
    quick = pull,                -- while the reader may take text straight from it; else nothing
    gather = nil,                -- once there is something to gather
    fast = "text", fast_index = 0,   -- of what text is that is taken undecoded
    queue = {}, first = 1,       -- events not yet read
    claimed = false,
    reading = false,             -- the coroutine in which somebody waits; or true
    ended = false,
  }, absent)
end

local function new(call, answer)
  if not call.state then stream.prepare(call, answer) end
  local s = call.state
  call.body = nil      -- nobody sends it again
  local self = setmetatable({}, metatable)
  states[self] = s
  if answer.think_tags then
    s.gather = chat.new(call.asked)
    think.attach(s.gather, answer.think_tags, call.asked)
  end
  return self, s
end

local function excerpt(text)
  return (text:sub(1, 200):gsub("%c", " "))
end

local function give_up(answer, err)
  request.let_go(answer)
  return nil, err
end

-- Nothing came, or what came is not what a stream is made of.
local function refuse(call, answer, message)
  return give_up(answer, answer.transfer:received() == 0 and fault.of_transfer(call, answer)
    or fault.of_answer(call, answer, "protocol", message))
end

local function as_chunk(value)
  if value.choices == nil and value.output == nil and value.output_text ~= "" then
    return { type = "transcript.text.done", text = value.output_text }
  end
  if type(value.output) ~= "table" then return value end
  local failed = value.status == "failed"
  return { type = failed and "response.failed" or "response.completed", response = value }
end

-- A server that answers a streamed call with plain JSON: a stream of one.
local function from_json(call, answer, read, ...)
  local cancelled = request.read_whole(answer)
  local err = not cancelled and fault.of_transfer(call, answer)
  local value
  if not cancelled and not err then value, err = read(call, answer, ...) end
  if not value then
    request.let_go(answer)
    if cancelled then error(cancelled, 0) end
    return nil, err
  end
  local self, s = new(call, answer)
  s.result, s.held = value, { value }
  take_chunk(s, as_chunk(value))
  if s.err then return nil, s.err end
  end_well(s)
  return self
end

--- Makes a stream of an answer whose body, which has begun, is bytes; or returns
--- nil, err.
---@param call marea.Call
---@param answer marea.Answer
function stream.raw(call, answer)
  local transfer = answer.transfer
  if transfer:peek(1) == "" then return refuse(call, answer, "the answer is empty") end
  local err = fault.of_coding(call, answer)
  if err then return give_up(answer, err) end
  transfer:read_as("bytes")
  local self, s = new(call, answer)
  s.raw, s.gather = true, bytes.new(answer:media_type(), call.settings.max_body)
  s.pull = function()
    local piece = transfer:bytes()
    if piece and not s.gather:add_piece(piece) then
      fail(s, "too_large", "the answer's body is too large")
    end
    return piece
  end
  return self
end

-- Of a body that has no type, so many bytes show whether a field of an event ends
-- there ("event:", "retry:").
local ENOUGH = 6

local function wait_for_start(answer)
  answer.transfer:hold(ENOUGH)
  local cancelled = request.wait(answer.transfer)
  if not cancelled then return end
  request.let_go(answer)
  error(cancelled, 0)
end

local function looks_like_events(text)
  return text:find("^[\r\n]*:") or text:find("^[\r\n]*%a+[:\r\n]") and not text:find("^%s*[{<]")
end

-- Is the answer one value of JSON, or text that stands for one? Of what looks like
-- it, any endpoint may give lines, or files.
local function is_one_value(call, kind, start)
  if kind == "" then return start:find("^%s*[{%[]") ~= nil end
  if call.any then return mime.is_json(kind) end
  return kind:find("json", 1, true) ~= nil or call.text and mime.is_text(kind)
end

-- Is text in the stream's first chunks text of the answer, wherever it stands?
-- Then the reader gets it before they are gathered (csrc/opening.h).
local function can_wait(call, answer)
  return call.choices and not call.asked and not answer.think_tags
end

--- Makes a stream of an answer whose body has begun; or returns nil, err.
---@param call marea.Call
---@param answer marea.Answer
---@param read fun(call: marea.Call, answer: marea.Answer, ...): table|nil, marea.error|nil
--- the result of an answer that is no stream
---@param ... any what `read` is given besides
function stream.open(call, answer, read, ...)
  local kind = answer:media_type()
  if kind == "" then wait_for_start(answer) end
  if answer.transfer:received() == 0 then return refuse(call, answer, "the answer is empty") end
  local start = kind == "" and compat.without_bom(answer.transfer:peek(64)) or nil
  if kind == "text/event-stream" or kind == "" and looks_like_events(start) then
    answer.transfer:read_as("events", can_wait(call, answer))
    return (new(call, answer))
  end
  if is_one_value(call, kind, start) then return from_json(call, answer, read, ...) end
  if call.any and kind ~= "text/html" then return stream.raw(call, answer) end
  answer.body = answer.transfer:peek(200)
  return refuse(call, answer, ("expected an event stream, got %s: %s"):format(
    kind == "" and "no content type" or kind, excerpt(answer.body)))
end

return stream
