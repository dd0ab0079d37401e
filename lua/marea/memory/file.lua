-- SPDX-License-Identifier: MIT
-- Where a vector memory is kept without a database: a line of JSON for each item,
-- added at the end. What a process that died left of its last line is passed over.

local json = require "marea.json"

local file = {}

local methods = {}
local metatable = { __index = methods }

--- Opens the file, which need not be there yet.
function file.open(path)
  return setmetatable({ path = path, kind = "file" }, metatable)
end

local function decode(path, line, number)
  local item = json.decode(line)
  if type(item) == "table" and type(item.text) == "string" then return item end
  return nil, ("%s, line %d: it is no item of a memory"):format(path, number)
end

--- All items, in order.
---@return table[]|nil, string|nil
function methods:load()
  local handle = io.open(self.path, "rb")
  if not handle then return {} end
  local text = handle:read "*a"
  handle:close()
  local list, number = {}, 0
  self.torn = text ~= "" and text:sub(-1) ~= "\n"
  for line, ending in text:gmatch "([^\n]*)(\n?)" do
    number = number + 1
    if line ~= "" and ending ~= "" then
      local item, why = decode(self.path, line, number)
      if not item then return nil, why end
      list[#list + 1] = item
    end
  end
  return list
end

-- Takes off the line that was begun.
local function mend(self)
  local handle, why = io.open(self.path, "rb")
  if not handle then return nil, why end
  local text = handle:read "*a"
  handle:close()
  local new = self.path .. ".new"
  handle, why = io.open(new, "wb")
  if not handle then return nil, why end
  local ok = handle:write(text:match "^(.*\n)" or "")
  if not handle:close() or not ok then return nil, "it could not be mended" end
  return os.rename(new, self.path)
end

--- Adds items.
---@return boolean|nil, string|nil
function methods:append(items)
  if self.torn then
    local ok, why = mend(self)
    if not ok then return nil, why end
  end
  local handle, why = io.open(self.path, "ab")
  if not handle then return nil, why end
  local lines = {}
  for _, item in ipairs(items) do lines[#lines + 1] = json.encode(item, { sort = true }) end
  local ok
  ok, why = handle:write(table.concat(lines, "\n"), "\n")
  local closed, late = handle:close()
  self.torn = false
  if not ok or not closed then return nil, why or late end
  return true
end

function methods:clear()
  local handle, why = io.open(self.path, "wb")
  if not handle then return nil, why end
  self.torn = false
  return handle:close()
end

function methods.close() end

return file
