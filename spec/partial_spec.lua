-- SPDX-License-Identifier: MIT
-- JSON that is still arriving: what a prefix says is never taken back, each
-- byte is looked at once, and the whole is what the decoder says it is.

local json = require("marea.json")
local partial = require("marea.partial")

local function encoded(value)
  return value ~= nil and json.encode(value, { sort = true }) or nil
end

-- Whether `b` says all that `a` does, and perhaps more.
local function goes_on(a, b)
  if type(a) == "string" then return type(b) == "string" and b:sub(1, #a) == a end
  if type(a) ~= "table" then return a == b end
  if type(b) ~= "table" then return false end
  for key, value in pairs(a) do
    if b[key] == nil or not goes_on(value, b[key]) then return false end
  end
  return true
end

local texts = {
  '{"a":1,"b":[true,false,null,-1.5e3,0],"c":{"d":"e"},"f":"","g":[],"h":{}}',
  '{"s":"x\\u00e9\\ud83d\\ude00y\\n\\"q\\\\\\/\\b","t":"\\ud83dx","u":"é😀"}',
  '[ 1 , [ 2 , [ 3 ] ] , "x" ]',
  '{"deep":{"deep":{"deep":{"list":[{"a":"b"},{"a":"c"}]}}}}',
  '{\n  "key with \\"quotes\\"": "v",\r\n\t"n": 12345678901234567890 }',
}

describe("partial JSON", function()
  for _, text in ipairs(texts) do
    it("is whole in the end, and no prefix is taken back: " .. text:sub(1, 40), function()
      local whole = json.decode(text)
      local before, complete
      for i = 1, #text do
        local value
        value, complete = partial.decode(text:sub(1, i))
        if value ~= nil then
          assert.is_true(goes_on(value, whole), text:sub(1, i))
          if before ~= nil then assert.is_true(goes_on(before, value), text:sub(1, i)) end
        end
        assert.equal(i == #text, complete)
        before = value
      end
      assert.equal(encoded(whole), encoded(before))
    end)

    it("is the same however it is cut: " .. text:sub(1, 40), function()
      for size = 1, 7 do
        local p = partial.new()
        for i = 1, #text, size do
          p:add(text:sub(i, i + size - 1))
          if i % 3 == 0 then p:value() end
          assert.is_false(p.broken)
        end
        assert.is_true(p.complete)
        assert.equal(encoded(json.decode(text)), encoded(p:value()))
      end
    end)
  end

  local prefixes = {
    { "", nil }, { "{", "{}" }, { '{"a', "{}" }, { '{"a":', "{}" }, { '{"a":1', "{}" }, { '{"a":1,', '{"a":1}' },
    { '{"a":tru', "{}" }, { '{"a":true ', '{"a":true}' }, { '{"a":"x', '{"a":"x"}' }, { '{"a":"x\\', '{"a":"x"}' },
    { '{"a":"x\\u00e', '{"a":"x"}' }, { '{"a":"x\195', '{"a":"x"}' }, { '{"a":"\\ud83d\\u', '{"a":""}' },
    { "[1,2", "[1]" }, { "[[", "[[]]" }, { 'Here it is:\n```json\n{"a":1}\n```', '{"a":1}' },
    { '{"a":1} and {"b":2}', '{"a":1}' }, { '{"a":1]', '{"a":1}' }, { "no JSON", nil },
  }
  for _, case in ipairs(prefixes) do
    it(("knows %s of %q"):format(case[2] or "nothing", case[1]), function()
      assert.equal(case[2], encoded((partial.decode(case[1]))))
    end)
  end

  local objects = {
    { 'Sure [see below]: {"a":1}', '{"a":1}' }, { 'As in [1, "]", [2]]: {"a":[1,{}]}', '{"a":[1,{}]}' },
    { '[it\'s "here"] [nu] [[ [3,] {"a":1} [2]', '{"a":1}' }, { '["\\u00zz"] {"a":1}', '{"a":1}' },
    { '[{"a":1}]', nil }, { ("["):rep(500) .. '{"a":1}', nil }, { "[see", nil },
    { ("x["):rep(500) .. "x" .. ' {"a":1}', '{"a":1}' },
  }
  for _, case in ipairs(objects) do
    it(("knows %s of %q where an object is wanted, however it is cut"):format(case[2] or "nothing",
      case[1]:sub(1, 40)), function()
      for size = 1, 9 do
        local p, before = partial.new { object = true }, nil
        for i = 1, #case[1], size do
          p:add(case[1]:sub(i, i + size - 1))
          if p:due() then
            assert.is_true(before == nil or before == p:value())
            before = p:value()
            assert.is_false(json.is_array(before))
          end
        end
        assert.equal(case[2] ~= nil, p.complete)
        assert.equal(case[2], encoded(p:value()))
      end
    end)
  end

  it("keeps what it knew when the rest is no JSON", function()
    local p = partial.new()
    p:add('{"a":1,"b":[2,}')
    assert.is_true(p.broken)
    p:add("more")
    assert.equal('{"a":1,"b":[2]}', encoded(p:value()))
  end)

  it("goes only so deep", function()
    local p = partial.new()
    p:add(("["):rep(1000))
    assert.is_true(p.broken)
  end)

  it("is due when there is news, and ever more rarely while one string grows", function()
    local p = partial.new()
    p:add('{"a":"')
    assert.is_true(p:due())
    p:value()
    assert.is_false(p:due())
    local shown, copied = 0, 0
    for _ = 1, 20000 do
      p:add("abcdefgh")
      if p:due() then
        shown = shown + 1
        copied = copied + #p:value().a
      end
    end
    assert.is_true(shown < 200, shown)
    assert.is_true(copied < 20 * 160000, copied)     -- linear, whoever looks
    p:add('","b":1,')
    assert.is_true(p:due())
  end)
end)
