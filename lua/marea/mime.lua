-- SPDX-License-Identifier: MIT
-- What kind of file something is: by how it begins, which is the truth, and by
-- the extension of its name, which is what people see.

local mime = {}

local by_extension = {
  mp3 = "audio/mpeg", mpga = "audio/mpeg", wav = "audio/wav", flac = "audio/flac", aac = "audio/aac",
  m4a = "audio/mp4", ogg = "audio/ogg", oga = "audio/ogg", opus = "audio/ogg", pcm = "audio/pcm",
  mp4 = "video/mp4", mpeg = "video/mpeg", webm = "video/webm",
  png = "image/png", jpg = "image/jpeg", jpeg = "image/jpeg", gif = "image/gif", webp = "image/webp",
  bmp = "image/bmp", tif = "image/tiff", tiff = "image/tiff", svg = "image/svg+xml", avif = "image/avif",
  heic = "image/heic", heif = "image/heif",
  pdf = "application/pdf", zip = "application/zip", json = "application/json", jsonl = "application/jsonl",
  srt = "application/x-subrip", vtt = "text/vtt", txt = "text/plain", md = "text/markdown", csv = "text/csv",
  html = "text/html", lua = "text/x-lua",
}

-- The extension servers expect of each type that may come without a name.
local extensions = {
  ["audio/mpeg"] = "mp3", ["audio/wav"] = "wav", ["audio/flac"] = "flac", ["audio/aac"] = "aac",
  ["audio/mp4"] = "m4a", ["audio/ogg"] = "ogg", ["audio/pcm"] = "pcm", ["video/mp4"] = "mp4",
  ["video/webm"] = "webm", ["audio/webm"] = "webm", ["image/png"] = "png", ["image/jpeg"] = "jpg",
  ["image/gif"] = "gif", ["image/webp"] = "webp", ["application/pdf"] = "pdf", ["text/plain"] = "txt",
}

-- Patterns of a file's first bytes, the more telling ones first.
local beginnings = {
  { "^\137PNG\r\n\26\n", "image/png" },
  { "^\255\216\255", "image/jpeg" },
  { "^GIF8[79]a", "image/gif" },
  { "^RIFF....WEBP", "image/webp" },
  { "^RIFF....WAVE", "audio/wav" },
  { "^OggS", "audio/ogg" },
  { "^fLaC", "audio/flac" },
  { "^ID3", "audio/mpeg" },
  { "^\255[\240\241\248\249]", "audio/aac" },
  { "^\255[\226\227\242\243\250\251]", "audio/mpeg" },
  { "^....ftypM4[AB] ", "audio/mp4" },
  { "^....ftypavi[fs]", "image/avif" },
  { "^....ftyphei[cx]", "image/heic" },
  { "^....ftyp", "video/mp4" },
  { "^\26E\223\163", "video/webm" },
  { "^%%PDF%-", "application/pdf" },
  { "^BM....%z%z%z%z", "image/bmp" },
}

---@param name string|nil
---@return string|nil in lower case
function mime.extension(name)
  local extension = name and name:match("%.(%w+)$")
  return extension and extension:lower()
end

--- The type a file's name tells, or nil.
function mime.of_name(name)
  return by_extension[mime.extension(name) or ""]
end

--- The type a file's first bytes tell, or nil.
function mime.of_bytes(bytes)
  local start = bytes:sub(1, 16)
  for _, beginning in ipairs(beginnings) do
    if start:find(beginning[1]) then return beginning[2] end
  end
end

--- An extension for a type, or nil.
function mime.extension_of(kind)
  return extensions[kind]
end

-- Sound in a film's container is sound too.
local sounding = { ["video/mp4"] = "mp4", ["video/webm"] = "webm" }

local function format_of(kind)
  return kind and (kind:find("^audio/") and extensions[kind] or sounding[kind])
end

--- The word for a format of sound, such as "wav", or nil. One container may hold
--- several: there the name tells.
---@param bytes string
---@param name string|nil
function mime.audio_format(bytes, name)
  local by_bytes, by_name = mime.of_bytes(bytes), mime.of_name(name)
  if by_name and format_of(by_name) and (by_bytes == nil or by_bytes == by_name) then
    return name:lower():find("%.opus$") and "opus" or format_of(by_name)
  end
  return format_of(by_bytes)
end

--- Whether a body of this type is text to be read, as subtitles are.
function mime.is_text(kind)
  return kind:find("^text/") ~= nil or kind == "application/x-subrip"
end

--- Whether a body of this type is one value of JSON. Lines of JSON are not:
--- application/jsonl, application/x-ndjson.
function mime.is_json(kind)
  return kind:find("%f[%w]json$") ~= nil
end

return mime
