-- SPDX-License-Identifier: MIT
-- What passes between a client and a provider, written to a file, and answered
-- from it. A line of JSON for each exchange: what was asked, what came, and
-- when each event came. No header of a request is kept, and what is secret is
-- blanked in all that is.

local core = require "marea.core"
local base64 = core.base64
local client = require "marea.client"
local forms = require("marea.compat").lazy "marea.form"
local json = require "marea.json"
local loop = require "marea.loop"
local redact = require "marea.redact"
local show = require "marea.testing.show"
local transfer = require "marea.testing.transfer"
local url = require "marea.url"

local tape = {}

local VERSION = 1

-- Where under its base a request went: the tape serves any server.
local function path_of(call)
  local base = call.settings.base_url:gsub("%?.*$", ""):gsub("/+$", "")
  local path = call.url:sub(1, #base) == base and call.url:sub(#base + 1) or url.parse(call.url).path
  return redact.url(path)
end

-- The request as it is compared.
local function asked(call)
  local body = call.body and json.decode(call.body)
  if call.form then body = forms.shown(call.form) end
  if body == nil then body = call.body end
  return { method = call.method, path = path_of(call), body = body }
end

---- recording ------------------------------------------------------------------------

local function encode(value)
  return json.encode(value, { sort = true })
end

-- Headers that say nothing of the answer to a program.
local kept = { ["content-type"] = true, ["retry-after"] = true, ["retry-after-ms"] = true, ["x-request-id"] = true }

local function head_fields(head)
  local out = {}
  for name, value in head:gmatch("\n([^:\r\n]+):[ \t]*([^\r\n]*)") do
    if kept[name:lower()] then out[name:lower()] = value end
  end
  return out
end

local recorder = {}

-- Everything else the transfer itself does.
local recorder_mt = { __index = function(self, name)
  local own = recorder[name]
  if own then return own end
  return function(_, ...) return self.real[name](self.real, ...) end
end }

local function seconds_since(self)
  local now = core.now()
  local passed = now - self.last
  self.last = now
  return math.floor(passed * 1e4 + 0.5) / 1e4
end

-- The first thing that came says when the answer began.
local function note_event(self, event)
  local after = seconds_since(self)
  if not self.entry.after then self.entry.after, after = after, 0 end
  event.after = after
  self.entry.events = self.entry.events or json.array {}
  table.insert(self.entry.events, event)
end

-- Of what `pull` gave.
local function note(self, text, value, kind, message)
  if text == nil then return end
  if message == true then note_event(self, { done = true })
  elseif message then note_event(self, { text = "not JSON", type = kind })
  else note_event(self, { value = value, type = kind }) end
end

-- Of the real one it can be taken once.
function recorder:head()
  local first = self.first_head
  if not first then
    local status, times, text = self.real:head()
    first = { status = status, times = times, text = text }
    self.first_head = first
  end
  return first.status, first.times, first.text
end

function recorder:pull()
  local text, value, kind, message = self.real:pull()
  note(self, text, value, kind, message)
  return text, value, kind, message
end

function recorder:rest()
  local text, value, kind, message = self.real:rest()
  note(self, text, value, kind, message)
  return text, value, kind, message
end

function recorder:bytes()
  local body = self.real:bytes()
  if body then
    self.entry.after = self.entry.after or seconds_since(self)
    self.bytes_taken[#self.bytes_taken + 1] = body
  end
  return body
end

-- Sound is no text: JSON would not bring it back.
local function keep_body(entry, body)
  if json.decode(json.encode(body)) == body then entry.body = body
  else entry.body_base64 = base64.encode(body) end
end

-- The tape holds whole chunks: none is taken by its shape, none waits.
function recorder.pull_whole() end
function recorder.forget() end
function recorder.learn() return false end

function recorder:read_as(mode)
  self.real:read_as(mode)
end

local function write(self)
  local entry, real = self.entry, self.real
  local kind, message, phase = real:failure()
  if self.bytes_taken[1] then keep_body(entry, table.concat(self.bytes_taken)) end
  local status, _, head = self:head()
  entry.status, entry.headers = status, head_fields(head)
  if kind then entry.failure = { kind = kind, message = message, phase = phase } end
  local line = encode(redact.deep({ request = self.asked, answer = entry }, self.blank))
  local file = assert(io.open(self.path, "ab"))
  file:write(line, "\n")
  file:close()
end

function recorder:close()
  if not self.written then
    self.written = true
    write(self)
  end
  self.real:close()
end

local function to_network(_, ...)
  return loop.engine():transfer(...)
end

local function recording(path, open)
  return function(call, ...)
    local real, id = open(call, ...)
    local self = { real = real, path = path, entry = {}, asked = asked(call), blank = call:blanker(),
      last = core.now(), written = false, bytes_taken = {}, first_head = false }
    return setmetatable(self, recorder_mt), id
  end
end

--- A client that writes what passes to a file, which is begun anew.
---@param path string
---@param of marea.Client
---@return marea.Client
function tape.record(path, of)
  local transport, ours = client.transport(of)
  if not ours then
    error("marea.testing.record: expected a client made by marea.client (of a fallback, record each)", 2)
  end
  local file, message = io.open(path, "wb")
  if not file then error("marea.testing.record: " .. message, 2) end
  file:write(encode { marea_tape = VERSION }, "\n")
  file:close()
  return client.through(of, recording(path, transport or to_network))
end

---- replaying ------------------------------------------------------------------------

local function read(path)
  local file, message = io.open(path, "rb")
  if not file then error("marea.testing.replay: " .. message, 3) end
  local head = json.decode(file:read("*l") or "")
  if type(head) ~= "table" or head.marea_tape ~= VERSION then
    error(("marea.testing.replay: %s is no tape of version %d"):format(path, VERSION), 3)
  end
  local entries = {}
  for line in file:lines() do
    local entry, why = json.decode(line)
    if type(entry) ~= "table" then
      error(("marea.testing.replay: line %d of %s: %s"):format(#entries + 2, path, why or "no object"), 3)
    end
    entry.key = encode(entry.request)
    entries[#entries + 1] = entry
  end
  file:close()
  return entries
end

local function find(entries, key)
  for _, entry in ipairs(entries) do
    if not entry.used and entry.key == key then return entry end
  end
end

-- The first that nobody asked for yet is the likeliest to be meant.
local function unknown(path, entries, request)
  local nearest
  for _, entry in ipairs(entries) do
    if not nearest and not entry.used then nearest = entry end
  end
  local what = ("marea.testing.replay: a request is not on the tape %s"):format(path)
  if not nearest then
    error(("%s, all of which was used\nasked:\n  %s"):format(what, show.request(request.body or request)), 0)
  end
  error(what .. "\n" .. show.side_by_side("next on the tape", nearest.request, "asked", request), 0)
end

-- Times as recorded, by so much faster; none at all unless asked for.
local function timed(answer, speed)
  local out = {}
  for key, value in pairs(answer) do out[key] = value end
  local function time(after) return speed and after and after / speed or nil end
  out.after = time(answer.after)
  out.body = answer.body or answer.body_base64 and base64.decode(answer.body_base64)
  out.events = answer.events and {} or nil
  for i, event in ipairs(answer.events or {}) do
    out.events[i] = { value = event.value, text = event.text, type = event.type, done = event.done,
      after = time(event.after) }
  end
  return out
end

--- A client that answers from a tape; a request that is not on it raises, and
--- says how it differs from the next that is. `speed = 1` keeps the times of
--- the tape; without it nothing waits. Other options are marea.client's, and
--- should be those of the client that was recorded.
---@param path string
---@param options table|nil
---@return marea.Client
function tape.replay(path, options)
  local entries, given, speed = read(path), {}, nil
  for name, value in pairs(options or {}) do
    if name == "speed" then speed = value else given[name] = value end
  end
  if not given.base_url and not given.provider then given.base_url = "http://127.0.0.1/v1" end
  if given.provider and not given.api_key then given.api_key = "a-key-for-tests" end
  local self = client.through(client.new(given), function(call)
    local request = asked(call)
    local entry = find(entries, encode(redact.deep(request, call:blanker())))
    if not entry then unknown(path, entries, request) end
    entry.used = true
    return transfer.new(timed(entry.answer, speed), call.deadline)
  end)
  return self
end

return tape
