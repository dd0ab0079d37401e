-- SPDX-License-Identifier: MIT
-- Parts of a message made of files: an image as a data URL, sound in base64.

local base64 = require("marea.core").base64
local check = require "marea.check"
local Error = require("marea.compat").lazy "marea.error"
local files = require "marea.files"
local mime = require "marea.mime"

local parts = {}

local MOST = 256 * 1024 * 1024      -- a message goes in one piece

-- Its bytes; or nil and an error.
local function load(source)
  if source.data then return source.data end
  return files.read(source.path, MOST)
end

-- The source as a table, checked.
local function check_source(level, who, source, form)
  if type(source) == "string" then source = { path = source } end
  check.fields(level + 1, who, source, form)
  local given = (source.path and 1 or 0) + (source.data and 1 or 0) + (source.url and 1 or 0)
  if given ~= 1 then
    error(("%s: expected one of path, data%s"):format(who, form.url and " and url" or ""), level + 2)
  end
  if source.path then files.check_path(level + 1, who .. ", path", source.path) end
  files.check_type(level + 1, who, source.content_type)
  return source
end

local function unknown(source, what, ask)
  return nil, Error.new { kind = "bad_request", message = ("%s is %s of no known type: say its %s"):format(
    source.path or "the data", what, ask) }
end

---- images -------------------------------------------------------------------

local image_form = { path = "a non-empty string", data = "a string", url = "a non-empty string",
  content_type = "a non-empty string", detail = "a non-empty string" }

local function is_image(kind)
  return kind and kind:find("^image/") and kind
end

local function image_url(source)
  if source.url then return source.url end
  local bytes, err = load(source)
  if not bytes then return nil, err end
  local kind = source.content_type or is_image(mime.of_bytes(bytes)) or is_image(mime.of_name(source.path))
  if not kind then return unknown(source, "an image", "content_type") end
  return base64.encode(bytes, "data:" .. kind .. ";base64,")
end

--- A part of a message that shows an image: a path, the URL of one (http, https
--- or data), or { path = | data = | url =, content_type =, detail = }.
---@param source string|marea.ImageSource
---@return table|nil part, marea.error|nil
function parts.image(source)
  if type(source) == "string" and (source:find("^%a+://") or source:find("^data:")) then source = { url = source } end
  source = check_source(1, "marea.image", source, image_form)
  local url, err = image_url(source)
  if not url then return nil, err end
  return { type = "image_url", image_url = { url = url, detail = source.detail } }
end

---- sound --------------------------------------------------------------------

local audio_form = { path = "a non-empty string", data = "a string", format = "a non-empty string" }

--- A part of a message that is heard: a path, or { path = | data =, format = },
--- such as "wav" or "mp3".
---@param source string|marea.AudioSource
---@return table|nil part, marea.error|nil
function parts.audio(source)
  source = check_source(1, "marea.audio", source, audio_form)
  local bytes, err = load(source)
  if not bytes then return nil, err end
  local format = source.format or mime.audio_format(bytes, source.path)
  if not format then return unknown(source, "sound", "format") end
  return { type = "input_audio", input_audio = { data = base64.encode(bytes), format = format } }
end

return parts
