-- SPDX-License-Identifier: MIT
-- A small generator of its own, so that every Lua makes the same numbers.

---A function that gives a whole number from 1 to n.
return function(seed)
  local state = seed
  return function(n)
    state = (state * 16807) % 2147483647
    return state % n + 1
  end
end
