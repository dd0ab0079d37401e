-- SPDX-License-Identifier: MIT
-- Images: made from a prompt, or from another image that comes in a form.

local calls = require("provider.calls")
local check = require("provider.check")
local embeddings = require("provider.embeddings")
local form = require("provider.form")
local json = require("provider.json")

local endpoints = {}

-- The smallest picture there is: one pixel, by the grey of the prompt's length.
local function pixel(prompt)
  local gif = "GIF89a\1\0\1\0\128\0\0" .. string.char(#prompt % 256):rep(3)
    .. "\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
  return gif
end

local function send_images(call, prompt, format, n)
  local data = {}
  for i = 1, n or 1 do
    local coded = embeddings.base64(pixel(prompt))
    data[i] = format == "url"
      and json.object("url", "data:image/gif;base64," .. coded)
      or json.object("b64_json", coded)
  end
  return calls.reply(call, json.object("created", call.scenario.created,
    "data", json.list(data)))
end

function endpoints.images(call)
  local body = call.body
  local fault = calls.fault(call, "images", body)
  if fault then return calls.fail(call, fault) end
  return send_images(call, body.prompt, body.response_format, body.n)
end

-- Forms with pictures, of which the script sees their length.
local function draw(call, endpoint)
  local parts = form.parse(call.request)
  local image = parts and (parts.fields.image or parts.fields["image[]"])
  local fault = not parts and check.bad("not a multipart form")
    or type(image) ~= "table" and check.bad("Field required: image", "image")
    or calls.fault(call, endpoint, parts.fields)
  if fault then return calls.fail(call, fault) end
  local fields = parts.fields
  return send_images(call, image.data, fields.response_format,
    tonumber(fields.n))
end

function endpoints.image_edits(call)
  return draw(call, "image_edits")
end

function endpoints.image_variations(call)
  return draw(call, "image_variations")
end

return endpoints
