-- SPDX-License-Identifier: MIT
-- lua_curl.lua MODE BASE_URL [name=number...]: a stream, or one answer, with
-- what Lua had before: a binding of libcurl (Lua-cURL, or the older one Debian
-- packages), lua-cjson for the JSON, and the events cut out by hand, for one
-- server's line ends only.

local modern, curl = pcall(require, "cURL")
if not modern then curl = require "curl" end
local cjson = require "cjson"
local common = require "spec.bench.marea.common"

local pieces, bytes, rest = 0, 0, ""
local blocks = {}

local function add(text)
  pieces = pieces + 1
  bytes = bytes + #text
end

local function take(data)
  if data == "[DONE]" then return end
  local text = cjson.decode(data).choices[1].delta.content
  if text then add(text) end
end

local function cut(block)
  local from = 1
  rest = rest .. block
  while true do
    local first, last = rest:find("\n\n", from, true)
    if not first then break end
    take(rest:sub(from + 6, first - 1))
    from = last + 1
  end
  rest = rest:sub(from)
  return true
end

local function keep(block)
  blocks[#blocks + 1] = block
  return true
end

local url = arg[2] .. "/chat/completions"
local headers = { "Content-Type: application/json" }

local function perform_modern(body, write)
  local easy = curl.easy { url = url, httpheader = headers, postfields = body, writefunction = write }
  easy:perform()
  easy:close()
end

-- Its callback says how much it took.
local function perform_debian(body, write)
  local easy = curl.easy_init()
  easy:setopt(curl.OPT_URL, url)
  easy:setopt(curl.OPT_HTTPHEADER, headers)
  easy:setopt(curl.OPT_POSTFIELDS, body)
  easy:setopt(curl.OPT_WRITEFUNCTION, function(block)
    write(block)
    return #block
  end)
  assert(easy:perform())
end

local perform = modern and perform_modern or perform_debian

if arg[1] == "stream" then
  perform(cjson.encode { model = "bench", messages = common.messages, stream = true }, cut)
else
  perform(cjson.encode { model = "bench", messages = common.messages }, keep)
  add(cjson.decode(table.concat(blocks)).choices[1].message.content)
end
common.report { pieces = pieces, text_bytes = bytes }
