-- SPDX-License-Identifier: MIT
-- A multipart form, read strictly: each part begins and ends where RFC 7578
-- says, and has a name.

local form = {}

local MAX_PARTS = 1000

local function parse_head(head)
  local disposition
  local part = {}
  for line in (head .. "\r\n"):gmatch("(.-)\r\n") do
    local name, value = line:match("^([^:]+):%s*(.*)$")
    name = name and name:lower()
    if name == "content-disposition" then disposition = value end
    if name == "content-type" then part.content_type = value end
  end
  if not disposition or not disposition:find("^form%-data;") then return nil end
  part.name = disposition:match('[; ]name="([^"]*)"')
  part.filename = disposition:match('[; ]filename="([^"]*)"')
  return part.name and part or nil
end

local function parse_part(text)
  local stop, after = text:find("\r\n\r\n", 1, true)
  local part = stop and parse_head(text:sub(1, stop - 1))
  if part then part.data = text:sub(after + 1) end
  return part
end

local function boundary_of(request)
  local kind = request.header["content-type"] or ""
  if not kind:find("^multipart/form%-data") then return nil end
  return kind:match('boundary="([^"]+)"') or kind:match("boundary=([^;%s]+)")
end

-- The bytes of each part; nil where the form isn't whole.
local function split(body, boundary)
  local mark, parts = "\r\n--" .. boundary, {}
  body = "\r\n" .. body
  local _, stop = body:find(mark, 1, true)
  if stop ~= #mark then return nil end
  for i = 1, MAX_PARTS do
    if body:sub(stop + 1, stop + 2) == "--" then return parts end
    local start, next_stop = body:find(mark, stop + 1, true)
    if not start or body:sub(stop + 1, stop + 2) ~= "\r\n" then return nil end
    parts[i] = body:sub(stop + 3, start - 1)
    stop = next_stop
  end
end

-- A list of { name, data, filename, content_type }, in the order they came,
-- with `fields` (the last text by name) and `lists` (all of them) beside.
function form.parse(request)
  local boundary = boundary_of(request)
  local texts = boundary and split(request.body, boundary)
  if not texts then return nil end
  local parts = { fields = {}, lists = {} }
  for i, text in ipairs(texts) do
    local part = parse_part(text)
    if not part then return nil end
    parts[i] = part
    parts.fields[part.name] = part.filename and part or part.data
    local list = parts.lists[part.name] or {}
    list[#list + 1], parts.lists[part.name] = part.data, list
  end
  return parts
end

return form
