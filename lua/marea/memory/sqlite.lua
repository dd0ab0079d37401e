-- SPDX-License-Identifier: MIT
-- Where a vector memory is kept where LuaSQL's SQLite is: a table of items, each a
-- line of JSON, so that no byte of a text can end a statement.

local json = require "marea.json"

local sqlite = {}

local methods = {}
local metatable = { __index = methods }

--- Whether the module is there.
---@return boolean
function sqlite.is_there()
  return (pcall(require, "luasql.sqlite3"))
end

--- Opens the database, which is made if it is not there.
---@return table|nil, string|nil
function sqlite.open(path)
  local environment = require("luasql.sqlite3").sqlite3()
  local connection, why = environment:connect(path)
  if not connection then return nil, tostring(why) end
  local ok
  ok, why = connection:execute "create table if not exists marea_memory (id integer primary key, item text not null)"
  if not ok then return nil, tostring(why) end
  return setmetatable({ environment = environment, connection = connection, kind = "sqlite" }, metatable)
end

--- All items, in order.
---@return table[]|nil, string|nil
function methods:load()
  local cursor, why = self.connection:execute "select item from marea_memory order by id"
  if not cursor then return nil, tostring(why) end
  local list, text = {}, cursor:fetch()
  while text do
    local item = json.decode(text)
    if type(item) ~= "table" or type(item.text) ~= "string" then
      cursor:close()
      return nil, "a row of marea_memory is no item of a memory"
    end
    list[#list + 1] = item
    text = cursor:fetch()
  end
  return list
end

local function insert(connection, items)
  for _, item in ipairs(items) do
    local text = connection:escape(json.encode(item, { sort = true }))
    local ok, why = connection:execute(("insert into marea_memory (item) values ('%s')"):format(text))
    if not ok then return nil, why end
  end
  return connection:execute "commit"
end

--- Adds items, all or none.
---@return boolean|nil, string|nil
function methods:append(items)
  local ok, why = self.connection:execute "begin"
  if ok then ok, why = insert(self.connection, items) end
  if ok then return true end
  self.connection:execute "rollback"
  return nil, tostring(why)
end

function methods:clear()
  local ok, why = self.connection:execute "delete from marea_memory"
  return ok and true, why and tostring(why)
end

function methods:close()
  self.connection:close()
  self.environment:close()
end

return sqlite
