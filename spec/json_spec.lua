-- SPDX-License-Identifier: MIT
-- The JSON codec's promises: exactly JSON in, exactly JSON out, and what was decoded encodes back
-- to the same. The tables of texts follow the kinds of JSONTestSuite (must accept, must refuse,
-- may do either but must survive) with cases of our own.
local json = require("marea.json")

local has_integers = math.type ~= nil
local has_int64 = type(jit) == "table" and pcall(require, "ffi")
local BS = "\\"

---Text as decoded and written again, keys sorted.
local function again(text)
  local value, message = json.decode(text)
  assert(message == nil, message)
  return json.encode(value, { sort = true })
end

---What `f` raises, as text.
local function raised(f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "should have raised")
  return tostring(message)
end

local function shown(text)
  text = text:gsub("[^\32-\126]", function(c) return ("<%02X>"):format(c:byte()) end)
  return #text > 60 and text:sub(1, 57) .. "..." or text
end

local function same_float(a, b)
  return a == b and 1 / a == 1 / b
end

---Text, and what it is written as where that is another text; where Lua has but one kind of
---number, the third where that differs.
local accepted = {
  -- scalars alone
  { "null" }, { "true" }, { "false" }, { '""' }, { '"a"' }, { '" "' }, { "0" }, { "42" }, { "-1" },
  { "-0.1" }, { " null", "null" }, { "null\n", "null" }, { "\t\r\n true \r\n", "true" },
  -- arrays
  { "[]" }, { "[[]]" }, { "[[],[]]" }, { "[[[]]]" }, { "[ ]", "[]" }, { "[\n]", "[]" }, { '[""]' },
  { "[null]" }, { "[false]" }, { "[true,false,null]" }, { "[1]" }, { "[ 1 , 2 ]", "[1,2]" },
  { "[1\n,\t2\r]", "[1,2]" }, { "[null,null,null]" }, { '[1,"a",[],{}]' }, { "[{}]" }, { " []", "[]" },
  { "[] ", "[]" }, { "[[1],[2,[3]]]" }, { "[null,1]" }, { "[1,null]" },
  -- objects
  { "{}" }, { "{ }", "{}" }, { "{\n}", "{}" }, { '{"a":1}' }, { '{"":0}' }, { '{"a":[]}' },
  { '{"a":{}}' }, { '{"a":null}' }, { '{ "a" : 1 }', '{"a":1}' }, { '{"a":1,"b":2}' },
  { '{"a":1,"a":2}', '{"a":2}' }, { '{"a":2,"a":2}', '{"a":2}' }, { '{"a":1,"b":2,"a":null}', '{"a":null,"b":2}' },
  { '{"a":{"a":{"a":1}}}' }, { '{"b":1,"a":2}', '{"a":2,"b":1}' }, { '{"a\\u0000b":1}' },
  { '{"\\u0061":1}', '{"a":1}' }, { '{"1":1}' }, { '{"a":\n"b"}', '{"a":"b"}' },
  { '{"a":[{"b":[{"c":1}]}]}' }, { '{"min":-1.5e+28,"max":1.5e+28}', '{"max":1.5e+28,"min":-1.5e+28}' },
  -- numbers
  { "-0", "-0.0" }, { "[0]" }, { "[-12]" }, { "[123]" }, { "0.5" }, { "[12.75]" }, { "1.0", "1.0", "1" },
  { "0.0", "0.0", "0" }, { "-0.0" }, { "0e1", "0.0", "0" }, { "0e+1", "0.0", "0" }, { "0E-1", "0.0", "0" },
  { "1e0", "1.0", "1" }, { "1E2", "100.0", "100" }, { "1e+2", "100.0", "100" }, { "1e-2", "0.01" },
  { "1.5E+1", "15.0", "15" }, { "1e22", "1e+22" }, { "1e-7", "1e-07" }, { "123.456e-3", "0.123456" },
  { "0.00000000000000000000001", "1e-23" }, { "2147483648" }, { "-2147483649" }, { "9007199254740991" },
  { "-9007199254740991" }, { "9007199254740992" },
  { "1e01", "10.0", "10" }, { "1e-01", "0.1" }, { "1.10", "1.1" }, { "100000000000000000000", "1e+20" },
  { "-1.7976931348623157e308", "-1.7976931348623157e+308" }, { "5e-324", "4.94065645841247e-324" },
  -- strings
  { '"\\u0060"', '"`"' }, { '"\\""' }, { '"\\\\"' }, { '"\\/"', '"/"' }, { '"\\b\\f\\n\\r\\t"' },
  { '"\\u0000"' }, { '"\\u001f"' }, { '"\\u001F"', '"\\u001f"' }, { '"\\u0012"' }, { '"\\u000a"', '"\\n"' },
  { '"\\u0022"', '"\\""' }, { '"\\u005C"', '"\\\\"' }, { '"\\u007f"', '"\127"' }, { '"\127"' },
  { '"\\u00e9"', '"\195\169"' }, { '"\195\169"' }, { '"\\u20AC"', '"\226\130\172"' },
  { '"\\uD83D\\uDE00"', '"\240\159\152\128"' }, { '"\\ud83d\\ude00\\ud83d\\ude01"', '"\240\159\152\128\240\159\152\129"' },
  { '"\240\159\152\128"' }, { '"\\uDBFF\\uDFFF"', '"\244\143\191\191"' }, { '"\\uFFFF"', '"\239\191\191"' },
  { '"\\u2028\\u2029"', '"\226\128\168\226\128\169"' }, { '"\226\128\168"' }, { '"\239\187\191"' },
  { '"\\uFEFF"', '"\239\187\191"' }, { '"a/*b*/c"' }, { '"</script>"' }, { '"\\\\u0000"' }, { '"\\\\\\""' },
  { '"[1,2"' }, { '"1e9999"' }, { '"\\u0821"', '"\224\160\161"' }, { '"\\u0123"', '"\196\163"' },
  { '"' .. ("x"):rep(1000) .. '"' }, { '"' .. ("\\n"):rep(1000) .. '"' }, { '"new\\u000Aline"', '"new\\nline"' },
  { '"\\u0041\\u0042"', '"AB"' }, { '"\\uABCD\\uEF01"', '"\234\175\141\238\188\129"' },
}

---Texts that are no JSON.
local refused = {
  -- nothing, and what is not a value
  "", " ", "\n", "\t\r\n ", "\0", "x", "nul", "nulll", "NULL", "Null", "tru", "truee", "True", "TRUE", "fals", "falsee",
  "FALSE", "undefined", "nil", "none", "yes", "'a'", "`a`", "a", "abc", "\\", "\\n", '\\"', ",", ":", "}", "]", "{", "[",
  "()", "<null>", "<>", "\194\160", "\226\129\160", "\195\165", "\12null", "\11null", "null\0", "\239\187\191", "\239\187\191{}",
  "{}\239\187\191", "\255\254[\0]\0", "\0[\0]", "#", "*", "=", "nan", "inf",
  -- comments
  "/**/", "// x\n1", "[1/**/]", "[1] // x", "/* x */ {}", '{"a":1/*x*/}', "{}#", "-- x\n1", "{}/", "[/]",
  -- numbers
  "+1", "++1", "-", "--1", "- 1", "-a", "-\n1", "01", "-01", "00", "012", "-012", "0x1", "0xFF", "0X1", "1.", "-1.", ".1", "-.1",
  ".", "1..2", "1.2.3", "1e", "1e+", "1e-", "1E", "0e", "0e+", "1ee2", "1e2e3", "1e1.5", "1e+-2", "1.e1", "0.e1", ".e1", "1,000",
  "1 000", "1_000", "1a", "1.5a", "1e5a", "1x", "0b1", "0o7", "1n", "1L", "1f", "NaN", "-NaN", "Infinity", "-Infinity", "+Infinity",
  "Inf", "-Inf", "[NaN]", "1\0", "[1\0]", "\239\188\145", "[-foo]", "1/2", "1+2", "2.e3", "0.3e", "0.3e+", "9.e+", "[-2.]", "1-",
  "1+", "-0x1", "1e9999", "-1e9999", "[1e309]", "1.8e308", ("9"):rep(400), "0.0.", "1e\1",
  -- arrays
  "[1", "[1,", "[1,]", "[,1]", "[,]", "[1,,2]", "[1,2,]", "[1,2,,]", "[1 2]", "[1;2]", "[1:2]", '["a":1]', "[1]]", "[[1]", "[1]1",
  "[1][2]", "[1],", "[1}", "[[", "[]]", "[][]", "[1,\n", '["a"', '["a",', '["a",\n4', '[""', "[]{", "[{", "[{}", "[1,{]", "[null",
  "[nul]", "[tru]", "[fals]", "[a]", "[*]", "[,\"x\"]", "[1 true]", '["a" "b"]', "[\12]", "[\194\160]", '["" 1]', "[...]", "[1]x",
  -- objects
  '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{,"a":1}', "{,}", '{"a":1,,"b":2}', '{"a" 1}', '{"a",1}', '{"a":}', '{"a":,}',
  "{a:1}", "{'a':1}", "{1:1}", "{null:1}", "{true:1}", "{[]:1}", '{"a":1 "b":2}', '{"a":1;"b":2}', '{"a"::1}', '{"a":1:2}', '{:1}',
  '{"a":1]', '{"a":1}}', '{"a":1}{', '{"a":1}#', '{"a":1}1', "{}{}", "{}[]", "{}}", '{"a":1},', '{"a"=1}', '{"a"=>1}', '{a}', '{"a"}',
  '{"a":a}', '{"a":1,b:2}', '{"a":"b"', '{"a":"b', '{"a\0":1}', '{"a":\0}', '{"a":1,"', '{"', '{"a":tru}', '{"\\u00":1}', "{\"a\n\":1}",
  -- strings
  '"', '"a', '"a\\"', '"\\', '"\\"', '""" ', '"a"b', '"a" "b"', '"\\x41"', '"\\a"', '"\\v"', '"\\0"', "\"\\'\"", '"\\U0041"', '"\\e"',
  '"\\ "', '"\\u"', '"\\u1"', '"\\u12"', '"\\u123"', '"\\u123g"', '"\\uD83D\\u"', '"\\uD83D\\u1"', '"\\uD83D\\uDE0"', '"\\u 041"',
  '"\\u+041"', '"\\u-041"', '"\\u{41}"', '"\0"', '"a\0b"', '"\1"', '"\31"', '"\t"', '"a\nb"', '"\r"', '"12345678\n"', '"1234567\n90"',
  '"\\\n"', '"\\\195\169"', '"\\\255"', '"\\u\195\169\195\169"', '["\\"]', '["\\u00A"]', '["a\27b"]', '"\\uD800\\"', '"\\n\n"', "\"a'",
}

---Texts whose meaning JSON leaves open: here, what is made of them. `false`: refused.
local replaced = "\239\191\189"
local open = {
  { '"\\uD800"', replaced }, { '"\\uDC00"', replaced }, { '"\\uDFFF"', replaced }, { '"\\uDBFF"', replaced },
  { '"\\uDE00\\uD83D"', replaced .. replaced }, { '"\\uD800\\uD800"', replaced .. replaced }, { '"\\uD800\\uDBFF"', replaced .. replaced },
  { '"\\uD800\\uE000"', replaced .. "\238\128\128" },
  { '"\\uD800x"', replaced .. "x" }, { '"x\\uDC00"', "x" .. replaced }, { '"\\uD800\\n"', replaced .. "\n" },
  { '"\\uD800\\u0041"', replaced .. "A" }, { '"\\uD800\\uD83D\\uDE00"', replaced .. "\240\159\152\128" },
  { '"\\uD800\\\\uDC00"', replaced .. "\\uDC00" }, { '"\\uD83Dxx\\uDE00"', replaced .. "xx" .. replaced },
  { '"\128"', "\128" }, { '"\255"', "\255" }, { '"\254\254\255\255"', "\254\254\255\255" }, { '"\192\175"', "\192\175" },
  { '"\224\128\128"', "\224\128\128" }, { '"\237\160\128"', "\237\160\128" }, { '"\244\191\191\191"', "\244\191\191\191" },
  { '"\248\136\128\128\128"', "\248\136\128\128\128" }, { '"\195"', "\195" }, { '"\226\130"', "\226\130" },
  { '"\240\159\152"', "\240\159\152" }, { '"caf\233"', "caf\233" }, { '"\233x"', "\233x" }, { '"\\u0000"', "\0" },
  { '"\239\191\191"', "\239\191\191" }, { '"\239\183\144"', "\239\183\144" }, { '"\195\40"', "\195\40" },
  { "1e-9999", 0 }, { "0e9999", 0 }, { "1e-400", 0 }, { "123e-10000000", 0 }, { "0." .. ("0"):rep(400) .. "1", 0 },
  { "18446744073709551616", 18446744073709551616 }, { "-18446744073709551616", -18446744073709551616 },
  { "1" .. ("0"):rep(300), 1e300 }, { "0." .. ("0"):rep(300) .. "1e301", 1 }, { ("1"):rep(30), 111111111111111111111111111111 },
  { "1e99999999999999999999", false }, { "-1e99999999999999999999", false }, { "1e-99999999999999999999", 0 },
  { ("["):rep(513) .. ("]"):rep(513), false }, { ('{"a":'):rep(513) .. "1" .. ("}"):rep(513), false },
}

-- What makes a stack grow for a list before it.
local FOLLOWS = ("x"):rep(300000)

describe("json.decode", function()
  for _, case in ipairs(accepted) do
    it("accepts " .. shown(case[1]), function()
      local expected = case[2] or case[1]
      if not has_integers and case[3] then expected = case[3] end
      assert.equal(expected, again(case[1]))
      assert.equal(expected, again(expected))
    end)
  end

  for _, text in ipairs(refused) do
    it("refuses " .. shown(text), function()
      local value, message = json.decode(text)
      assert.is_nil(value)
      assert.matches(" at byte %d+", message)
    end)
  end

  for _, case in ipairs(open) do
    it("makes of " .. shown(case[1]) .. " what it always does", function()
      local value, message = json.decode(case[1])
      if case[2] then
        assert.equal(case[2], value)
      else
        assert.is_nil(value)
        assert.matches(" at byte %d+", message)
      end
    end)
  end

  it("knows null from nothing", function()
    local delta = json.decode('{"content":null}')
    assert.equal(json.null, delta.content)
    assert.is_nil(delta.role)
    assert.not_equal("null", delta.content)
  end)

  it("gives integers that index and print as integers", function()
    local value = json.decode('{"index":0,"n":-7}')
    assert.equal("0", tostring(value.index))
    assert.equal("-7", tostring(value.n))
    if has_integers then
      assert.equal("integer", math.type(value.index))
      assert.equal("float", math.type(json.decode("3.0")))
      assert.equal("float", math.type(json.decode("3e0")))
    end
  end)

  it("reads -0 as the float that it is", function()
    assert.is_true(same_float(-0.0, json.decode("-0")))
  end)

  it("gives arrays its metatable, and objects none", function()
    local value = json.decode('{"a":[],"b":{},"c":[[1]]}')
    assert.equal(json.array_mt, getmetatable(value.a))
    assert.equal(json.array_mt, getmetatable(value.c[1]))
    assert.is_nil(getmetatable(value.b))
    assert.is_nil(getmetatable(value))
  end)

  it("leaves the bytes it received as they are", function()
    local text = "a\0b" .. string.char(127, 128, 255) .. "\195\169"
    assert.equal(text, json.decode('"' .. text:gsub("%z", BS .. "u0000") .. '"'))
  end)

  it("finds the end of strings of every length and alignment", function()
    for before = 0, 9 do
      for length = 0, 40 do
        local text = (" "):rep(before) .. '"' .. ("y"):rep(length) .. '"'
        assert.equal(("y"):rep(length), json.decode(text))
        assert.is_nil(json.decode(text:sub(1, -2)))
        assert.is_nil(json.decode(text:sub(1, -2) .. "\31" .. '"'))
      end
    end
  end)

  it("keeps the order and number of items of long lists", function()
    local kinds = {
      function(i) return i end, function(i) return i + 0.5 end, function(i) return '"' .. i .. '"' end,
      function(i) return "[" .. i .. "]" end, function(i) return ({ [0] = i, i + 0.5, "null", "false" })[i % 4] end,
    }
    for _, n in ipairs { 1, 2, 15, 16, 17, 18, 63, 64, 65, 66, 255, 256, 257, 1024, 1025, 4095, 4096, 4097, 4159, 4160, 4161,
      4224, 9000 } do
      for _, kind in ipairs(kinds) do
        local items = {}
        for i = 1, n do items[i] = kind(i) end
        local text = "[" .. table.concat(items, ",") .. "]"
        local list = json.decode(text)
        assert.equal(n, #list)
        assert.equal(text, json.encode(list))
        local followed = "[" .. text .. ',"' .. FOLLOWS .. '"]'
        assert.is_true(followed == json.encode(json.decode(followed)))
      end
    end
  end)

  it("goes as deep within long lists as elsewhere", function()
    for _, depth in ipairs { 40, 512, 4096 } do
      local long = ("0.5,"):rep(4000)
      local text = "[" .. long .. "[" .. long .. ("["):rep(depth - 2) .. ("]"):rep(depth - 1) .. ',"' .. FOLLOWS .. '"]'
      assert.is_true(text == json.encode(assert(json.decode(text, depth)), { depth = depth }))
    end
    local text = ("[0.5,"):rep(100) .. ("[" .. ("1.5,"):rep(1500)):rep(100) .. "0" .. ("]"):rep(200)
    assert.equal(text, again(text))
    for _, lists in ipairs { { { 3, 1023 }, { 29, 63 } }, { { 2, 1023 }, { 30, 63 } }, { { 1, 1000 }, { 31, 63 } } } do
      local before, brackets = "", 0
      for _, several in ipairs(lists) do
        before = before .. ("[" .. ("1,"):rep(several[2])):rep(several[1])
        brackets = brackets + several[1]
      end
      local deep = before .. ('{"a":'):rep(2500) .. "0" .. ("}"):rep(2500) .. ',"' .. FOLLOWS .. '"' .. ("]"):rep(brackets)
      assert.is_true(deep == json.encode(assert(json.decode(deep, 3000)), { depth = 3000 }))
    end
  end)

  it("calls no Lua while there is a hook, which might yield", function()
    local called = 0
    local text = "[" .. ("0.5,"):rep(5000) .. "[" .. ("1,"):rep(99) .. '1],"' .. FOLLOWS .. '"]'
    debug.sethook(function()
      if debug.getinfo(2, "S").source == "return {...}" then called = called + 1 end
    end, "c")
    local list = json.decode(text)
    debug.sethook()
    assert.equal(0, called)
    assert.is_true(text == json.encode(list))
  end)

  it("keeps every member of large objects, and the last of equal keys", function()
    for _, n in ipairs { 1, 31, 32, 33, 64, 65, 1000 } do
      local parts = {}
      for i = 1, n do parts[i] = ('"k%d":0'):format(i) end
      for i = 1, n do parts[n + i] = ('"k%d":%d'):format(i, i) end
      local object = json.decode("{" .. table.concat(parts, ",") .. "}")
      local count = 0
      for key, value in pairs(object) do
        count = count + 1
        assert.equal("k" .. value, key)
      end
      assert.equal(n, count)
    end
  end)

  it("allows 512 levels and refuses the 513th", function()
    assert.is_table(json.decode(("["):rep(512) .. ("]"):rep(512)))
    assert.is_table(json.decode(('{"a":'):rep(512) .. "1" .. ("}"):rep(512)))
    assert.matches("nested too deeply at byte 513", select(2, json.decode(("["):rep(513) .. ("]"):rep(513))), 1, true)
  end)

  it("builds deep containers whole, with other members before and after", function()
    local text = ('{"a":1,"b":[1,2,3,'):rep(200) .. "0" .. ('],"c":2}'):rep(200)
    assert.equal(text, again(text))
  end)

  it("counts levels, not containers", function()
    local text = "[" .. ("[[]],"):rep(1000) .. '{"a":{}}' .. (',{"a":[]}'):rep(1000) .. "]"
    assert.equal(text, again(text))
  end)

  it("takes another depth limit, and no senseless one", function()
    assert.is_table(json.decode("[[]]", 2))
    assert.is_nil(json.decode("[[]]", 1))
    assert.is_table(json.decode(("["):rep(1000) .. ("]"):rep(1000), 1000))
    assert.matches("depth must be from 1 to 4096", raised(json.decode, "[]", 0))
    assert.matches("depth must be from 1 to 4096", raised(json.decode, "[]", 4097))
  end)

  it("refuses 100000 brackets, also in a coroutine", function()
    for _, bracket in ipairs { "[", '{"a":', "[[],", '[{"a":' } do
      local text = bracket:rep(100000)
      assert.is_nil(json.decode(text))
      local value, message = coroutine.wrap(function() return json.decode(text) end)()
      assert.is_nil(value)
      assert.matches("nested too deeply", message)
      assert.is_nil((coroutine.wrap(function() return json.decode(text, 4096) end)()))
    end
  end)

  it("refuses every prefix of a completion", function()
    local text = '{"id":"chatcmpl-1","object":"chat.completion","created":1700000000,"model":"qwen3.6",'
      .. '"choices":[{"index":0,"message":{"role":"assistant","content":"'
      .. ("\195\161 \\u00e9 \\ud83d\\ude00 \\\"x\\\" "):rep(60) .. '","tool_calls":[]},"logprobs":null,'
      .. '"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":-1.5e-3,"ok":true,"no":false}}'
    assert.is_true(#text > 2000)
    assert.is_table(json.decode(text))
    for n = 0, #text - 1 do
      local value, message = json.decode(text:sub(1, n))
      assert.is_nil(value)
      assert.matches(" at byte %d+", message)
    end
  end)

  it("says where a text stops being JSON, with at most 20 bytes of it", function()
    local function message(text) return select(2, json.decode(text)) end
    assert.equal("unexpected end at byte 1", message(""))
    assert.equal("unexpected end at byte 7", message('{"a":1'))
    assert.equal("unexpected character at byte 4 near '}'", message("[1,}"))
    assert.equal("trailing data at byte 4 near 'x'", message("[] x"))
    assert.equal("malformed number at byte 2 near '01]'", message("[01]"))
    assert.equal("number out of range at byte 2 near '1e999]'", message("[1e999]"))
    assert.equal("malformed escape at byte 3 near '\\x41\"'", message('"a\\x41"'))
    assert.equal("control character in a string at byte 2 near '\\x0Aa\\x00\\x7F\\xFF'", message('"\na\0\127\255'))
    assert.equal("unexpected character at byte 1 near '" .. ("x"):rep(20) .. "'", message(("x"):rep(100)))
    assert.equal(#"unexpected character at byte 1 near ''" + 80, #message(("\200"):rep(100)))
  end)

  it("raises only for what is no text", function()
    for _, value in ipairs { 1, true, {}, print } do
      assert.matches("string expected", raised(json.decode, value))
    end
    assert.matches("string expected", raised(json.decode))
    assert.matches("number expected", raised(json.decode, "1", "x"))
  end)

  it("takes time in proportion to long numbers, strings and objects", function()
    local from = os.clock()
    assert.is_nil(json.decode(("9"):rep(200000)))
    assert.equal(1 / 9, json.decode("0." .. ("1"):rep(200000)))
    assert.equal(10000000, #json.decode('"' .. ("x"):rep(10000000) .. '"'))
    assert.equal(2000000, #json.decode('"' .. ("\\n"):rep(2000000) .. '"'))
    local parts = {}
    for i = 1, 100000 do parts[i] = ('"%d":%d'):format(i, i) end
    assert.equal(100000, json.decode("{" .. table.concat(parts, ",") .. "}")["100000"])
    assert.is_true(os.clock() - from < 20)
  end)
end)

describe("json.encode", function()
  it("writes scalars", function()
    assert.equal("null", json.encode(json.null))
    assert.equal("true", json.encode(true))
    assert.equal("false", json.encode(false))
    assert.equal('"x"', json.encode("x"))
    assert.equal("3", json.encode(3))
    assert.equal("-3", json.encode(-3))
    assert.equal("0.1", json.encode(0.1))
    assert.equal("-0.0", json.encode(-0.0 * 1.0))
  end)

  it("keeps whole floats floats where Lua has integers, and plain where not", function()
    assert.equal(has_integers and "3.0" or "3", json.encode(json.decode("3.0")))
    assert.equal(has_integers and "1e+15" or "1000000000000000", json.encode(1e15))
    assert.equal("1e+16", json.encode(1e16))
    assert.equal("1e+300", json.encode(1e300))
    assert.equal(has_integers and "9007199254740992.0" or "9007199254740992", json.encode(2 ^ 53))
  end)

  it("tells arrays from objects", function()
    assert.equal("{}", json.encode({}))
    assert.equal("[]", json.encode(json.array()))
    assert.equal("[]", json.encode(json.array({})))
    assert.equal("[1,2]", json.encode({ 1, 2 }))
    assert.equal('{"a":1}', json.encode({ a = 1 }))
    assert.equal('{"stop":[]}', json.encode({ stop = json.array() }))
    assert.equal("[[],{}]", json.encode({ json.array(), {} }))
    assert.equal("[false]", json.encode({ false }))
  end)

  it("counts a list whole, be it filled backwards or shrunk", function()
    local list = {}
    for i = 20, 1, -1 do list[i] = i end
    assert.equal(20, select(2, json.encode(list):gsub("%d+", "")))
    for i = 20, 4, -1 do list[i] = nil end
    assert.equal("[1,2,3]", json.encode(list))
  end)

  it("sorts keys by their bytes where asked", function()
    local value = { b = 1, a = 2, B = 3, ["a\0"] = 4, [""] = 5, aa = { z = 1, y = 2 }, ["\195\169"] = 6 }
    assert.equal('{"":5,"B":3,"a":2,"a\\u0000":4,"aa":{"y":2,"z":1},"b":1,"\195\169":6}', json.encode(value, { sort = true }))
    assert.equal("{}", json.encode({}, { sort = true }))
  end)

  it("escapes what JSON requires and nothing else, as shortly as it can", function()
    assert.equal('"\\"\\\\/\\b\\f\\n\\r\\t"', json.encode("\"\\/\b\f\n\r\t"))
    assert.equal('"\\u0000\\u0001\\u001f\127</script>\226\128\168"', json.encode("\0\1\31\127</script>\226\128\168"))
    for byte = 0, 255 do
      local text = json.encode(("abcdefg"):rep(3) .. string.char(byte) .. "hij")
      assert.is_nil(text:find("[%z\1-\31]"))
      assert.is_string(json.decode(text))
    end
  end)

  for bytes, expected in pairs {
    ["\128"] = replaced, ["\255"] = replaced, ["\192\175"] = replaced:rep(2), ["\237\160\128"] = replaced:rep(3),
    ["\224\128\128"] = replaced:rep(3), ["\244\144\128\128"] = replaced:rep(4), ["\195"] = replaced,
    ["\240\159\152"] = replaced, ["\240\159\152\240\159\152\128"] = replaced .. "\240\159\152\128",
    ["\226\130x"] = replaced .. "x", ["\240\128\128\128"] = replaced:rep(4), ["caf\233 x"] = "caf" .. replaced .. " x",
    ["\244\143\191\191"] = "\244\143\191\191", ["\224\160\128"] = "\224\160\128", ["\237\159\191"] = "\237\159\191",
    ["\238\128\128"] = "\238\128\128", ["\240\144\128\128"] = "\240\144\128\128", ["\194\128"] = "\194\128",
  } do
    it("never lets invalid UTF-8 out: " .. shown(bytes), function()
      assert.equal('"' .. expected .. '"', json.encode(bytes))
      assert.equal('{"' .. expected .. '":1}', json.encode({ [bytes] = 1 }))
    end)
  end

  it("writes long texts whole", function()
    local text = ("\195\161\n\"\\x"):rep(200000)
    assert.equal(text, json.decode(json.encode({ text, text }))[2])
  end)

  it("allows 512 levels and raises at the 513th, or at another limit", function()
    local function nested(n)
      local value = json.array()
      for _ = 2, n do value = { value } end
      return value
    end
    assert.equal(("["):rep(512) .. ("]"):rep(512), json.encode(nested(512)))
    assert.matches("cannot encode more than 512 levels at [1][1]", raised(json.encode, nested(513)), 1, true)
    assert.equal("cannot encode more than 2 levels at [1][1]", (raised(json.encode, nested(3), { depth = 2 }):gsub("^.-:%d+: ", "")))
    assert.equal(1000, #json.encode(nested(500), { depth = 500 }))
    assert.matches("depth must be from 1 to 4096", raised(json.encode, {}, { depth = 5000 }))
    assert.matches("table expected", raised(json.encode, {}, 5))
  end)

  local function at_messages(content)
    return { messages = { { role = "user", content = content } } }
  end
  local cycle = { a = { b = {} } }
  cycle.a.b[1] = cycle.a
  local listing = { 1, 2 }
  listing.x = 3
  local wild = { ["two words"] = { ["new\nline"] = print } }

  for message, value in pairs {
    ["cannot encode a function"] = print,
    ["cannot encode NaN"] = 0 / 0,
    ["cannot encode a function at messages[1].content"] = at_messages(print),
    ["cannot encode a coroutine at messages[1].content"] = at_messages(coroutine.create(function() end)),
    ["cannot encode a userdata at messages[1].content"] = at_messages(io.stdout),
    ["cannot encode NaN at messages[1].content"] = at_messages(0 / 0),
    ["cannot encode an infinity at messages[1].content"] = at_messages(1 / 0),
    ["cannot encode an infinity at messages[1].content[2]"] = at_messages({ 1, -1 / 0 }),
    ["cannot encode a cycle at a.b[1]"] = cycle,
    ["cannot encode a list with other keys at x"] = listing,
    ["cannot encode a list with other keys at messages[1].content.x"] = at_messages(listing),
    ["cannot encode a list with other keys at a[1.5]"] = { a = { 1, 2, [1.5] = 3 } },
    ["cannot encode a list with other keys at a[0]"] = { a = { 1, 2, [0] = 3 } },
    ["cannot encode a list with other keys at a"] = { a = { 1, [true] = 3 } },
    ["cannot encode a list with other keys at [1].x"] = { json.array({ x = 1 }) },
    ["cannot encode a list with holes at a[3]"] = { a = { 1, 2, nil, 4 } },
    ["cannot encode a list with holes at a[1]"] = { a = setmetatable({ [2] = 1 }, json.array_mt) },
    ["cannot encode a number as a key at a[2]"] = { a = { [2] = 1 } },
    ["cannot encode a number as a key at a[0]"] = { a = { [0] = 1 } },
    ["cannot encode a number as a key at a[-1.5]"] = { a = { [-1.5] = 1 } },
    ["cannot encode a table with a boolean as a key at a"] = { a = { [true] = 1 } },
    ["cannot encode a table with a table as a key"] = { [{}] = 1 },
    ['cannot encode a function at ["two words"]["new\\x0Aline"]'] = wild,
  } do
    it("raises: " .. message, function()
      for _, options in ipairs { {}, { sort = true } } do
        local text = raised(json.encode, value, options)
        assert.equal(message, (text:gsub("^.-:%d+: ", "")))
      end
    end)
  end

  it("raises at the line that called it", function()
    local message = raised(function() return json.encode({ print }), 1 end)
    assert.matches("json_spec.lua:%d+: cannot encode a function at %[1%]", message)
    assert.matches("value expected", raised(json.encode))
  end)

  it("cuts a path that would not end", function()
    local value = print
    for i = 1, 100 do value = { ["key" .. ("y"):rep(20) .. i] = value } end
    assert.is_true(#raised(json.encode, value) < 700)
  end)

  it("takes one table in two places, which is no cycle", function()
    local shared = { 1 }
    assert.equal("[[1],[1]]", json.encode({ shared, shared }))
  end)

  it("runs no metamethod", function()
    local function never() error("ran") end
    local mt = { __index = never, __pairs = never, __len = never, __tostring = never, __tojson = never, __eq = never }
    assert.equal('{"a":1}', json.encode(setmetatable({ a = 1 }, mt)))
    assert.equal("[1]", json.encode(setmetatable({ 1 }, mt)))
  end)

  it("gives its memory back when it raises", function()
    local value = { ("x"):rep(100000), print }
    local function rounds(n)
      for _ = 1, n do pcall(json.encode, value) end
      collectgarbage()
      collectgarbage()
      return collectgarbage("count")
    end
    local before = rounds(10)
    assert.is_true(rounds(500) - before < 200)
  end)
end)

describe("json.decode", function()
  -- A coroutine's stack grows by doubling and seldom shrinks, and each task has one.
  it("leaves the stack of a coroutine that decodes a chunk small", function()
    local text = '{"id":"x","choices":[{"index":0,"delta":{"content":"a"}}]}'
    local most = rawget(_G, "jit") and 1000 or 2200     -- bytes, of which a new one has half
    local threads = {}
    local function decode_and_wait()
      json.decode(text)
      coroutine.yield()
    end
    local function taken(f)
      local before = collectgarbage("count")
      for i = 1, 100 do f(i) end
      return (collectgarbage("count") - before) * 1024 / 100
    end
    for i = 1, 100 do threads[i] = false end
    collectgarbage()
    collectgarbage("stop")
    local decoded = taken(function() json.decode(text) end)
    local all = taken(function(i)
      threads[i] = coroutine.create(decode_and_wait)
      coroutine.resume(threads[i])
    end)
    collectgarbage("restart")
    assert.is_true(all - decoded < most, ("%.0f bytes each"):format(all - decoded))
  end)
end)

describe("json round trips", function()
  local function exact(text)
    local value = json.decode(text)
    assert.is_true(same_float(tonumber(text), value), text)
    local written = json.encode(value)
    assert.is_true(same_float(value, json.decode(written) + 0.0), written)
  end

  for _, text in ipairs {
    "0.1", "1e-7", "5e-324", "1.7976931348623157e308", "2.2250738585072014e-308", "2.2250738585072011e-308",
    "4.9406564584124654e-324", "2.4703282292062328e-324", "0.30000000000000004", "9007199254740993.0", "9007199254740991.5",
    "123456789012345678.0", "1.0000000000000002", "0.99999999999999989", "1e23", "8.5e22", "9.5e22", "1e-22", "1e-23",
    "-0.006929283495992422", "0.012345678901234567", "3.141592653589793238462643383279", "1e27", "1e28", "1e-27", "1e-28",
    "1234567890123456789e-27", "9999999999999999999e27", "9999999999999999999e-30", "1.00000000000000011102230246251565",
    "1.00000000000000011102230246251566", "1.000000000000000111022302462515654042363166809082031250000000001",
    "1e308", "1.7976931348623158e308", "6.62607015e-34", "6.02214076e23", "179769313486231570000000000000e279",
  } do
    it("reads and writes " .. text .. " to the last bit", function() exact(text) end)
  end

  it("keeps 3072 random floats to the last bit", function()
    local state, texts, values = 42, {}, {}
    for i = 1, 3072 do
      state = (state * 16807) % 2147483647
      local digits = state
      state = (state * 16807) % 2147483647
      values[i] = (digits / 2147483647 + state / 2 ^ 62 - 0.5) * 10 ^ (digits % 37 - 18)
      texts[i] = ("%.17g"):format(values[i])
    end
    local list = json.decode("[" .. table.concat(texts, ",") .. "]")
    local again_list = json.decode(json.encode(list))
    for i = 1, 3072 do
      assert.is_true(values[i] == list[i] and values[i] == again_list[i], texts[i])
    end
  end)

  it("reads a numeral in a list as it reads it alone", function()
    local odd = { "-0.0", "0.5e3", "1.5E-7", "7", "-12", "12.25", "0.1234567", "0.12345678", "0.123456789",
      "9.123456789012345", "9.1234567890123456", "0.12345678901234567", "0.000000000000000000001", "1e300", "2e-320",
      "9007199254740993.0", "0.30000000000000004", "-0.0000000000000000", "9.9999999999999999" }
    for _, gap in ipairs { "", " ", "\n  " } do
      for at = 1, #odd do
        local texts = {}
        for i = 1, #odd do texts[i] = odd[(at + i) % #odd + 1] end
        local list = assert(json.decode("[" .. table.concat(texts, "," .. gap) .. "]"))
        for i, text in ipairs(texts) do
          local alone = json.decode(text)
          assert.is_true(same_float(list[i], alone), text)
          if has_integers then assert.equal(math.type(alone), math.type(list[i])) end
        end
      end
    end
  end)

  it("finds what is wrong with a numeral wherever it is in a list", function()
    local numbers = ("0.5,"):rep(70)
    for _, wrong in ipairs { "01.5", "-", "1.", "0.", ".5", "1.e5", "1.5e", "1.5e+", "- 1.5", "0.5.5", "+1.5", "0,5x" } do
      for _, n in ipairs { 0, 1, 5, 63, 64, 65 } do
        for _, rest in ipairs { "", ",0.25,0.125,0.0625,0.5" } do
          local text = "[" .. numbers:sub(1, 4 * n) .. wrong .. rest .. "]"
          assert.is_nil(json.decode(text), text)
        end
      end
    end
    assert.equal("number out of range at byte 6 near '1e999,0.5]'", select(2, json.decode("[0.5,1e999,0.5]")))
    assert.equal("unexpected character at byte 6 near ']'", select(2, json.decode("[0.5,]")))
  end)

  it("rounds numerals between two floats as Lua does", function()
    local state = 7
    local function random(n)
      state = (state * 16807) % 2147483647
      return state % n
    end
    for _ = 1, 3000 do
      local text = ("%d.%06d%06d%06de%d"):format(1 + random(9), random(1e6), random(1e6), random(1e6), random(60) - 30)
      assert.is_true(tonumber(text) == json.decode(text), text)
    end
  end)

  it("keeps 64-bit integers to the last digit", function()
    for _, text in ipairs {
      "9007199254740993", "-9007199254740993", "9223372036854775807", "-9223372036854775808",
      "1234567890123456789", "-1234567890123456789", "4294967296000000001", "-4294967297000000000",
    } do
      if has_integers or has_int64 then
        assert.equal("[" .. text .. "]", again("[" .. text .. "]"))
      else
        assert.equal(tonumber(text), json.decode(text))
      end
    end
    assert.equal(9223372036854775808, json.decode("9223372036854775808") + 0.0)
    assert.equal(-9223372036854775809, json.decode("-9223372036854775809") + 0.0)
  end)

  if has_int64 then
    it("takes LuaJIT's 64-bit integers, and no other cdata", function()
      local ffi = require("ffi")
      assert.equal("[18446744073709551615]", json.encode({ ffi.new("uint64_t", 0) - 1 }))
      assert.equal("[-5]", json.encode({ ffi.new("int64_t", -5) }))
      assert.is_true(ffi.istype("int64_t", json.decode("9007199254740993")))
      assert.equal("number", type(json.decode("9007199254740992")))
      assert.matches("cannot encode a cdata at %[1%]", raised(json.encode, { ffi.new("int[2]") }))
      assert.matches("cannot encode a cdata", raised(json.encode, ffi.new("int32_t", 1)))
    end)
  end

  it("is not led astray by the host's locale", function()
    local before = os.setlocale(nil, "numeric")
    finally(function() os.setlocale(before, "numeric") end)
    local found
    for _, name in ipairs { "de_DE.UTF-8", "de_DE.utf8", "de_DE", "es_ES.UTF-8", "es_ES.utf8", "fr_FR.UTF-8", "it_IT.UTF-8" } do
      found = found or os.setlocale(name, "numeric")
    end
    if not found then return pending("no locale with a decimal comma here") end
    assert.equal("[0.1,1e-07,1.25e+300,-2.5]", json.encode(json.decode("[0.1,1e-7,1.25e300,-2.5]")))
    assert.is_true(json.decode("5e-324") > 0)
    assert.equal(3 / 2, json.decode("1.50000000000000000000000000000000000000000"))
    assert.is_nil(json.decode("1,5"))
  end)
end)

describe("json at the edge of what a float counts exactly", function()
  it("keeps the digits of 2^53 and -2^53 both ways", function()
    for _, digits in ipairs({ "9007199254740992", "-9007199254740992", "9007199254740991", "-9007199254740991" }) do
      assert.equal(digits, json.encode(json.decode(digits)))
      assert.equal('{"id":[' .. digits .. "]}", json.encode(json.decode('{"id":[' .. digits .. "]}")))
      assert.equal(tonumber(digits), json.decode(digits))
    end
  end)
end)

describe("json.encode with sorted keys", function()
  it("bears a finalizer that adds keys to the table while it runs", function()
    local output, status = require("spec.support.child").code([[
      local json = require "marea.json"
      local t, on, generation
      local function finalizer()
        if not on then return end
        generation = generation + 1
        for i = 1, 20 do t["n" .. generation .. "_" .. i] = 1 end
      end
      local function arm()
        if newproxy then getmetatable(newproxy(true)).__gc = finalizer
        else setmetatable({}, { __gc = finalizer }) end
      end
      collectgarbage("setpause", 100)
      local ran = 0
      for _ = 1, 200 do
        t, on, generation = {}, false, 0
        for i = 1, 1500 do t["k" .. i] = i end
        for _ = 1, 50 do arm() end
        on = true
        pcall(json.encode, t, { sort = true })
        on = false
        ran = ran + generation
      end
      assert(ran > 0, "no finalizer ran inside encode")
      io.write "done"
    ]])
    assert.equal("done", output)
    assert.equal(0, status)
  end)
end)

describe("json.array", function()
  it("marks a list and gives it back", function()
    local list = { 1 }
    assert.equal(list, json.array(list))
    assert.equal(json.array_mt, getmetatable(list))
    assert.equal(list, json.array(list))
    assert.equal(0, #json.array())
  end)

  it("raises for what can't be marked, at the caller's line", function()
    assert.matches("json_spec.lua:%d+: array: a table expected, got number", raised(function() return json.array(1), 1 end))
    assert.matches("another metatable", raised(json.array, setmetatable({}, {})))
  end)

  it("tells what would be encoded as an array", function()
    assert.is_true(json.is_array(json.array()))
    assert.is_true(json.is_array({ 1 }))
    assert.is_true(json.is_array(json.decode("[]")))
    assert.is_false(json.is_array({}))
    assert.is_false(json.is_array({ a = 1 }))
    assert.is_false(json.is_array(json.null))
    assert.is_false(json.is_array(setmetatable({}, { __index = function() return 1 end })))
  end)
end)

describe("json beside cjson", function()
  local found, cjson = pcall(require, "cjson")

  ---The module as it loads where `require "cjson"` gives `fake`; nil: where there is none.
  local function load_with(fake)
    local saved, preload = package.loaded.cjson, package.preload.cjson
    finally(function()
      package.loaded.cjson, package.preload.cjson = saved, preload
      require("marea.core").json.setup({ array_mt = json.array_mt })
    end)
    package.loaded.cjson = fake
    package.preload.cjson = function() error("no cjson") end
    return dofile(package.searchpath and package.searchpath("marea.json", package.path) or "lua/marea/json.lua")
  end

  it("passes null in and out", function()
    if not found then return pending("no cjson here") end
    assert.equal(cjson.null, json.null)
    assert.equal(cjson.null, json.decode("[null]")[1])
    assert.equal("[null]", json.encode({ cjson.null }))
    assert.equal("[null]", cjson.encode({ json.null }))
  end)

  it("takes what cjson decoded, and gives what cjson encodes", function()
    if not found then return pending("no cjson here") end
    local text = '{"a":[1.5,"x",null,true]}'
    assert.equal(text, json.encode(cjson.decode(text)))
    assert.equal(text, cjson.encode(json.decode(text)))
  end)

  it("works where there is no cjson", function()
    local alone = load_with(nil)
    assert.equal("[1,[],{}]", alone.encode(alone.decode("[1,[],{}]")))
  end)

  it("takes over the marks of a cjson that has them", function()
    local pointer = debug.upvalueid and debug.upvalueid(load_with, 1)
    local fake = { array_mt = {}, empty_array_mt = {}, empty_array = pointer }
    local beside = load_with(fake)
    assert.equal(fake.array_mt, beside.array_mt)
    assert.equal(fake.array_mt, getmetatable(beside.decode("[]")))
    assert.equal("[]", beside.encode(setmetatable({}, fake.array_mt)))
    assert.equal("[]", beside.encode(setmetatable({}, fake.empty_array_mt)))
    assert.is_true(beside.is_array(setmetatable({}, fake.empty_array_mt)))
    if pointer then assert.equal('{"stop":[]}', beside.encode({ stop = pointer })) end
  end)
end)
