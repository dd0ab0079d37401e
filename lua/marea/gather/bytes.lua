-- SPDX-License-Identifier: MIT
-- Gathers an answer that is bytes. What a reader has taken is his: it is
-- counted, and kept only once somebody wants the whole.

local bytes = {}

local methods = {}
local metatable = { __name = "marea.gather.bytes", __index = methods }

--- kind: the content type of the answer; most: how many bytes may be kept.
function bytes.new(kind, most)
  return setmetatable({
    kind = kind, most = most,
    size = 0,            -- of all pieces
    pieces = nil,        -- those kept
    kept = 0,            -- bytes of those
    unread = "",         -- what had come when the transfer was looked at last
  }, metatable)
end

--- From now on pieces are kept.
function methods:keep()
  self.pieces = self.pieces or {}
end

--- Adds a piece that was taken. False if that is more than may be kept.
function methods:add_piece(piece)
  self.size = self.size + #piece
  if not self.pieces then return true end
  self.pieces[#self.pieces + 1] = piece
  self.kept = self.kept + #piece
  return self.kept <= self.most
end

function methods:finish() end

function methods:is_finished()
  return true
end

--- What was kept, and what nobody has taken yet.
function methods:result()
  local pieces = self.pieces or {}
  return { data = table.concat(pieces) .. self.unread, content_type = self.kind,
    size = self.size + #self.unread }
end

return bytes
