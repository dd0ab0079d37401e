-- SPDX-License-Identifier: MIT
-- Vectors made up from the bytes of a text: the same text, the same vector.

local json = require("provider.json")
local text = require("provider.text")

local o, list = json.object, json.list

local embeddings = {}

local function hash(source)
  local sum = 5381
  for i = 1, #source do sum = (sum * 33 + source:byte(i)) % 4294967296 end
  return sum
end

-- Multiples of 1/1024: the same number in JSON and as a float32.
local function vector(source, size)
  local seed, values = hash(source), {}
  for i = 1, size do
    seed = (seed * 1103515245 + 12345) % 2147483648
    values[i] = (math.floor(seed / 65536) % 2049 - 1024) / 1024
  end
  return values
end

local DIGITS =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function digit(value)
  return DIGITS:sub(value + 1, value + 1)
end

function embeddings.base64(bytes)
  local encoded = bytes:gsub("..?.?", function(group)
    local a, b, c = group:byte(1, 3)
    local sum = a * 65536 + (b or 0) * 256 + (c or 0)
    return digit(math.floor(sum / 262144)) .. digit(math.floor(sum / 4096) % 64)
      .. (b and digit(math.floor(sum / 64) % 64) or "=")
      .. (c and digit(sum % 64) or "=")
  end)
  return encoded
end

local function packed(values)
  for i, value in ipairs(values) do values[i] = string.pack("<f", value) end
  return embeddings.base64(table.concat(values))
end

-- The reply to a request that was found good; `size` of each vector.
function embeddings.reply(body, size)
  local inputs, data, tokens = body.input, {}, 0
  if type(inputs) == "string" then inputs = { inputs } end
  for i, input in ipairs(inputs) do
    local values = vector(input, size)
    local coded = body.encoding_format == "base64" and packed(values)
    data[i] = o("object", "embedding", "index", i - 1,
      "embedding", coded or list(values))
    tokens = tokens + text.count(input)
  end
  return o("object", "list", "model", body.model, "data", list(data),
    "usage", o("prompt_tokens", tokens, "total_tokens", tokens))
end

return embeddings
