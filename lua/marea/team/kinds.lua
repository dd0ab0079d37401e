-- SPDX-License-Identifier: MIT
-- What makes a team again of what was written of it: its kind, and the options it
-- was given.

local teams = require "marea.team"

local patterns = { debate = "marea.pattern.debate", mixture = "marea.pattern.mixture",
  reflect = "marea.pattern.reflect" }

--- The function that makes teams of a kind, or nil.
---@param kind string
return function(kind)
  if type(kind) ~= "string" then return nil end
  if patterns[kind] then return require(patterns[kind]).new end
  return kind ~= "is" and teams[kind] or nil
end
