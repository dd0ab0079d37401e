-- SPDX-License-Identifier: MIT
-- JSON by the kinds that JSONTestSuite tells apart, with texts of our own: what
-- must be taken, what must be refused, what may be either and must be survived,
-- and what is made of texts that readers are known to read differently. Beside
-- json_spec.lua, which has the usual ones of each kind.

local child = require("spec.support.child")
local json = require("marea.json")

local has_integers = math.type ~= nil
local BAD = "\239\191\189"

-- What it is, the text, and what it is written as where that is another text.
local taken = {
  { "lists, spaces between", "[[ ]  ,[\t[]\n]]", "[[],[[]]]" }, { "a list and a line end", '["x"]\n', '["x"]' },
  { "a list of all kinds", '[null,7,"8",{},[],true,0.5]' }, { "a list with a line end inside", "[1\n]", "[1]" },
  { "a list after spaces", "   [2]", "[2]" }, { "a list before spaces", "[2]   ", "[2]" },
  { "a list of nulls and a number", "[null,3,null,null,5]" }, { "a false in a list", "[false]" },
  { "a list after each white space", "\n\t\r [1]", "[1]" },
  { "a number after a space", "[ 8]", "[8]" }, { "an exponent of a whole", "30e1", "300.0", "300" },
  { "a great exponent", "456e65", "4.56e+67" }, { "a capital exponent", "2E21", "2e+21" },
  { "a capital negative one", "3E-2", "0.03" }, { "a capital positive one", "3E+2", "300.0", "300" },
  { "an exponent of a fraction", "12.34e56", "1.234e+57" }, { "the same, positive", "1.5e+3", "1500.0", "1500" },
  { "almost nothing", "-0." .. ("0"):rep(77) .. "2", "-2e-78" }, { "minus zero", "[-0]", "[-0.0]" },
  { "a negative number alone", "-0.25" }, { "zeros in an exponent", "1e0003", "1000.0", "1000" },
  { "numbers far apart", '{"low":-2.5e-300,"high":3e300}', '{"high":3e+300,"low":-2.5e-300}' },
  { "a key twice", '{"k":1,"k":"x"}', '{"k":"x"}' }, { "a key twice, one value", '{"k":[],"k":[]}', '{"k":[]}' },
  { "a key of nothing", '{"":""}' }, { "a key with a NUL", '{"x\\u0000y":3}' },
  { "a key beyond ASCII", '{"\208\151\208\176":"\208\186"}' }, { "an object on lines", '{\n"a":\n1\n,\n"b":2\n}', '{"a":1,"b":2}' },
  { "long texts", '{"x":[{"id":"' .. ("y"):rep(300) .. '"}],"id":"' .. ("z"):rep(300) .. '"}',
    '{"id":"' .. ("z"):rep(300) .. '","x":[{"id":"' .. ("y"):rep(300) .. '"}]}' },
  { "escapes of one, two and three bytes", '"\\u0040\\u01fa\\u1ABC"', '"@\199\186\225\170\188"' },
  { "a pair", '"\\ud834\\udd1f"', '"\240\157\132\159"' }, { "two pairs", '"\\ud83d\\udE42\\ud83d\\uDc4D"',
    '"\240\159\153\130\240\159\145\141"' }, { "the last pair", '"\\udbff\\udffe"', '"\244\143\191\190"' },
  { "all short escapes", '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\"\\\\/\\b\\f\\n\\r\\t"' },
  { "an escaped backslash and what looks like an escape", '"\\\\u0000"' }, { "the same of a letter", '"\\\\b"' },
  { "an escaped control", '"\\u0013"' }, { "an escaped quote", '"\\u0022"', '"\\""' },
  { "an escaped backslash by number", '"\\u005c"', '"\\\\"' }, { "a line end by number", '"\\u000a"', '"\\n"' },
  { "a space that doesn't break", '"a\\u00a0b"', '"a\194\160b"' }, { "no character, escaped", '"\\ufffe"', '"\239\191\190"' },
  { "no character, as it is", '"\239\191\190\244\143\191\191"' }, { "one of no use yet", '"\240\155\191\191"' },
  { "one that can't be seen", '"\\u200B\\u2064"', '"\226\128\139\226\129\164"' },
  { "a private block", '"\\uFDD1"', '"\239\183\145"' }, { "line and paragraph ends", '"\226\128\168\226\128\169"' },
  { "the last of ASCII", '"a\127z"' }, { "letters of two bytes", '"\207\128"' },
  { "what looks like a comment", '"x/*y*/z"' }, { "a text in a list", '[ "t"]', '["t"]' },
  { "a word alone", "false" }, { "a number alone", "7" }, { "a text alone", '"lone"' }, { "no text alone", '""' },
  { "a list of white space", " \n[]\t", "[]" }, { "500 lists", ("["):rep(500) .. ("]"):rep(500) },
  { "500 objects", ('{"":'):rep(500) .. "0" .. ("}"):rep(500) },
}

local refused = {
  lists = { "[8 true]", "[b\229]", '["":3]', "[]:", "[,2", "[3,,4]", '["a",,]', '["a"]]', '["a",]', "[y", "[5[6]]", "[\255]", "[7:8]",
    "[,]", "[-]", "[ , \"\"]", '["b",\n5\n,7,', "[3,]", "[3,,]", '["\11b"\\f]', "[**]", '[""', "[3,", "[3,\n3\n,3", "[{}", "[2 3]" },
  words = { "[fal]", "[nu]", "[tr]", "[ false, nu", "[ true, fals", "[ false, tru", "TRUE", "[Null]", "truth", "[x, truth]" },
  numbers = { "456\0", "[--3]", "[-03]", "[+2]", "[++5678]", "[.-2]", "[-2.0.]", "[.3e-4]", "[0.2.3]", "[0.4e+]", "[0.4e]", "[0E]",
    "[0E+]", "[0.e2]", "[0e]", "[2.0e-]", "[2.0e+]", "[2.0e]", "[2eE3]", "[2 000.0]", "[3.e+4]", "[3.e-4]", "[3.e4]", "[8.e+]",
    "[Inf]", "[NaN]", "[-NaN]", "[\239\188\146]", "[2+3]", "[0x2]", "[0x43]", "[Infinity]", "[0e+-2]", "[-234.234bar]",
    "[-Infinity]", "[-bar]", "[- 2]", "[-013]", "[-.234]", "[-2y]", "[2eb]", "[2e\229]", "[2.]", "[.234]", "[2.3b-4]",
    "[2.8011670033376514H-308]", "[013]", "[234\229]", "[2e2\229]", "[0\229]", "3@", "[1e]]", "[1e5.5]", "-" },
  objects = { '{[:"y"}', '{"y",null}', '{"y"::"b"}', "{\240\159\135\170\240\159\135\184}", '{"b":"c" 234}', "{k: 'v'}", '{"\185":"0",}',
    '{"b" c}', '{:"c"}', '{"b" "c"}', '{"b":', '{"b"', "{2:2}", "{8888E8888:2}", "{null:null,null:null}", '{"id":1,,,,,}', "{'b':1}",
    '{"id":1,}', '{"b":"c"}/**/', '{"b":"c"}/**//', '{"b":"c"}//', '{"b":"c"}/', '{"b":"c",,"d":"e"}', "{b: \"c\"}",
    '{"b":"c', '{ "too" : "long", "text" }', '{"b":2}#', '{}}', '{"":', '{"b":/*x*/"c"}', '{"b":true} "y"', "['", "{'b'",
    '{"b"]', "{,", "{[", "{\"b", "{]" },
  texts = { '["\\uD811\\"]', '["\\uD811\\u"]', '["\\uD811\\u2"]', '["\\uD811\\u2x"]', "[\195\169]", '["\\\0"]', '["\\x11"]', '["\\\\\\"]',
    '["\\\t"]', '["\\\240\159\140\128"]', '["\\"]', '["\\u00B"]', '["\\uD835\\uDe"]', '["\\uD811\\uD811\\x"]', '["\\u\229"]', '["\\b\\c"]',
    '["\\urrrr"]', '["\\\229"]', '[\\u0020"bcd"]', "[\\t]", '"', "['one quote']", "bcd", '["\\', '["b\0b"]', '["new\nline"]', '"\t"',
    '"\\UB12C"', '"" y', '"\1"', '"a\8"', '["x"', '"\\u00"' },
  structures = { "[\226\129\160]", "\239\187\191", "<.>", "[<null>]", "[2]y", "[2]]", '["bcd]', "b\195\165", "[True]", "2]", '{"y":true,',
    "[][]", "]", "\239\187{}", "\229", "[", "", "[\0]", '{"b":true}}', '{"":', '{"b":/*c*/1}', '["b"', '[{"":[{"":', "[{", '["b', "{",
    '{"b":"c"}#{}', "[\\u000A\"\"]", "[2", "[ false, null", '{"bcd":"bcd"', "\195\165", "\226\129\160", "[\12]", "\233", "*", "[\"\\{[\"\\{",
    "#", "{}\0", "//", "\255\254[\0]\0", "\0[\0]", ("["):rep(100000), ('[{"":'):rep(50000) },
}

-- Either is right: here is what is done, and always.
local either = {
  { "a fraction too small", "234.567e-890", 0 }, { "too great an exponent", "-2e+9999", false },
  { "the same of a fraction", "2.5e+9999", false }, { "a very long exponent", "0.5e00" .. ("9"):rep(100), false },
  { "the same, negative", "0.5e-" .. ("9"):rep(100), 0 }, { "a number too low", "-234123123123123123123e100000", false },
  { "a number too high", "234123123123123123123e100000", false }, { "one far too small", "234e-10000000", 0 },
  { "a whole too low", "-234567890123456789012345678901", -234567890123456789012345678901 },
  { "a whole too high", "200000000000000000000", 2e20 }, { "a whole far too low", "-" .. ("2"):rep(50), -tonumber(("2"):rep(50)) },
  { "half a pair and nothing", '"\\uDBDA"', BAD }, { "half a pair and a letter", '"\\uD999\\u1234"', BAD .. "\225\136\180" },
  { "half a pair and an escape", '"\\uD801\\r"', BAD .. "\r" }, { "two first halves", '"\\uD801\\uD801\\n"', BAD .. BAD .. "\n" },
  { "a second half", '"\\uDcba"', BAD }, { "halves the wrong way round", '"\\uDd1f\\uD834"', BAD .. BAD },
  { "half a pair and text", '"\\ud801bcd"', BAD .. "bcd" }, { "half a key", '{"\\uDcba":1}', nil },
  { "bytes that begin nothing", '"\255\216"', "\255\216" }, { "half a pair as bytes", '"\237\160\129"', "\237\160\129" },
  { "Latin letters of one byte", '"\233\241"', "\233\241" }, { "a byte that goes on with nothing", '"\129"', "\129" },
  { "beyond the last character", '"\244\191\191\190"', "\244\191\191\190" }, { "too long a slash", '"\192\175"', "\192\175" },
  { "too long a NUL", '"\252\128\128\128\128\128"', "\252\128\128\128\128\128" },
  { "too long a letter", '"\252\131\191\191\191\191"', "\252\131\191\191\191\191" },
  { "a character cut short", '"\224\255"', "\224\255" }, { "text of two bytes a character", "\255\254[\0\"\0a\0\"\0]\0", false },
  { "the same, no mark", "[\0\"\0a\0\"\0]\0", false }, { "the same, turned round", "\0[\0\"\0a\0\"\0]", false },
  { "an object after a mark", "\239\187\191{}", false }, { "600 lists", ("["):rep(600) .. ("]"):rep(600), false },
}

-- Texts that readers make different things of, and what we make of them, as
-- Lua with integers and as Lua without writes it.
local golden = {
  { "1.0", "1.0", "1" }, { "1.000000000000000005", "1.0", "1" }, { "1E7", "10000000.0", "10000000" }, { "1e-998", "0.0", "0" },
  { "2000000000000000", "2000000000000000" }, { "10000000000000000888", "1e+19" },
  { "9223372036854775807", "9223372036854775807" }, { "9223372036854775808", "9.223372036854776e+18" },
  { "-9223372036854775808", "-9223372036854775808" }, { "-9223372036854775809", "-9.223372036854776e+18" },
  { "9007199254740993", "9007199254740993" }, { "18446744073709551615", "1.8446744073709552e+19" },
  { "-0", "-0.0" }, { "-0.0", "-0.0" }, { "0", "0" }, { "1e400", false }, { "-1e400", false },
  { '{"\195\169":"c","e\204\129":"d"}', '{"e\204\129":"d","\195\169":"c"}' },       -- composed or not: two keys
  { '{"k":1,"k":2}', '{"k":2}' }, { '{"k":1,"k":1}', '{"k":1}' }, { '{"k":0,"k":-0}', '{"k":-0.0}' },
  { '{"k":null,"k":1}', '{"k":1}' }, { '{"k":1,"k":null}', '{"k":null}' },
  { '"\\uD800"', '"' .. BAD .. '"' }, { '"\\uD800\\uD800\\uD800"', '"' .. BAD:rep(3) .. '"' },
  { '"\237\160\128"', '"' .. BAD:rep(3) .. '"' }, { '"\237\160\128\237\160\128"', '"' .. BAD:rep(6) .. '"' },
  { '"a\\u0000b"', '"a\\u0000b"' }, { '"\\/"', '"/"' }, { "[[]]", "[[]]" }, { '{"a":{}}', '{"a":{}}' },
}

describe("JSON takes", function()
  for _, case in ipairs(taken) do
    it(case[1], function()
      local value, message = json.decode(case[2])
      assert(message == nil, message)
      local expected = case[3] or case[2]
      if not has_integers and case[4] then expected = case[4] end
      assert.equal(expected, json.encode(value, { sort = true }))
    end)
  end
end)

for kind, texts in pairs(refused) do
  it(("JSON refuses %d %s that are none, and says where"):format(#texts, kind), function()
    for _, text in ipairs(texts) do
      local ok, value, message = pcall(json.decode, text)
      assert.is_true(ok, text:sub(1, 40))
      assert.is_nil(value, text:sub(1, 40))
      local at = tonumber(message:match(" at byte (%d+)"))
      assert.is_true(at >= 1 and at <= #text + 1, message)
    end
  end)
end

describe("JSON survives", function()
  for _, case in ipairs(either) do
    it(case[1], function()
      local value, message = json.decode(case[2])
      if case[3] == false then
        assert.is_nil(value)
        assert.matches(" at byte %d+", message)
      elseif case[3] ~= nil then assert.equal(case[3], value)
      else assert.same({ [BAD] = 1 }, value) end
    end)
  end
end)

describe("JSON is always read one way:", function()
  for _, case in ipairs(golden) do
    it(case[1], function()
      local value, message = json.decode(case[1])
      if case[2] == false then
        assert.matches("out of range", message)
      else
        local expected = case[2]
        if not has_integers and case[3] then expected = case[3] end
        assert.equal(expected, json.encode(value, { sort = true }))
      end
    end)
  end
end)

-- A thread may have no more than 128 KiB of stack; 4096 levels, where somebody
-- asks for them, want more. A sanitizer's frames are larger.
describe("JSON goes deep on a small stack of C's:", function()
  local times = os.getenv("MAREA_SANITIZED") and 16 or 1

  for depth, kib in pairs { [512] = 128, [4096] = 1024 } do
    it(depth .. " levels", function()
      local output, status = child.shallow(kib * times, [[
        local depth = tonumber((...))
        local json = require "marea.json"
        local function try()
          for _, bracket in ipairs { "[", '{"":', "[[],", '[{"":' } do
            assert(json.decode(bracket:rep(100000), depth) == nil)
          end
          assert(json.decode(("["):rep(depth) .. ("]"):rep(depth), depth))
          local value = json.array()
          for _ = 2, depth do value = { value } end
          assert(#json.encode(value, { depth = depth }) == 2 * depth)
        end
        try()
        coroutine.wrap(function() coroutine.wrap(try)() end)()
        io.write "done"
      ]], depth)
      assert.equal("done", output)
      assert.equal(0, status)
    end)
  end
end)
