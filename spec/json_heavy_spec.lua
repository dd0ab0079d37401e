-- SPDX-License-Identifier: MIT
-- JSON of sizes that nobody should send: the time and the memory they take grow
-- with their length and no faster.

local json = require("marea.json")

local LIMIT = os.getenv("MAREA_SANITIZED") and 120 or 12    -- seconds; the square of any would be hours

local function timed(f)
  local started = os.clock()
  local value = f()
  assert.is_true(os.clock() - started < LIMIT, ("it took %.1f s"):format(os.clock() - started))
  return value
end

describe("JSON of great size", function()
  local function object(keys)
    local parts = {}
    for i = 1, keys do parts[i] = '"key ' .. i .. '":' .. i end
    return "{" .. table.concat(parts, ",") .. "}"
  end

  it("may be an object of a million keys, there and back", function()
    local text = object(1000000)
    local value = timed(function() return json.decode(text) end)
    assert.equal(1000000, value["key 1000000"])
    assert.equal(#text, #timed(function() return json.encode(value) end))
  end)

  it("may be an object of 200,000 keys, in order", function()
    local value = json.decode(object(200000))
    local sorted = timed(function() return json.encode(value, { sort = true }) end)
    assert.equal('{"key 1":1,"key 10":10,', sorted:sub(1, 23))
  end)

  it("may be a list of 200,000 numbers", function()
    local items = {}
    for i = 1, 200000 do items[i] = ("%.15g"):format(i / 7) end
    local value = timed(function() return json.decode("[" .. table.concat(items, ",") .. "]") end)
    assert.equal(200000, #value)
    assert.equal(200000, #timed(function() return json.decode(json.encode(value)) end))
  end)

  for name, piece in pairs { plain = "x", escapes = "\\n", pairs = "\\ud83d\\ude00", ["odd bytes"] = "\255\195" } do
    it("may be a text of 10 MB: " .. name, function()
      local count = math.floor(10000000 / #piece)
      local value = timed(function() return json.decode('"' .. piece:rep(count) .. '"') end)
      assert.is_true(#value >= count)
      assert.is_string(timed(function() return json.decode(json.encode(value)) end))
    end)
  end

  it("may be a number of 200,000 digits, wherever its point is", function()
    local digits = ("123456789"):rep(22223)
    assert.is_nil(timed(function() return (json.decode(digits)) end))
    assert.equal(0.123456789123456789, timed(function() return json.decode("0." .. digits) end))
    assert.equal(1.23456789123456789, timed(function() return json.decode("1." .. digits:sub(2)) end))
    assert.is_nil(timed(function() return (json.decode("1e" .. digits)) end))
    assert.equal(0, timed(function() return json.decode("1e-" .. digits) end))
    assert.equal(1, timed(function()
      return json.decode("0." .. ("0"):rep(200000) .. "1e200001")
    end))
  end)

  it("is refused as quickly: its last byte is wrong", function()
    for _, text in ipairs { "[" .. ("1,"):rep(1000000) .. "]", '"' .. ("x"):rep(10000000) .. "\1\"",
      "{" .. ('"a":1,'):rep(500000) .. "}", "[" .. ("[],"):rep(1000000) .. "}" } do
      assert.is_nil(timed(function() return (json.decode(text)) end))
    end
  end)
end)
