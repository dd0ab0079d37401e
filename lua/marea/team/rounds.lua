-- SPDX-License-Identifier: MIT
-- A policy several patterns are made of: all of a list side by side, so many
-- times, and at the end one who has heard them all.

--- The policy: `rounds` times all of `names`, then `last`, if there is one.
---@param names string[]
---@param rounds integer
---@param last string|nil
return function(names, rounds, last)
  return function(turn)
    local memo = turn.memo
    if turn.fresh then memo.round = 0 end
    memo.round = memo.round + 1
    if memo.round <= rounds then return names end
    if memo.round == rounds + 1 and last then return last end
    return nil, "done"
  end
end
