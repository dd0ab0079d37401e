-- SPDX-License-Identifier: MIT
-- What a server says is read in time that grows with its length, not with the
-- square of it: no text within our limits stops the program. Patterns that look
-- innocent take minutes for 100 KiB of the wrong bytes, and nothing can
-- interrupt them.

local chat = require("marea.gather.chat")
local Error = require("marea.error")
local headers = require("marea.headers")
local json = require("marea.json")
local output = require("marea.agent.output")
local partial = require("marea.partial")
local printable = require("marea.printable")
local redact = require("marea.redact")
local redirect = require("marea.redirect")
local responses = require("marea.gather.responses")
local retry = require("marea.retry")
local think = require("marea.think")
local transcript = require("marea.gather.transcript")

local SIZE = 100 * 1024                -- libcurl's limit for one header line
local LIMIT = os.getenv("MAREA_SANITIZED") and 8 or 0.4   -- seconds; a square takes several

local function fill(bytes)
  return bytes:rep(math.floor(SIZE / #bytes))
end

local SPACES = fill(" ")

local function head(line)
  return "HTTP/1.1 200 OK\r\n" .. line .. "\r\n\r\n"
end

local function from_body(body, fields)
  return Error.from_response { status = 500, headers = fields or {}, body = body,
    redact = redact.new { "sk-secret-4711" } }
end

local function from_location(location)
  return Error.from_response { status = 302, headers = { location = location } }
end

local function wait_of(value)
  return retry.after({ ["retry-after"] = value }, 1)
end

local function wait_ms(value)
  return retry.after({ ["retry-after-ms"] = value }, 1)
end

local function reset_of(value)
  return headers.rate_limit({ ["x-ratelimit-reset"] = value }, 1)
end

local function limit_of(value)
  return headers.rate_limit({ ["x-ratelimit-limit"] = value }, 1)
end

local plan = output.new({ type = "object" }, 1)

local function read_output(text)
  return output.read(plan, text)
end

local cases = {
  { "a header's value, spaces inside", headers.parse, head("a: x" .. SPACES .. "x") },
  { "a header's name, spaces inside", headers.parse, head("a" .. SPACES .. "b: x") },
  { "a header of nothing but spaces", headers.parse, head("a:" .. SPACES) },
  { "a header folded again and again", headers.parse, head("a: x\r\n" .. fill(" y\r\n")) },
  { "a header folded with spaces alone", headers.parse, head("a: x\r\n" .. fill(" \r\n")) },
  { "a line of CRs", headers.parse, head(fill("\r")) },
  { "a status line of spaces", headers.parse, "HTTP/1.1 200" .. SPACES .. "x\r\n\r\n" },
  { "many lines of one header", headers.parse, head(fill("a: b\r\n")) },
  { "a wait, spaces inside", wait_of, "1" .. SPACES .. "1" },
  { "a wait of nothing but spaces", wait_of, SPACES },
  { "a wait of digits", wait_of, fill("1") .. "x" },
  { "a wait of digits and points", wait_of, fill("1.") },
  { "a wait in milliseconds, spaces inside", wait_ms, "1" .. SPACES .. "1" },
  { "a wait in milliseconds of digits", wait_ms, fill("1") .. "x" },
  { "a date of letters", wait_of, fill("a") .. ", 1" },
  { "a reset, spaces inside", reset_of, "1" .. SPACES .. "1" },
  { "a reset of digits", reset_of, fill("1") .. "x" },
  { "a reset of many units", reset_of, fill("1m") },
  { "a limit of digits", limit_of, SPACES .. fill("1") },
  { "an error's body, millions of blanks", from_body, (" "):rep(48 * 1024 * 1024) },
  { "a text, spaces inside", from_body, "x" .. SPACES .. "x" },
  { "a text of nothing but spaces", from_body, SPACES },
  { "a page of comments never closed", from_body, "<" .. fill("<!--") },
  { "a page of dashes", from_body, "<!--" .. fill("-") },
  { "a page of tags never closed", from_body, fill("<") },
  { "a page of titles never closed", from_body, fill("<title>") },
  { "a page of titles whose tags are never closed", from_body, fill("<title ") },
  { "a page of titles closed with spaces", from_body, "<title>" .. fill("</titl ") },
  { "a page of scripts never closed", from_body, "<a>" .. fill("<script>") },
  { "a page of scripts closed with spaces", from_body, "<a>" .. fill("<script></script ") },
  { "a page of styles never closed", from_body, "<a>" .. fill("<style ") },
  { "a page of headings", from_body, fill("<h1>") },
  { "a page of entities", from_body, "<a>" .. fill("&#") },
  { "a page, spaces inside", from_body, "<a>x" .. SPACES .. "x" },
  { "a message of waits", from_body, '{"message":"' .. fill("retry after ") .. '"}' },
  { "a message of digits", from_body, '{"message":"retry after ' .. fill("1") .. '"}' },
  { "a message of keys", from_body, '{"message":"' .. fill("sk-secret-471") .. '"}' },
  { "a location of one long word", from_location, "https://h/p?" .. fill("a") },
  { "a location of question marks", from_location, "https://h/p" .. fill("?") },
  { "a location of question marks after a name", from_location, "https://h/p" .. fill("a?") .. "=" },
  { "a location of equals signs", from_location, "https://h/p?" .. fill("=") },
  { "a location of names", from_location, "https://h/p?" .. fill("a=") },
  { "a location of pairs", from_location, "https://h/p?" .. fill("key=a&") },
  { "a location of ats", from_location, "https://" .. fill("a@") },
  { "a location of slashes", from_location, "https:" .. fill("/") },
  { "a location of colons", from_location, fill("a:") },
  { "a URL of dots", function(s) return redirect.resolve("https://h/a/b", s) end, fill("../") },
  { "a URL of slashes", function(s) return redirect.resolve("https://h/a/b", s) end, fill("/") },
  { "a URL of one long segment", function(s) return redirect.resolve("https://h/a/b", s) end, fill("a") },
  { "a URL of hashes", function(s) return redirect.resolve("https://h/a/b", s) end, fill("#") },
  { "an object that never ends", read_output, fill("{") },
  { "a list that never ends", read_output, fill("[") },
  { "a fence that is never closed", read_output, "```json\n" .. fill("``") },
  { "fences without an end of line", read_output, fill("```a ") },
  { "what steers a terminal, begun", printable.harmless, fill("\27[") },
  { "what steers a terminal, of digits", printable.harmless, "\27[" .. fill("1") },
  { "a title for a terminal, begun", printable.harmless, fill("\27]") },
  { "JSON that is still arriving", function(s)
    local reader = partial.new()
    for at = 1, #s, 10 do reader:add(s:sub(at, at + 9)) end
  end, fill("[1,") },
  { "lists where an object is wanted, still arriving", function(s)
    local reader = partial.new { object = true }
    for at = 1, #s, 10 do reader:add(s:sub(at, at + 9)) end
  end, fill('[["x",] ') },
  { "a text that is still arriving", function(s)
    local reader = partial.new()
    for at = 1, #s, 10 do reader:add(s:sub(at, at + 9)) end
    reader:value()
  end, '{"a":"' .. fill("x") },
  { "a number that is still arriving", function(s)
    local reader = partial.new()
    for at = 1, #s, 10 do reader:add(s:sub(at, at + 9)) end
  end, "[" .. fill("1") },
  { "a line for a person, of controls", function(s)
    return tostring(Error.new { kind = "server", message = s, url = s, request_id = s })
  end, fill("\194\155") },
}

describe("hardly any time is needed to read", function()
  for _, case in ipairs(cases) do
    it(case[1], function()
      local started = os.clock()
      case[2](case[3])
      local seconds = os.clock() - started
      assert.is_true(seconds < LIMIT, ("%d bytes took %.1f s"):format(#case[3], seconds))
    end)
  end
end)

-- A chunk that takes longer the more came before it is the same trouble, slower.
local CHUNKS = 20000
local LONG = ("x"):rep(200)

local function chunk_of(delta)
  return { id = "c", choices = json.array { { index = 0, delta = delta } } }
end

local function message_of(fields)
  return { id = "c", choices = json.array { { index = 0, message = fields } } }
end

local function call_of(fragment)
  fragment["function"] = fragment["function"] or { arguments = "{x" }
  return chunk_of { tool_calls = json.array { fragment } }
end

local streams = {
  { "text", chat, function() return chunk_of { content = LONG } end },
  { "reasoning", chat, function() return chunk_of { reasoning = LONG } end },
  { "calls with ever new ids", chat, function(i) return call_of { id = "call" .. i } end },
  { "calls with ever new ids and names", chat, function(i)
    return call_of { id = "call" .. i, ["function"] = { name = "f", arguments = "{}" } }
  end },
  { "calls without ids, named each time", chat, function()
    return call_of { ["function"] = { name = "f", arguments = "{" .. LONG } }
  end },
  { "a name in pieces", chat, function(i)
    return call_of { index = 0, ["function"] = { name = i .. LONG, arguments = "" } }
  end },
  { "arguments that seem to begin again", chat, function() return call_of { index = 0 } end },
  { "pieces of one detail", chat, function()
    return chunk_of { reasoning_details = json.array { { index = 0, type = "a", text = LONG } } }
  end },
  { "ever new details", chat, function(i)
    return chunk_of { reasoning_details = json.array { { index = i, type = "a", text = "x" } } }
  end },
  { "a function call of old", chat, function() return chunk_of { function_call = { arguments = LONG } } end },
  { "sound", chat, function() return chunk_of { audio = { data = LONG, transcript = LONG } } end },
  { "messages in place of deltas", chat, function() return message_of { content = LONG, reasoning = LONG } end },
  { "messages between deltas", chat, function(i)
    return i % 2 == 0 and message_of { content = "", reasoning = "" } or chunk_of { content = LONG, reasoning = LONG }
  end },
  { "messages of other texts between deltas", chat, function(i)
    return i % 2 == 0 and message_of { content = "y" } or chunk_of { content = LONG }
  end },
  { "messages that say it all, again and again", chat, function() return message_of { content = LONG } end },
  { "usage", chat, function(i) return { choices = json.array {}, usage = { total_tokens = i } } end },
  { "ever new fields", chat, function(i) return chunk_of { ["x" .. i] = "x" } end },
  { "a response's text", responses, function()
    return { type = "response.output_text.delta", delta = LONG, output_index = 0 }
  end },
  { "a response's arguments", responses, function(i)
    return { type = "response.function_call_arguments.delta", delta = LONG, output_index = i % 120 }
  end },
  { "a transcript", transcript, function() return { type = "transcript.text.delta", delta = LONG } end },
  { "reasoning between tags", think, function() return "</thin" end },
}

-- What a splitter of reasoning does with pieces, in a gatherer's clothes.
local function gatherer_of(module)
  if module ~= think then return module.new(1) end
  local splitter = think.new { "think" }
  splitter:add("<think>")
  return { add = function(_, piece) splitter:add(piece) end, result = function() return splitter:finish() end }
end

describe("the last of many chunks takes as long as the first:", function()
  for _, case in ipairs(streams) do
    it(case[1], function()
      local gather, started = gatherer_of(case[2]), os.clock()
      for i = 1, CHUNKS do gather:add(case[3](i), {}) end
      gather:result()
      local seconds = os.clock() - started
      assert.is_true(seconds < 4 * LIMIT, ("%d chunks took %.1f s"):format(CHUNKS, seconds))
    end)
  end
end)
