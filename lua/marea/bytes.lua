-- SPDX-License-Identifier: MIT
-- Answers that are bytes, such as speech: kept whole, written to a file as they
-- arrive, or handed on as a stream. Which of them is said in the second table
-- of a call, `{ to = path }` or `{ stream = true }`.

local files = require("marea.compat").lazy "marea.files"
local fault = require("marea.compat").lazy "marea.fault"
local request = require "marea.request"
local result = require "marea.result"
local stream = require "marea.stream"

local bytes = {}

-- A server that has no sound to send says why in words.
local function is_words(kind, start)
  if kind == "" then return start:find("^%s*[{<]") ~= nil end
  return kind:find("json", 1, true) or kind:find("xml", 1, true) or kind:find("^text/")
end

-- The error in an answer that is not what was asked for.
local function refuse(call, answer, expected, read)
  local kind = answer:media_type()
  local cancelled = request.read_whole(answer)
  local err = not cancelled and fault.of_transfer(call, answer)
  request.let_go(answer)
  if cancelled then error(cancelled, 0) end
  if not err and not kind:find("^text/") then
    err = select(2, read(answer))
  end
  return nil, err or fault.of_answer(call, answer, "protocol",
    ("expected %s, got %s"):format(expected, kind == "" and "words" or kind))
end

local function save(from, answer, sink, path)
  local piece, err = from:next()
  while piece do
    local ok, message, code = sink:write(piece)
    if not ok then
      from:close()
      return nil, files.error("write", path, message, code)
    end
    piece, err = from:next()
  end
  if err then return nil, err end
  local whole = assert(from:result())
  local ok, message, code = sink:finish()
  if not ok then return nil, files.error("write", path, message, code) end
  return result.new({ path = path, size = whole.size, content_type = whole.content_type }, answer)
end

local function receive(call, options, expected, read, sink)
  local answer, err = request.send(call)
  if not answer then return nil, err end
  local kind = answer:media_type()
  if options.stream and kind == "text/event-stream" then return stream.open(call, answer) end
  if expected and is_words(kind, answer.transfer:peek(64)) then return refuse(call, answer, expected, read) end
  local from, broken = stream.raw(call, answer)
  if not from or options.stream then return from, broken end
  if sink then return save(from, answer, sink, options.to) end
  return from:result()
end

--- Checks what the second table says of an answer that is bytes: of `to` and
--- `stream`, only what is `allowed`. Levels as for marea.check.
function bytes.check(level, who, options, allowed, streamed)
  for _, name in ipairs { "to", "stream" } do
    if options[name] ~= nil and not allowed[name] then
      error(("%s, options: `%s` is for calls whose answer is bytes"):format(who, name), level + 2)
    end
  end
  if options.to and options.to:find("%z") then
    error(who .. ", options, to: a path holds no NUL byte", level + 2)
  end
  if options.to and (options.stream or streamed) then
    error(who .. ": an answer is streamed, or saved with `to`, not both", level + 2)
  end
end

local BYTES, NOT_BYTES = { to = true, stream = true }, {}

--- The second table of a call, where it may say that the answer is bytes. A stream
--- may also be asked for where all others are: among the parameters.
---@param streamed boolean|nil it is
---@return table options
function bytes.delivery(level, who, endpoint, options, streamed)
  bytes.check(level + 1, who, options, endpoint.bytes and BYTES or NOT_BYTES, streamed)
  if not streamed then return options end
  local out = {}
  for name, value in pairs(options) do out[name] = value end
  out.stream = true
  return out
end

--- Sends a call whose answer is bytes.
---@param call marea.Call
---@param options table the second table of the call
---@param expected string|nil what the bytes are, where words would be an error
---@param read fun(answer: marea.Answer): table|nil, marea.error|nil the result of one in JSON, read whole
---@return marea.Result|marea.Stream|nil, marea.error|nil
function bytes.fetch(call, options, expected, read)
  if not options.to then return receive(call, options, expected, read) end
  local sink, err = files.create(options.to)
  if not sink then return nil, err end
  local ok, got, broken = pcall(receive, call, options, expected, read, sink)
  sink:abandon()
  if not ok then error(got, 0) end
  return got, broken
end

return bytes
