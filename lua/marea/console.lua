-- SPDX-License-Identifier: MIT
-- Shows a run of an agent in a terminal while it happens: its text as it comes,
-- tool calls and their results on a line each, what waits for a person, and a
-- line of sums at the end. Colours and the spinner are for terminals only, and
-- nothing a model or a tool says can steer one.

local check = require "marea.check"
local core = require "marea.core"
local json = require "marea.json"
local printable = require "marea.printable"
local task = require "marea.task"

local console = {}

---@class marea.Console
local methods = {}
local metatable = { __name = "marea.console", __index = methods }

local TICK = 0.1
local WIDTH = 80
local MAX_RESULT_LINES = 3

---- the terminal ---------------------------------------------------------------------------

local function succeeds(command)
  local status = os.execute(command .. " 2>/dev/null")
  return status == true or status == 0
end

local function is_terminal(out)
  return out == io.stdout and succeeds "test -t 1"
end

local function wants_colour()
  return not os.getenv "NO_COLOR" and os.getenv "TERM" ~= "dumb"
end

local function speaks_utf8()
  local locale = os.getenv "LC_ALL" or os.getenv "LC_CTYPE" or os.getenv "LANG" or ""
  return locale:lower():find("utf%-?8") ~= nil
end

local function columns()
  local said = tonumber(os.getenv "COLUMNS")
  if said then return said end
  local pipe = io.popen "stty size 2>/dev/null </dev/tty"
  local size = pipe and pipe:read "*a" or ""
  if pipe then pipe:close() end
  return tonumber(size:match "^%d+ (%d+)") or WIDTH
end

local plain = { call = "*", result = "->", failed = "x", handoff = "=>", waits = "?", cut = "...", sums = "--",
  frames = { "|", "/", "-", "\\" } }
local fancy = { call = "●", result = "└", failed = "✗", handoff = "→", waits = "?", cut = "…", sums = "—",
  frames = { "◐", "◓", "◑", "◒" } }

local codes = { dim = "2", bold = "1", red = "31", green = "32", yellow = "33", cyan = "36" }

---- making one -----------------------------------------------------------------------------

local fields = { out = "anything", color = "a boolean", spinner = "a boolean", utf8 = "a boolean",
  width = "a whole number of at least 1", reasoning = "a boolean", sums = "a boolean" }

local function choose(given, default)
  if given == nil then return default end
  return given
end

--- Makes a printer. What isn't said is found out: colours and a spinner where
--- `out` (standard output) is a terminal, its width, whether it takes UTF-8.
---@param options marea.ConsoleOptions|nil
---@return marea.Console
function console.new(options)
  options = options or {}
  for name, value in pairs(options) do
    if not fields[name] then error(("marea.console: unknown option %q"):format(tostring(name)), 2) end
    if name ~= "out" then check.value(1, "marea.console, " .. name, fields[name], value) end
  end
  local out = options.out or io.stdout
  local terminal = is_terminal(out)
  return setmetatable({
    out = out, color = choose(options.color, terminal and wants_colour()),
    spinner = choose(options.spinner, terminal and os.getenv "TERM" ~= "dumb"),
    marks = choose(options.utf8, speaks_utf8()) and fancy or plain,
    width = options.width or (terminal and columns() or WIDTH),
    reasoning = choose(options.reasoning, true), sums = choose(options.sums, true),
  }, metatable)
end

---- writing --------------------------------------------------------------------------------

local function paint(self, colour, text)
  if not self.color or text == "" then return text end
  return ("\27[%sm%s\27[0m"):format(codes[colour], text)
end

-- The spinner's line is the only one that is ever taken back.
local function wipe(self)
  if not self.spinning then return end
  self.out:write("\r\27[2K")
  self.spinning = false
end

local function write(self, text)
  wipe(self)
  self.out:write(text)
  if self.out.flush then self.out:flush() end
end

-- On a line of its own; "" only ends the one that is being written.
local function line(self, text)
  local before = self.within and "\n" or ""
  write(self, text == "" and before or before .. text .. "\n")
  self.within = false
end

-- Text that goes on where it stopped; another kind begins a line.
local function flow(self, kind, piece, colour)
  local text = self.cleaners[kind](piece)
  if text == "" then return end
  local start = self.within and self.within ~= kind and "\n" or ""
  if not self.within then text = text:gsub("^\n+", "") end
  if text == "" then return end
  write(self, start .. (colour and paint(self, colour, text) or text))
  self.within = not text:find("\n$") and kind or false
end

---- one line -------------------------------------------------------------------------------

local function one_space(spaces)
  return spaces:find("\n", 1, true) and " " or nil
end

local function one_line(text)
  return (printable.harmless(tostring(text)):gsub("%s+", one_space):gsub("\t", " "))
end

-- Characters beyond U+1100 are mostly twice as wide.
local function width_of(character)
  local byte = character:byte()
  return (byte >= 0xF0 or byte >= 0xE2 and character >= "\225\132\128" and byte ~= 0xE2) and 2 or 1
end

-- Cut to so many columns.
local function cut(self, text, most)
  local used, parts = 0, {}
  for character in text:gmatch("[%z\1-\127\192-\255][\128-\191]*") do
    used = used + width_of(character)
    if used > most - 1 then return table.concat(parts) .. self.marks.cut end
    parts[#parts + 1] = character
  end
  return text
end

local function sorted(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  return keys
end

-- city: "Madrid", unit: "c"
local function arguments_text(arguments)
  local parts = {}
  for i, key in ipairs(sorted(arguments or {})) do
    parts[i] = ("%s: %s"):format(one_line(key), one_line(json.encode(arguments[key], { sort = true })))
  end
  return table.concat(parts, ", ")
end

local function call_text(event)
  return ("%s(%s)"):format(one_line(event.name), arguments_text(event.arguments))
end

local function seconds_text(seconds)
  if seconds < 0.1 then return "" end
  return (" %.1f s"):format(seconds)
end

---- events ---------------------------------------------------------------------------------

local show = {}

-- Words of several who speak at once are shown once each has spoken.
function show.text(self, event)
  if not self.several then flow(self, "text", event.text) end
end

function show.refusal(self, event) flow(self, "text", event.text, "yellow") end

function show.reasoning(self, event)
  if self.reasoning and not self.several then flow(self, "reasoning", event.text, "dim") end
end

local function end_line(self)
  line(self, "")
end

function show.step(self) end_line(self) end

show["tool.start"] = function(self, event)
  self.running[event.id] = call_text(event)
end

-- A result's first lines, under its call.
local function result_lines(self, event)
  local n, text = 0, printable.harmless(event.result)
  for part in text:gmatch("[^\n]+") do
    n = n + 1
    if n > MAX_RESULT_LINES then return line(self, "    " .. paint(self, "dim", self.marks.cut)) end
    local mark = n == 1 and self.marks.result or (" "):rep(#self.marks.result > 2 and 1 or 2)
    line(self, ("  %s %s"):format(paint(self, "dim", mark),
      paint(self, event.failed and "red" or "dim", cut(self, one_line(part), self.width - 5))))
  end
end

show["tool.end"] = function(self, event)
  self.running[event.id] = nil
  local took = seconds_text(event.seconds)
  local text = cut(self, call_text(event), self.width - 3 - #took)
  local name, rest = text:match("^([^(]*)(.*)$")
  local mark = event.failed and paint(self, "red", self.marks.failed) or paint(self, "green", self.marks.call)
  line(self, ("%s %s%s%s"):format(mark, paint(self, "bold", name), rest, paint(self, "dim", took)))
  result_lines(self, event)
end

function show.handoff(self, event)
  line(self, paint(self, "cyan", ("%s %s"):format(self.marks.handoff, one_line(event.to))))
end

local function heading(self, event)
  line(self, paint(self, "bold", ("[%s]"):format(one_line(event.agent))))
end

-- Whose turn it is, in a team.
function show.turn(self, event)
  self.turns[event.team] = (self.turns[event.team] or 0) + 1
  self.several = self.several or self.turns[event.team] > 1 and event.team
  heading(self, event)
end

function show.message(self, event)
  self.turns[event.team] = (self.turns[event.team] or 1) - 1
  if not self.several then return end
  if self.several == event.team then
    heading(self, event)
    line(self, printable.harmless(event.message.content))
  end
  if self.several == event.team and self.turns[event.team] == 0 then self.several = nil end
end

function show.pending(self, event)
  for _, item in ipairs(event.pending) do
    line(self, paint(self, "yellow", ("%s %s"):format(self.marks.waits,
      cut(self, call_text(item) .. " waits for approval", self.width - 3))))
  end
end

local function plural(n, word)
  return ("%d %s%s"):format(n, word, n == 1 and "" or "s")
end

local function sums_of(result, seconds)
  local used = result.usage
  local parts = { plural(result.steps, "step") }
  if used.tool_calls > 0 then parts[#parts + 1] = plural(used.tool_calls, "tool call") end
  if used.total_tokens > 0 then
    parts[#parts + 1] = ("%d tokens in, %d out"):format(used.input + used.cached, used.output + used.reasoning)
  end
  if used.cost then parts[#parts + 1] = ("cost %.4g"):format(used.cost) end
  parts[#parts + 1] = ("%.1f s"):format(seconds)
  return table.concat(parts, ", ")
end

function show.done(self, event)
  local result = event.result
  end_line(self)
  if result.stop ~= "done" and result.stop ~= "pending" then
    local why = result.guardrail and result.guardrail.reason or result.limit
    local text = "stopped: " .. one_line(result.stop) .. (why and ", " .. one_line(why) or "")
    line(self, paint(self, "yellow", text))
  end
  if self.sums then
    line(self, paint(self, "dim", ("%s %s"):format(self.marks.sums, sums_of(result, core.now() - self.began))))
  end
end

---- the spinner ----------------------------------------------------------------------------

local function status(self)
  local running = {}
  for _, text in pairs(self.running) do running[#running + 1] = text end
  table.sort(running)
  return running[1] and table.concat(running, ", ") or "thinking"
end

-- Not while a line of text is being written.
local function draw(self)
  if self.within then return end
  self.frame = self.frame % #self.marks.frames + 1
  local since = core.now() - self.silent
  local text = cut(self, ("%s %.0f s"):format(status(self), since), self.width - 3)
  self.out:write("\r\27[2K", paint(self, "cyan", self.marks.frames[self.frame]), " ", paint(self, "dim", text))
  if self.out.flush then self.out:flush() end
  self.spinning = true
end

local function start_spinner(self)
  if not self.spinner then return function() end end
  local ticking = task.spawn(function()
    while true do
      task.sleep(TICK)
      draw(self)
    end
  end)
  return function()
    ticking:cancel()
    wipe(self)
  end
end

---- what others call -----------------------------------------------------------------------

local function reset(self)
  self.within, self.spinning, self.frame = false, false, 0
  self.began, self.silent, self.running = core.now(), core.now(), {}
  self.turns, self.several = {}, nil        -- of a team: how many have the floor
  self.cleaners = { text = printable.new(), reasoning = printable.new() }
end

local function pump(self, stream)
  while true do
    local event, err = stream:next()
    if not event then return err end
    self.silent = core.now()
    if show[event.type] then show[event.type](self, event) end
  end
end

--- Shows a stream to its end, and returns the run's result; or nil and the error,
--- which it has shown.
---@param stream marea.AgentStream
---@return marea.AgentResult|nil result, marea.error|nil
function methods:show(stream)
  reset(self)
  local stop = start_spinner(self)
  local ok, err = pcall(pump, self, stream)
  stop()
  if not ok then
    end_line(self)
    error(err, 0)
  end
  if err then
    line(self, paint(self, "red", self.marks.failed .. " " .. one_line(err)))
    return nil, err
  end
  return stream:result()
end

return console
