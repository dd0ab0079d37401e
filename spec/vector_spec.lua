-- SPDX-License-Identifier: MIT
-- Vectors: float32 numbers packed, how they come and go, and the search among
-- them.

local core = require("marea.core")
local marea = require("marea")

local json, vector = marea.json, marea.vector

local function raised(f, ...)
  local ok, message = pcall(f, ...)
  assert.is_false(ok, "nothing was raised")
  return tostring(message)
end

-- The bytes of a number as a server sends them, made without what is tested.
local function bytes_of(...)
  local out = {}
  for i, hex in ipairs { ... } do
    out[i] = hex:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end)
  end
  return table.concat(out)
end

describe("a vector", function()
  it("has the length and the numbers of the list it was made from", function()
    local v = vector { 1, -2.5, 0.25 }
    assert.equal(3, #v)
    assert.equal(1, v[1])
    assert.equal(-2.5, v[2])
    assert.equal(0.25, v[3])
    assert.same({ 1, -2.5, 0.25 }, v:totable())
  end)

  it("has nothing outside of 1 to its length, nor between", function()
    local v = vector { 1, 2 }
    for _, i in ipairs { 0, 3, -1, 1.5, 2 ^ 40, -2 ^ 40, math.huge, -math.huge, 0 / 0 } do
      assert.is_nil(v[i], tostring(i))
    end
    assert.is_nil(v.unknown)
    assert.is_nil(v[true])
  end)

  it("rounds numbers to float32", function()
    local v = vector { 0.1, 16777217, 3.4028235e38, 1e-46 }
    assert.equal(0.10000000149011612, v[1])
    assert.equal(16777216, v[2])
    assert.equal(3.4028234663852886e38, v[3])
    assert.equal(0, v[4])
  end)

  it("can't be changed", function()
    local v = vector { 1 }
    assert.is_false(pcall(function() v[1] = 2 end))
    assert.equal(1, v[1])
  end)

  it("made of a vector is that vector", function()
    local v = vector { 1 }
    assert.is_true(rawequal(v, vector(v)))
  end)

  it("says what it is", function()
    assert.equal("marea.vector (3 numbers)", tostring(vector { 1, 2, 3 }))
  end)

  it("survives collections of garbage", function()
    local list = {}
    for i = 1, 200 do
      list[i] = vector { i, i + 1 }
      collectgarbage("step")
    end
    collectgarbage()
    for i = 1, 200 do assert.equal(i + 1, list[i][2]) end
  end)

  it("refuses what is no list of numbers, naming the place", function()
    local here = "vector_spec%.lua:%d+: marea%.vector: "
    local function make(value) return function() return vector(value), 1 end end
    assert.matches(here .. "expected a non%-empty list of numbers, got nil", raised(make(nil)))
    assert.matches(here .. "expected a non%-empty list of numbers, got string", raised(make("1")))
    assert.matches(here .. "expected a non%-empty list of numbers, got an empty table", raised(make {}))
    assert.matches(here .. "expected a number at %[2%], got string", raised(make { 1, "2" }))
    assert.matches(here .. "expected a number at %[1%]", raised(make { marea.null }))
    assert.matches(here .. "the number at %[2%] is too large", raised(make { 1, 1e39 }))
    assert.matches(here .. "expected a non%-empty list of numbers, got userdata", raised(make(io.stdout)))
  end)

  it("holds infinities and NaN, which a list may hold", function()
    local v = vector { math.huge, -math.huge, 0 / 0 }
    assert.equal(math.huge, v[1])
    assert.equal(-math.huge, v[2])
    assert.is_true(v[3] ~= v[3])
  end)
end)

describe("a vector's bytes", function()
  -- 1, -2, 0.1, the least denormal, the greatest, -0, a signalling NaN
  local BYTES = bytes_of("0000803f", "000000c0", "cdcccc3d", "01000000", "ffff7f7f", "00000080", "010080ff")

  it("are read as little-endian float32, and written as they were, bit by bit", function()
    local v = assert(vector.from_bytes(BYTES))
    assert.equal(7, #v)
    assert.same({ 1, -2, 0.10000000149011612, 1.401298464324817e-45, 3.4028234663852886e38, 0 },
      { v[1], v[2], v[3], v[4], v[5], v[6] })
    assert.equal(-math.huge, 1 / v[6])
    assert.is_true(v[7] ~= v[7])
    assert.equal(BYTES, v:bytes())
  end)

  it("pass through base64 bit by bit", function()
    local v = assert(vector.from_bytes(BYTES))
    assert.equal("AACAPwAAAMDNzMw9AQAAAP//f38AAACAAQCA/w==", v:base64())
    assert.equal(BYTES, assert(vector.from_base64(v:base64())):bytes())
  end)

  it("are the same for 4096 random numbers, in every way there and back", function()
    local parts = {}
    for i = 1, 4096 * 4 do parts[i] = string.char(math.random(0, 255)) end
    local bytes = table.concat(parts)
    local v = assert(vector.from_bytes(bytes))
    assert.equal(4096, #v)
    assert.is_true(bytes == assert(vector.from_base64(v:base64())):bytes())
  end)

  it("that are no whole number of float32 are refused, as are none", function()
    for n = 1, 9 do
      local v, message = vector.from_bytes(("x"):rep(n))
      if n % 4 == 0 then assert.equal(n / 4, #v)
      else
        assert.is_nil(v)
        assert.equal("its bytes are no whole number of float32", message)
      end
    end
    assert.same({ nil, "a vector has at least one number" }, { vector.from_bytes("") })
  end)

  it("in text that is no base64, or of a wrong length, are refused", function()
    local function why(text)
      local v, message = vector.from_base64(text)
      assert.is_nil(v, text)
      return message
    end
    assert.equal("a vector has at least one number", why(""))
    assert.equal("its bytes are no whole number of float32", why("AAAA"))
    assert.equal("its bytes are no whole number of float32", why("AACAPwA="))
    assert.equal("not base64", why("AACAP"))
    assert.equal("not base64", why("AACA*w=="))
    assert.equal("not base64", why("AACAPw==\n"))
    assert.equal("not base64", why("[0.1, 0.2]"))
  end)

  it("may lack the padding in base64", function()
    assert.same({ 1 }, assert(vector.from_base64("AACAPw")):totable())
  end)

  it("must be given as a string", function()
    assert.matches("string expected", raised(vector.from_base64, 12))
    assert.matches("string expected", raised(vector.from_bytes, {}))
  end)
end)

describe("vectors' arithmetic", function()
  it("is the scalar product, the norm and the cosine", function()
    local a, b = vector { 1, 2, 2 }, vector { 2, 0, 1 }
    assert.equal(4, a:dot(b))
    assert.equal(3, a:norm())
    assert.near(4 / (3 * math.sqrt(5)), a:cosine(b), 1e-12)
    assert.equal(1, a:cosine(a))
    assert.equal(-1, a:cosine(vector { -1, -2, -2 }))
  end)

  it("takes in every number, whatever the length", function()
    for n = 1, 70 do
      local list, sum = {}, 0
      for i = 1, n do
        list[i] = i
        sum = sum + i * i
      end
      assert.equal(sum, vector(list):dot(vector(list)), "length " .. n)
    end
  end)

  it("does not overflow where float32 would", function()
    local v = vector { 3e38, 3e38 }
    assert.near(1, v:cosine(v), 1e-12)
    assert.is_true(v:norm() < math.huge)
  end)

  it("never leaves -1 to 1 for a cosine", function()
    for _ = 1, 200 do
      local list = {}
      for i = 1, 20 do list[i] = math.random() - 0.5 end
      local v = vector(list)
      assert.is_true(v:cosine(v) <= 1)
    end
  end)

  it("finds zeros like nothing", function()
    assert.equal(0, vector { 0, 0 }:cosine(vector { 1, 2 }))
    assert.equal(0, vector { 0, 0 }:cosine(vector { 0, 0 }))
  end)

  it("refuses vectors of different lengths, naming both", function()
    local a, b = vector { 1, 2, 3 }, vector { 1, 2 }
    for _, name in ipairs { "dot", "cosine" } do
      assert.matches("vector_spec%.lua:%d+: vectors of different lengths: 3 and 2", raised(function()
        local x = a[name](a, b)
        return x
      end))
    end
  end)

  it("refuses what is no vector", function()
    local v = vector { 1 }
    assert.matches("marea%.vector expected", raised(function() return v:dot({ 1 }), 1 end))
    assert.matches("marea%.vector expected", raised(function() return v:cosine(io.stdout), 1 end))
    assert.matches("marea%.vector expected", raised(v.norm, 12))
    assert.matches("marea%.vector expected", raised(v.bytes, marea.null))
  end)
end)

describe("a vector in JSON", function()
  it("is a list of numbers, each the shortest that is that float32", function()
    local v = vector { 0.1, -0.25, 1 / 3, 1e-7, 16777216, 3e38, 0 }
    local text = json.encode { input = v }
    assert.equal('{"input":[0.1,-0.25,0.33333334,1e-07,16777216.0,3e+38,0.0]}', text)
    assert.equal(v:bytes(), vector(json.decode(text).input):bytes())
  end)

  it("comes back bit by bit, whatever its numbers", function()
    local parts = {}
    for i = 1, 4000 do
      -- an exponent that is neither NaN's nor an infinity's
      parts[i] = string.char(math.random(0, 255), math.random(0, 255), math.random(0, 127),
        math.random(0, 1) * 128 + math.random(0, 126))
    end
    local v = assert(vector.from_bytes(table.concat(parts)))
    assert.is_true(v:bytes() == vector(json.decode(json.encode(v))):bytes())
  end)

  it("can't hold NaN or an infinity: both raise, naming the place", function()
    assert.matches("cannot encode NaN at input%[2%]", raised(json.encode, { input = vector { 1, 0 / 0 } }))
    assert.matches("cannot encode an infinity at %[1%]", raised(json.encode, vector { math.huge }))
  end)

  it("leaves any other userdata refused", function()
    assert.matches("cannot encode a userdata at f", raised(json.encode, { f = io.stdout }))
  end)
end)

describe("decoding JSON with vectors", function()
  local TEXT = '{"data":[{"embedding":"AACAPwAAAEA=","index":0},{"index":1,"embedding":"AACAPw=="}],"x":"AACAPw=="}'

  it("makes vectors of base64 under the key embedding, and of nothing else", function()
    local value = assert(json.decode(TEXT, { vectors = true }))
    assert.same({ 1, 2 }, value.data[1].embedding:totable())
    assert.same({ 1 }, value.data[2].embedding:totable())
    assert.equal("AACAPw==", value.x)
    assert.equal(1, value.data[2].index)
  end)

  it("happens only where it is asked for", function()
    for _, options in ipairs { false, {}, { vectors = false }, 20 } do
      local value = assert(json.decode(TEXT, options or nil))
      assert.equal("AACAPw==", value.data[2].embedding)
    end
  end)

  it("knows base64 whose slashes are escaped", function()
    -- FLT_MAX and a NaN have slashes in base64
    local value = assert(json.decode([[{"embedding":"\/\/9\/fw=="}]], { vectors = true }))
    assert.same({ 3.4028234663852886e38 }, value.embedding:totable())
  end)

  it("knows the key however it is written", function()
    local value = assert(json.decode([[{"\u0065mbedding":"AACAPw=="}]], { vectors = true }))
    assert.same({ 1 }, value.embedding:totable())
  end)

  it("leaves alone what is no vector", function()
    for _, text in ipairs { '"AAAA"', '""', '"hola"', '"\\n"', "null", "[0.5,1]", '{"a":1}', "1.5" } do
      local value = assert(json.decode('{"embedding":' .. text .. "}", { vectors = true }))
      assert.equal('{"embedding":' .. text .. "}", json.encode(value))
    end
  end)

  it("finds them in large objects too", function()
    local parts = {}
    for i = 1, 100 do parts[i] = ('"k%d":{"embedding":"AACAPw=="}'):format(i) end
    local value = assert(json.decode("{" .. table.concat(parts, ",") .. ',"embedding":"AACAPw=="}', { vectors = true }))
    for i = 1, 100 do assert.equal(1, value["k" .. i].embedding[1]) end
    assert.equal(1, value.embedding[1])
  end)

  it("takes the depth among its options", function()
    assert.is_nil((json.decode("[[1]]", { depth = 1 })))
    assert.same({ { 1 } }, (json.decode("[[1]]", { depth = 2 })))
    assert.matches("depth must be", raised(json.decode, "1", { depth = 0 }))
  end)

  it("still says where the text is no JSON", function()
    local value, message = json.decode('{"embedding":"AACAPw=="', { vectors = true })
    assert.is_nil(value)
    assert.matches("unexpected end", message)
  end)
end)

describe("marea.nearest", function()
  local function indices(found)
    local out = {}
    for i, item in ipairs(found) do out[i] = item.index end
    return out
  end

  local AXES = { vector { 0, 1 }, vector { 1, 0 }, vector { 1, 1 }, vector { -1, 0 } }

  it("gives the best first: index, score and vector", function()
    local found = marea.nearest(vector { 2, 0 }, AXES, 2)
    assert.same({ 2, 3 }, indices(found))
    assert.equal(1, found[1].score)
    assert.near(math.sqrt(0.5), found[2].score, 1e-12)
    assert.is_true(rawequal(AXES[2], found[1].vector))
  end)

  it("gives all where no number is given, or it is larger than the list", function()
    assert.same({ 2, 3, 1, 4 }, indices(marea.nearest(vector { 2, 0 }, AXES)))
    assert.same({ 2, 3, 1, 4 }, indices(marea.nearest(vector { 2, 0 }, AXES, 100)))
    assert.same({}, marea.nearest(vector { 2, 0 }, {}, 3))
  end)

  it("takes an answer's data: tables with an embedding, of numbers too", function()
    local data = { { embedding = { 0, 1 } }, { embedding = vector { 1, 0 } }, { 1, 1 } }
    local found = marea.nearest({ 1, 0 }, data, 3)
    assert.same({ 2, 3, 1 }, indices(found))
    assert.same({ 0, 1 }, found[3].vector:totable())
  end)

  it("gives of equals the earlier one", function()
    local list = {}
    for i = 1, 20 do list[i] = vector { 1, 0 } end
    assert.same({ 1, 2, 3 }, indices(marea.nearest(vector { 1, 0 }, list, 3)))
  end)

  it("gives what sorting them all would", function()
    for _ = 1, 20 do
      local list, all, query = {}, {}, vector { math.random() - 0.5, math.random() - 0.5, 1 }
      for i = 1, 60 do
        list[i] = vector { math.random(-3, 3), math.random(-3, 3), math.random(-3, 3) }
        all[i] = { index = i, score = query:cosine(list[i]) }
      end
      table.sort(all, function(a, b)
        if a.score ~= b.score then return a.score > b.score end
        return a.index < b.index
      end)
      for _, k in ipairs { 1, 2, 7, 59, 60 } do
        local found = marea.nearest(query, list, k)
        assert.equal(k, #found)
        for i = 1, k do assert.equal(all[i].index, found[i].index) end
      end
    end
  end)

  it("puts last what can't be compared", function()
    local list = { vector { 0 / 0, 1 }, vector { -1, 0 }, vector { 0 / 0, 0 }, vector { 1, 0 } }
    assert.same({ 4, 2, 1, 3 }, indices(marea.nearest(vector { 1, 0 }, list)))
    assert.same({ 4, 2 }, indices(marea.nearest(vector { 1, 0 }, list, 2)))
  end)

  it("raises at the caller's line for what it can't search", function()
    local here, v = "vector_spec%.lua:%d+: marea%.nearest, ", vector { 1, 2 }
    local function search(...)
      local query, list, k = ...
      return function() return marea.nearest(query, list, k), 1 end
    end
    assert.matches(here .. "query: expected a non%-empty list of numbers, got nil", raised(search(nil, {})))
    assert.matches(here .. "list: expected a table, got nil", raised(search(v)))
    assert.matches(here .. "k: expected a whole number of at least 1, got 0", raised(search(v, {}, 0)))
    assert.matches(here .. "list%[2%] has 3 numbers and the query 2", raised(search(v, { v, { 1, 2, 3 } })))
    assert.matches(here .. "list%[1%]%.embedding: expected a number at %[1%]",
      raised(search(v, { { embedding = { "a" } } })))
    assert.matches(here .. "list%[1%]: expected a non%-empty list", raised(search(v, { "AACAPw==" })))
  end)
end)

describe("the type of vectors", function()
  it("is one, however often the C module is opened", function()
    local open = package.loadlib(package.searchpath and package.searchpath("marea.core", package.cpath)
      or assert(package.cpath:match("%./build/[^?]+")) .. "marea/core.so", "luaopen_marea_core")
    local again = assert(open)()
    assert.is_false(rawequal(again.vector, core.vector))
    assert.equal(2, vector { 1, 1 }:dot(again.vector { 1, 1 }))
  end)
end)
