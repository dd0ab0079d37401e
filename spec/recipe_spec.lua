-- SPDX-License-Identifier: MIT
-- Tables made by a constructor that was written for their kind.

local json = require("marea").json
local recipe = require("marea.recipe")

local function made(text, key, with)
  local make = recipe.of(assert(json.decode(text)), key)
  return make and json.encode(make(with), { sort = true })
end

describe("a recipe", function()
  it("makes what decoding would, but for the one text", function()
    for _, text in ipairs {
      '{"text":"%s"}',
      '{"a":[],"b":{},"c":[{"text":"%s"},[null,true,false]],"d":null}',
      '{"id":"x","choices":[{"delta":{"text":"%s"},"finish_reason":null,"index":0}],"created":1750000000,"n":1.5}',
      '{"9":1,"a-b.c:d/e f":{"text":"%s"},"end":2}',
      '{"big":9223372036854775807,"text":"%s","z":-0.0}',
    } do
      local want = json.encode(json.decode(text:format("new")), { sort = true })
      assert.equal(want, made(text:format("old"), "text", "new"))
    end
  end)

  it("makes a table of its own each time", function()
    local make = recipe.of(json.decode('{"a":[{"text":"x"}]}'), "text")
    local one, two = make "1", make "2"
    one.a[1].more, one.a[2] = true, 7
    assert.equal('{"a":[{"text":"2"}]}', json.encode(two))
    assert.equal('{"a":[{"text":"3"}]}', json.encode(make "3"))
    assert.is_true(json.is_array(two.a))
  end)

  it("of other values of the same kind is another", function()
    local first = recipe.of(json.decode('{"id":"1","text":"x"}'), "text")
    local second = recipe.of(json.decode('{"id":"2","text":"x"}'), "text")
    assert.equal("1", first("y").id)
    assert.equal("2", second("y").id)
  end)

  it("is not written for keys that could be read as code", function()
    for _, key in ipairs { '"]=os.exit()--', "a\\", "a\n", "", "a\0b", "é", "[[", "]]" } do
      assert.is_nil(recipe.of({ [key] = 1, text = "x" }, "text"))
      assert.is_nil(recipe.of({ text = "x", deep = { [key] = 1 } }, "text"))
    end
  end)

  it("never has a value in its code", function()
    local value = '"..os.exit().."]]--'
    local make = recipe.of({ id = value, text = "x" }, "text")
    assert.same({ id = value, text = value }, make(value))
  end)

  it("is not written for what is very large or deep", function()
    local wide, deep = { text = "x" }, { text = "x" }
    for i = 1, 300 do wide["k" .. i] = i end
    for _ = 1, 300 do deep = { a = deep } end
    assert.is_nil(recipe.of(wide, "text"))
    assert.is_nil(recipe.of(deep, "text"))
  end)

  it("is not written for what no Lua compiles", function()
    local many, lists = { text = "x" }, { { text = "x" } }
    for i = 1, 70000 do many["k" .. i] = {} end
    for _ = 1, 10 do
      local list = setmetatable({}, json.array_mt)
      for i = 1, 48 do list[i] = {} end
      list[49] = lists
      lists = list
    end
    assert.is_nil(recipe.of(many, "text"))
    assert.is_nil(recipe.of({ a = lists }, "text"))
    assert.is_nil(recipe.of({ [("k"):rep(1e6)] = 1, text = "x" }, "text"))
  end)

  it("can be had of more kinds than are kept", function()
    for i = 1, 200 do
      local make = recipe.of({ ["k" .. i] = i, text = "x" }, "text")
      assert.same({ ["k" .. i] = i, text = "y" }, make "y")
    end
  end)
end)
