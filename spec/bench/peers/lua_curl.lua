-- SPDX-License-Identifier: MIT
-- lua_curl.lua BASE_URL [name=number...]: the firehose with what Lua had
-- before: a binding of libcurl (Lua-cURL, or the older one Debian packages),
-- lua-cjson for the JSON, and the events cut out by hand, for one server's
-- line ends only.

local modern, curl = pcall(require, "cURL")
if not modern then curl = require "curl" end
local cjson = require "cjson"
local common = require "spec.bench.marea.common"

local pieces, bytes, rest = 0, 0, ""

local function take(data)
  if data == "[DONE]" then return end
  local text = cjson.decode(data).choices[1].delta.content
  if text then
    pieces = pieces + 1
    bytes = bytes + #text
  end
end

local function write(block)
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

local url = arg[1] .. "/chat/completions"
local headers = { "Content-Type: application/json" }
local body = cjson.encode { model = "bench", messages = common.messages, stream = true }

local function perform_modern()
  local easy = curl.easy { url = url, httpheader = headers, postfields = body, writefunction = write }
  easy:perform()
  easy:close()
end

local function perform_debian()
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

if modern then perform_modern() else perform_debian() end
common.report { pieces = pieces, text_bytes = bytes }
