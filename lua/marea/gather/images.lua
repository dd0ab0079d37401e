-- SPDX-License-Identifier: MIT
-- Gathers the events of streamed images: each comes blurred at first, in some
-- steps, then whole.

local json = require "marea.json"

local images = {}

local methods = {}
local metatable = { __name = "marea.gather.images", __index = methods }

--- n is how many images were asked for.
function images.new(n)
  return setmetatable({
    n = type(n) == "number" and n or 1,
    fields = {},         -- of the result, besides the images
    whole = {},          -- images
    partial = nil,       -- the newest step of the one that is coming
    finished = false,
  }, metatable)
end

local of_image = { b64_json = true, url = true, revised_prompt = true }
local of_event = { type = true, partial_image_index = true, sequence_number = true }

-- Parts an event into its image and what is said of the whole; returns the image.
local function take(self, chunk)
  local image = {}
  for key, value in pairs(chunk) do
    if of_image[key] then image[key] = value
    elseif key == "created_at" then self.fields.created = value
    elseif not of_event[key] then self.fields[key] = value end
  end
  return image
end

local on = {}

function on.partial_image(self, chunk)
  self.partial = take(self, chunk)
end

function on.completed(self, chunk, out)
  self.whole[#self.whole + 1] = take(self, chunk)
  self.partial, self.finished = nil, #self.whole >= self.n
  if type(chunk.usage) == "table" then out[#out + 1] = { type = "usage", usage = chunk.usage } end
end

--- Adds an event of the wire, as gather/chat.lua does.
function methods:add(chunk, out)
  local act = type(chunk.type) == "string" and on[chunk.type:match("%.([%w_]+)$")]
  if act then act(self, chunk, out) end
end

function methods:add_run() end

function methods:finish() end

-- A server may give fewer than were asked for.
function methods:is_finished()
  return self.whole[1] ~= nil
end

methods.has_output = methods.is_finished

function methods:ended_with()
  return false
end

--- The images, as far as they have come.
function methods:result()
  local result = {}
  for key, value in pairs(self.fields) do result[key] = value end
  result.data = json.array {}
  for i, image in ipairs(self.whole) do result.data[i] = image end
  result.data[#result.data + 1] = self.partial
  return result
end

return images
