-- SPDX-License-Identifier: MIT
-- The C module marea.net, which brings libcurl and the thirty libraries below
-- that. It is there sooner if it has been opened lazily before `require` opens
-- it; where it can't be, `require` does all, or says what is wrong.

local core = require "marea.core"

local NAME = "marea.net"

local function open()
  local searchpath = rawget(package, "searchpath")      -- 5.1 has none, LuaJIT does
  local path = searchpath and searchpath(NAME, package.cpath)
  if path then core.open_lazily(path) end
end

if not package.loaded[NAME] and not package.preload[NAME] then open() end

return require(NAME)
