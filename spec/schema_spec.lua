-- SPDX-License-Identifier: MIT
-- Schemas from short forms, and the validator: what it takes, what it refuses
-- and how it says so, what it puts right, what it doesn't look at.

local json = require("marea.json")
local marea = require("marea")
local schema = require("marea.schema")

local function encoded(value)
  return json.encode(value, { sort = true })
end

describe("a short form", function()
  local forms = {
    { "string", '{"type":"string"}' },
    { "any", "{}" },
    { "string[]", '{"items":{"type":"string"},"type":"array"}' },
    { "integer[][]", '{"items":{"items":{"type":"integer"},"type":"array"},"type":"array"}' },
    { "string|null", '{"type":["string","null"]}' },
    { { "string", enum = { "c", "f" } }, '{"enum":["c","f"],"type":"string"}' },
    { { "number", minimum = 0, description = "d" }, '{"description":"d","minimum":0,"type":"number"}' },
    { { "array", items = "integer", maxItems = 2 }, '{"items":{"type":"integer"},"maxItems":2,"type":"array"}' },
    { { city = "string" }, '{"additionalProperties":false,"properties":{"city":{"type":"string"}},'
      .. '"required":["city"],"type":"object"}' },
    { { a = "string?", b = { "number", optional = true }, c = { type = "null", optional = true } },
      '{"additionalProperties":false,"properties":{"a":{"type":"string"},"b":{"type":"number"},'
      .. '"c":{"type":"null"}},"type":"object"}' },
    { { at = { lat = "number" } }, '{"additionalProperties":false,"properties":{"at":'
      .. '{"additionalProperties":false,"properties":{"lat":{"type":"number"}},"required":["lat"],'
      .. '"type":"object"}},"required":["at"],"type":"object"}' },
    { { "object", properties = { x = "integer" }, description = "d" }, '{"additionalProperties":false,'
      .. '"description":"d","properties":{"x":{"type":"integer"}},"required":["x"],"type":"object"}' },
    { { "object", properties = { x = "any" }, additionalProperties = true }, '{"additionalProperties":true,'
      .. '"properties":{"x":{}},"required":["x"],"type":"object"}' },
    { { list = { "array", items = { n = "integer" } } }, '{"additionalProperties":false,"properties":{"list":'
      .. '{"items":{"additionalProperties":false,"properties":{"n":{"type":"integer"}},"required":["n"],'
      .. '"type":"object"},"type":"array"}},"required":["list"],"type":"object"}' },
    { { anyOf = { { type = "string" } } }, '{"anyOf":[{"type":"string"}]}' },
    { {}, '{"additionalProperties":false,"properties":{},"type":"object"}' },
  }
  for _, case in ipairs(forms) do
    it("becomes " .. case[2], function()
      assert.equal(case[2], encoded(schema.new(case[1])))
    end)
  end

  it("that is JSON Schema is taken as it is", function()
    local given = { type = "object", properties = { a = { type = "string", minLength = 1 } }, ["x-own"] = 1 }
    assert.equal(given, schema.new(given))
  end)

  for _, text in ipairs { '{"type":"object","properties":{"q":{"type":"string"}},"dependencies":{}}',
    '{"type":["object","null"],"properties":{"q":{"type":"string"}},"strict":true}',
    '{"type":["object"],"properties":{}}' } do
    it("is JSON Schema where it is an object with properties, whatever else is there: " .. text, function()
      local given = json.decode(text)
      assert.equal(given, schema.new(given))
      assert.equal(given, schema.object(given))
      assert.equal(given, schema.new({ deep = given }).properties.deep)
    end)
  end

  it("tells a parameter called `type` from a type", function()
    local s = schema.object { type = "string", name = "string" }
    assert.same({ "name", "type" }, { s.required[1], s.required[2] })
    s = schema.object { type = "object", properties = { "string" }, name = "string" }
    assert.same({ "name", "properties", "type" }, { s.required[1], s.required[2], s.required[3] })
    local nested = schema.new { thing = { type = "string", colour = "string" } }
    assert.equal("object", nested.properties.thing.type)
  end)

  local wrong = {
    { "strin", 'marea.schema: "strin" is not a type' },
    { { city = "text" }, 'marea.schema.city: "text" is not a type' },
    { { city = 3 }, "marea.schema.city: expected a type's name or a table, got a number" },
    { { "string", enumm = {} }, 'marea.schema: unknown keyword "enumm"' },
    { { [2] = "string" }, "marea.schema: a property's name must be a string, not a number" },
  }
  for _, case in ipairs(wrong) do
    it("that is wrong raises at the caller's line: " .. case[2], function()
      local ok, err = pcall(function() marea.schema.new(case[1]) end)
      assert.is_false(ok)
      assert.equal(case[2], err:match("^spec/schema_spec.lua:%d+: (.*)$"))
    end)
  end
end)

describe("the validator", function()
  -- schema, value, what it becomes (true: the same) or what is wrong
  local cases = {
    { '{"type":"string"}', '"a"', true },
    { '{"type":"string"}', "3", false, "expected string, got 3" },
    { '{"type":["string","null"]}', "null", true },
    { '{"type":["string","null"]}', "1", false, "expected string or null, got 1" },
    { '{"type":"integer"}', "3", true },
    { '{"type":"integer"}', "3.0", "3" },
    { '{"type":"integer"}', "-0.5", false, "expected integer, got -0.5" },
    { '{"type":"number"}', "3", true },
    { '{"type":"array","items":{"type":"integer"}}', "[1,2.0]", "[1,2]" },
    { '{"type":"array"}', "{}", "[]" },
    { '{"type":"object"}', "[]", "{}" },
    { '{"type":"object"}', "[1]", false, "expected object, got [1]" },
    { '{"type":"boolean"}', "false", true },
    { '{"type":"boolean"}', '"false"', false, 'expected boolean, got "false"' },
    { '{"type":"string","nullable":true}', "null", true },
    { '{"enum":["c","f",1]}', '"c"', true },
    { '{"enum":["c","f",1]}', "1.0", true },
    { '{"enum":["c","f"]}', '"k"', false, 'expected one of "c", "f", got "k"' },
    { '{"const":{"a":[1]}}', '{"a":[1]}', true },
    { '{"const":{"a":[1,{}]}}', '{"a":[1.0,{}]}', true },
    { '{"const":{"a":1}}', '{"a":1,"b":2}', false, 'must be {"a":1}, is {"a":1,"b":2}' },
    { '{"enum":[[],["a"]]}', '["b"]', false, 'expected one of [], ["a"], got ["b"]' },
    { '{"const":3}', "4", false, "must be 3, is 4" },
    { '{"minimum":1,"maximum":3}', "3", true },
    { '{"minimum":1}', "0", false, "must be at least 1, is 0" },
    { '{"maximum":1}', "2", false, "must be at most 1, is 2" },
    { '{"exclusiveMinimum":1}', "1", false, "must be more than 1, is 1" },
    { '{"exclusiveMaximum":1}', "1", false, "must be less than 1, is 1" },
    { '{"multipleOf":0.1}', "0.3", true },
    { '{"multipleOf":2}', "3", false, "must be a multiple of 2, is 3" },
    { '{"multipleOf":0}', "3", false, "must be a multiple of 0, is 3" },
    { '{"multipleOf":3}', "9007199254740993", true },           -- more than a double can hold
    { '{"multipleOf":2}', "9007199254740993", false, "must be a multiple of 2, is 9007199254740993" },
    { '{"multipleOf":0}', "9007199254740993", false, "must be a multiple of 0, is 9007199254740993" },
    { '{"multipleOf":0.5}', "9007199254740993", true },
    { '{"multipleOf":9007199254740993}', "18014398509481986", true },
    { '{"multipleOf":9007199254740993}', "5", false, "must be a multiple of 9007199254740993, is 5" },
    { '{"maximum":18446744073709551615,"minimum":0}', "9007199254740993", true },
    { '{"exclusiveMinimum":9007199254740992}', "9007199254740993", true },
    { '{"minimum":-9007199254740993}', "-1e300", false, "must be at least -9007199254740993, is -1e+300" },
    { '{"minLength":2}', '"é"', false, "must have at least 2 characters, has 1" },
    { '{"maxLength":1}', '"é"', true },
    { '{"maxLength":1}', '"ab"', false, "must have at most 1 characters, has 2" },
    { '{"pattern":"^a+$"}', '"aa"', true },
    { '{"pattern":"^a+$"}', '"ab"', false, 'must match ^a+$, is "ab"' },
    { '{"pattern":"(?=x)"}', '"ab"', true },     -- not honoured, and said to be
    { '{"minItems":1}', "[]", false, "must have at least 1 items, has 0" },
    { '{"maxItems":1}', "[1,2]", false, "must have at most 1 items, has 2" },
    { '{"uniqueItems":true}', "[1,2,1.0]", false, "items must differ: 0 and 2 don't" },
    { '{"contains":{"type":"string"}}', "[1]", false, "0 items are as some must be" },
    { '{"contains":{"type":"string"},"minContains":0}', "[1]", true },
    { '{"prefixItems":[{"type":"string"}],"items":{"type":"integer"}}', '["a",1.0]', '["a",1]' },
    { '{"items":[{"type":"string"}],"additionalItems":false}', '["a",1]', false, "[1]: nothing may stand here" },
    { '{"required":["a","b"]}', '{"a":1}', false, '"b" is missing' },
    { '{"properties":{"a":{"type":"integer"}}}', '{"a":1.0,"b":2}', '{"a":1,"b":2}' },
    { '{"properties":{"a":{"properties":{"b":{"items":{"type":"string"}}}}}}', '{"a":{"b":["x",1]}}', false,
      "a.b[1]: expected string, got 1" },
    { '{"additionalProperties":false,"properties":{"a":true}}', '{"b":1}', false, 'unknown property "b"' },
    { '{"additionalProperties":{"type":"string"}}', '{"b":1}', false, "b: expected string, got 1" },
    { '{"patternProperties":{"^x":{"type":"string"}},"additionalProperties":false}', '{"xa":"b"}', true },
    { '{"patternProperties":{"^x":{"type":"string"}}}', '{"xa":1}', false, "xa: expected string, got 1" },
    { '{"minProperties":1}', "{}", false, "must have at least 1 properties, has 0" },
    { '{"maxProperties":1}', '{"a":1,"b":2}', false, "must have at most 1 properties, has 2" },
    { '{"propertyNames":{"maxLength":1}}', '{"ab":1}', false, "ab: must have at most 1 characters, has 2" },
    { '{"dependentRequired":{"a":["b"]}}', '{"a":1}', false, '"b" is missing' },
    { '{"properties":{"a":{"type":"string"}}}', '{"a":null}', "{}" },
    { '{"properties":{"a":{"type":"string"}},"required":["a"]}', '{"a":null}', false, "a: expected string, got null" },
    { '{"properties":{"a":{"type":["string","null"]}}}', '{"a":null}', true },
    { '{"properties":{"a":{"type":"string"}},"minProperties":1}', '{"a":null}', false,     -- left out, it isn't there
      "must have at least 1 properties, has 0" },
    { '{"properties":{"a":{"type":"string"}},"maxProperties":1}', '{"a":null,"b":1}', '{"b":1}' },
    { '{"properties":{"a":{"type":"string"}},"dependentRequired":{"a":["b"]}}', '{"a":null}', "{}" },
    { '{"properties":{"a":{"type":"string"}},"dependentRequired":{"b":["a"]}}', '{"a":null,"b":1}', false,
      '"a" is missing' },
    { '{"anyOf":[{"type":"string"},{"type":"integer"}]}', "3.0", "3" },
    { '{"anyOf":[{"type":"string"},{"type":"integer"}]}', "true", false,
      "fits none of the alternatives (expected string, got true)" },
    { '{"oneOf":[{"type":"integer"},{"minimum":2}]}', "1", true },
    { '{"oneOf":[{"type":"integer"},{"minimum":2}]}', "3", false, "fits more than one of the alternatives" },
    { '{"allOf":[{"type":"integer"},{"minimum":2}]}', "3.0", "3" },
    { '{"allOf":[{"type":"integer"},{"minimum":2}]}', "1", false, "must be at least 2, is 1" },
    { '{"not":{"type":"integer"}}', "1", false, "is what it must not be" },
    { '{"if":{"type":"integer"},"then":{"minimum":2},"else":{"type":"string"}}', "1", false,
      "must be at least 2, is 1" },
    { '{"if":{"type":"integer"},"then":{"minimum":2},"else":{"type":"string"}}', '"a"', true },
    { '{"$ref":"#/$defs/a~1b","$defs":{"a/b":{"type":"integer"}}}', "3.0", "3" },
    { '{"properties":{"next":{"$ref":"#"},"v":{"type":"integer"}}}', '{"next":{"next":{"v":"x"}}}', false,
      'next.next.v: expected integer, got "x"' },
    { '{"$ref":"#"}', "1", false, "nested too deeply" },
    { '{"$ref":"http://x/y"}', "1", true },
    { "true", "1", true },
    { "false", "1", false, "nothing may stand here" },
  }
  for _, case in ipairs(cases) do
    it(("%s %s %s"):format(case[2], case[3] and "fits" or "doesn't fit", case[1]), function()
      local s, value = json.decode(case[1]), json.decode(case[2])
      local before = encoded(value)
      local out, problems = schema.check(value, s)
      assert.equal(before, encoded(value), "the value was changed")
      if case[3] == false then
        assert.is_nil(out)
        return assert.equal(case[4], problems)
      end
      assert.is_nil(problems)
      local wanted = case[3] == true and before or case[3]
      -- LuaJIT has one kind of number: 3.0 is 3 there from the start
      if math.type then return assert.equal(wanted, encoded(out)) end
      assert.equal(encoded(json.decode(wanted)), encoded(out))
    end)
  end

  it("passes over what isn't of a keyword's kind, and names it", function()
    local s = json.decode [[{"type":null,"enum":null,"required":null,"properties":null,"patternProperties":null,
      "prefixItems":null,"minimum":"3","exclusiveMinimum":true,"multipleOf":null,"minLength":null,"maxItems":"1",
      "anyOf":null,"allOf":3,"dependentRequired":null,"$defs":null}]]
    for _, value in ipairs { 1, "a", true, {}, { a = 1 }, json.array { 1, 2 }, json.null } do
      assert.equal(encoded(value), encoded((assert(schema.check(value, s)))))
    end
    assert.equal(15, #schema.unhonoured(s))
    s = { type = json.array { json.null, "string" }, required = "a", dependentRequired = { a = json.null } }
    assert.equal("x", schema.check("x", s))
    assert.is_truthy(select(2, schema.check({ a = 1 }, s)):find("or string, got", 1, true))
  end)

  it("tells each problem on a line of its own, the first few", function()
    local s = schema.new { a = "string", b = "string" }
    local _, problems = schema.check({ a = 1, b = 2 }, s)
    assert.equal("a: expected string, got 1\nb: expected string, got 2", problems)
    local many = {}
    for i = 1, 20 do many["k" .. i] = i end
    _, problems = schema.check(many, s)
    assert.equal("and 14 more", problems:match("[^\n]*$"))
  end)

  it("shows long values cut", function()
    local _, problems = schema.check(("x"):rep(1e5), { type = "integer" })
    assert.is_true(#problems < 100)
  end)

  -- f, which may run so many instructions and no more. LuaJIT looks at hooks only
  -- where it interprets.
  local function bounded(instructions, f)
    local jit = rawget(_G, "jit")
    if jit then jit.off() jit.flush() end
    debug.sethook(function() error("it takes for ever", 0) end, "", instructions)
    local ok, err = pcall(f)
    debug.sethook()
    if jit then jit.on() end
    if not ok then error(err, 0) end
  end

  -- { op = "div", left = { op = "div", left = ... }, right = 1 }
  local function expression(depth, innermost)
    local value = innermost
    for _ = 1, depth do value = { op = "div", left = value, right = 1.0 } end
    return value
  end

  local function expressions()
    local operations = json.array {}
    for i, op in ipairs { "add", "sub", "mul", "div" } do
      operations[i] = { type = "object", required = { "op", "left", "right" }, properties = { op = { const = op },
        left = { ["$ref"] = "#/$defs/e" }, right = { ["$ref"] = "#/$defs/e" } } }
    end
    operations[5] = { type = "integer" }
    return { ["$ref"] = "#/$defs/e", ["$defs"] = { e = { anyOf = operations } } }
  end

  it("goes through alternatives of alternatives in time that grows with the value", function()
    bounded(1e6, function()
      local out = assert(schema.check(expression(20, 2.0), expressions()))
      for _ = 1, 20 do
        assert.equal(encoded(1), encoded(out.right))
        out = out.left
      end
      assert.equal(encoded(2), encoded(out))
      assert.equal("fits none of the alternatives (left: fits none of the alternatives (left: expected object, "
        .. "got true))", select(2, schema.check(expression(1, true), expressions())))
      assert.is_nil((schema.check(expression(20, true), expressions())))
    end)
  end)

  -- Schemas of which each refers to the next, twice.
  local function chain(length, of_next, last)
    local all = { ["d" .. length] = last }
    for i = 1, length - 1 do all["d" .. i] = of_next({ ["$ref"] = "#/$defs/d" .. i + 1 }) end
    return { ["$ref"] = "#/$defs/d1", ["$defs"] = all }
  end

  local function twice(ref) return { allOf = { ref, ref } } end

  -- The value is another each time: an empty list is an object, and a list again.
  local function turned_and_twice(ref)
    local function named(kind) return { properties = { x = { type = kind } } } end
    return { allOf = { named "object", named "array", ref, ref } }
  end

  local endless = {
    { "to itself", { ["$ref"] = "#/$defs/a", ["$defs"] = { a = { anyOf = {
      { ["$ref"] = "#/$defs/a" }, { ["$ref"] = "#/$defs/a" } } } } },
      "fits none of the alternatives (nested too deeply)" },
    { "twice each to the next", chain(40, twice, { required = { "x" } }) },
    { "twice each to the next, where nothing fits", chain(40, twice, { type = "string" }),
      ("expected string, got {\"x\":[]}\n"):rep(8) .. "and 999992 more" },
    { "twice each to the next, with the value turned about", chain(40, turned_and_twice, {}), "nested too deeply" },
  }
  for _, case in ipairs(endless) do
    it("comes to an end where schemas refer " .. case[1], function()
      bounded(3e7, function()
        local _, problems = schema.check({ x = json.array {} }, case[2])
        if case[3] == "nested too deeply" then problems = problems:match("^[^\n]*") end
        assert.equal(case[3], problems)
      end)
    end)
  end

  it("names the keywords it doesn't look at", function()
    local s = json.decode [[{
      "type":"object", "title":"t", "properties":{
        "mail":{"type":"string","format":"email"},
        "id":{"pattern":"^\\p{L}$"}, "other":{"$ref":"http://x/y"}, "fine":{"pattern":"^a$","x-own":1}
      }, "unevaluatedProperties":false }]]
    assert.same({ "id: pattern ^\\p{L}$ (\\p)", "mail: format", "other: $ref http://x/y", "unevaluatedProperties" },
      schema.unhonoured(s))
    assert.same({}, schema.unhonoured(schema.new { city = "string", tags = "string[]?" }))
  end)
end)

describe("a pattern", function()
  local regex = require("marea.schema.regex")
  local cases = {
    { "^[A-Z]{3}$", { "ABC" }, { "AB", "ABCD", "abc" } },
    { "a|b", { "xax", "b" }, { "c" } },
    { "^(foo|ba?r)+$", { "foo", "barbr" }, { "", "fo" } },
    { "^\\d{4}-\\d{2}-\\d{2}$", { "2024-12-31" }, { "24-1-1" } },
    { "^[\\w.+-]+@[\\w-]+\\.[a-z]{2,}$", { "a.b@c-d.es" }, { "a@b", "@c.es" } },
    { "^(?:a|(?<name>b))?c$", { "c", "ac", "bc" }, { "abc" } },
    { "\\bfoo\\b", { "a foo." }, { "afoo" } },
    { "^\\Bx", {}, { "x" } },
    { "^[^\\W_]+$", { "ab1" }, { "a_b" } },
    { "^.\\u00e9.{1,2}?$", { "xéñ", "xéñü" }, { "xé", "x\né" } },
    { "^[\\u{1F600}-\\x7e]$", {}, { "a" } },
    { "^\\uD83D\\uDE00{2}$", { "😀😀" }, { "😀" } },
    { "^[\\ud83d\\ude00-\\uD83D\\uDE02]$", { "😀", "😁" }, { "😃", "a" } },
    { "^\\uD83D\\u0041|\\uD83Dx$", {}, { "😀", "A", "x" } },
    { "^[a\\-z]$", { "-", "a" }, { "b" } },
    { "^[-a]$", { "-", "a" }, { "b" } },
    { "^a{2,3}$", { "aa", "aaa" }, { "a", "aaaa" } },
    { "^a{2,}$", { "aaaa" }, { "a" } },
    { "^\\/\\.\\$$", { "/.$" }, { "/a$" } },
    { "^$", { "" }, { "a" } },
    { "", { "", "a" }, {} },
    { "^{$", { "{" }, {} },
  }
  for _, case in ipairs(cases) do
    it(case[1] .. " matches what it should", function()
      local matches = assert(regex.compile(case[1]))
      for _, s in ipairs(case[2]) do assert.is_true(matches(s), s) end
      for _, s in ipairs(case[3]) do assert.is_false(matches(s), s) end
    end)
  end

  for _, text in ipairs { "(?=a)", "(?<!a)", "(a)\\1", "\\p{L}", "(", ")", "[a", "*", "a{1001}", "\\",
    "((((a{99}){99}){99}){99})" } do
    it(text .. " is refused, with a reason", function()
      local matches, why = regex.compile(text)
      assert.is_nil(matches)
      assert.is_string(why)
    end)
  end

  it("that would take for ever elsewhere takes no time here", function()
    local matches = assert(regex.compile("^(a*)*b$"))
    local from = os.clock()
    assert.is_false(matches(("a"):rep(5000)))
    assert.is_true(os.clock() - from < 2)
  end)
end)

describe("marea.tool", function()
  local function run() end

  it("is a plain table, its parameters JSON Schema", function()
    local tool = marea.tool { name = "get_weather", description = "d", parameters = { city = "string" }, run = run }
    assert.equal("get_weather", tool.name)
    assert.equal(run, tool.run)
    assert.equal('{"additionalProperties":false,"properties":{"city":{"type":"string"}},"required":["city"],'
      .. '"type":"object"}', encoded(tool.parameters))
  end)

  it("without parameters takes an object", function()
    assert.equal('{"properties":{},"type":"object"}', encoded(marea.tool { name = "now", run = run }.parameters))
  end)

  local wrong = {
    { { run = run }, "marea.tool, name: expected a name of at most 64 letters, digits, _ and %-, got nil" },
    { { name = "a b", run = run }, "marea.tool, name: expected a name" },
    { { name = "a" }, "marea.tool, run: expected a function, got nil" },
    { { name = "a", run = run, approve = 1 }, "marea.tool, approve: expected a boolean or a function, got 1" },
    { { name = "a", run = run, parameters = { x = "y" } }, 'marea.tool, parameters.x: "y" is not a type' },
    { { name = "a", run = run, parameters = { "string" } }, "marea.tool, parameters: a property's name must be" },
    { { name = "a", run = run, retries = 1 }, 'unknown option "retries"' },
  }
  for _, case in ipairs(wrong) do
    it("raises at the caller's line: " .. case[2], function()
      local ok, err = pcall(function() marea.tool(case[1]) end)
      assert.is_false(ok)
      assert.is_truthy(err:find("^spec/schema_spec.lua:%d+: .*" .. case[2]), err)
    end)
  end
end)
