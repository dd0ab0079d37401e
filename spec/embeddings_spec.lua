-- SPDX-License-Identifier: MIT
-- client.embeddings:create: as numbers and as vectors, in order, and more
-- inputs than a request takes.

local core = require("marea.core")
local marea = require("marea")
local server = require("spec.support.server")

local cjson = require("cjson")

local function bundled(options)
  options = options or {}
  options.base_url, options.model = server.shared().base_url, "bundled-embedding"
  return marea.client(options)
end

-- A client whose requests take `most` inputs; its base_url is given apart, or
-- the preset's origin would not be the server's.
local function client_of(script, most, options)
  options = options or {}
  options.provider = marea.provider { name = "few", base_url = script.base_url, max_inputs = most, key_optional = true }
  options.model, options.max_retries = "m", options.max_retries or 0
  return marea.client(options)
end

local function reply(data, more)
  return { { status = 200, body = '{"object":"list","data":' .. data .. (more or "") .. "}" } }
end

local function scripted(replies, options)
  return server.shared():script(replies, options)
end

local function raised(f)
  local ok, message = pcall(f)
  assert.is_false(ok, "nothing was raised")
  return tostring(message)
end

local function texts(n)
  local list = {}
  for i = 1, n do list[i] = "text number " .. i end
  return list
end

local function sent(f, i)
  return cjson.decode(f.requests()[i].body)
end

local function in_task(f)
  return marea.run(f)
end

describe("an embedding", function()
  it("of a text is a list of numbers, as on the wire", function()
    local result = assert(bundled().embeddings:create { input = "hola" })
    assert.equal(1, #result.data)
    assert.equal("table", type(result.data[1].embedding))
    assert.equal(8, #result.data[1].embedding)
    assert.equal(0, result.data[1].index)
    assert.equal(200, result.response.status)
    assert.is_true(result.usage.total_tokens > 0)
  end)

  it("in base64 is a vector of the same numbers", function()
    local input = texts(5)
    local plain = assert(bundled().embeddings:create { input = input })
    local packed = assert(bundled().embeddings:create { input = input, encoding_format = "base64" })
    assert.equal(5, #packed.data)
    for i = 1, 5 do
      assert.matches("^marea.vector", tostring(packed.data[i].embedding))
      assert.same({ plain.data[i].embedding[1], plain.data[i].embedding[8] },
        { packed.data[i].embedding[1], packed.data[i].embedding[8] })
      assert.equal(1, packed.data[i].embedding:cosine(marea.vector(plain.data[i].embedding)))
    end
  end)

  it("that the server gives as numbers although asked for base64 is a vector all the same", function()
    local f = scripted { reply '[{"index":1,"embedding":"AACAPwAAAD8="},{"index":0,"embedding":[0.5,2]}]' }
    local result = assert(client_of(f).embeddings:create { input = texts(2), encoding_format = "base64" })
    local first, second = result.data[1].embedding, result.data[2].embedding
    assert.same({ 0.5, 2 }, first:totable())
    assert.equal(1.5, first:dot(second))
  end)

  it("that nobody asked for in base64 stays what it is", function()
    local f = scripted { reply '[{"index":0,"embedding":"AACAPw=="}]' }
    local result = assert(client_of(f).embeddings:create { input = "a" })
    assert.equal("AACAPw==", result.data[1].embedding)
  end)

  it("in a result that is encoded is a list of numbers", function()
    local f = scripted { reply '[{"index":0,"embedding":"AACAPwAAAD8="}]' }
    local result = assert(client_of(f).embeddings:create { input = "a", encoding_format = "base64" })
    assert.matches('"embedding":[1.0,0.5]', marea.json.encode(result), 1, true)
  end)

  it("finds its nearest among an answer's data", function()
    local result = assert(bundled().embeddings:create { input = texts(6), encoding_format = "base64" })
    local found = marea.nearest(result.data[4].embedding, result.data, 2)
    assert.equal(4, found[1].index)
    assert.equal(1, found[1].score)
  end)
end)

describe("the request for embeddings", function()
  it("holds the caller's parameters, the model of its kind, and no more", function()
    local f = scripted { reply '[{"embedding":[1]}]' }
    local client = marea.client { base_url = f.base_url, model = { chat = "c", embeddings = "e" } }
    assert(client.embeddings:create { input = "a", dimensions = 3, user = "u" })
    local body = sent(f, 1)
    assert.same({ input = "a", dimensions = 3, user = "u", model = "e" }, body)
    assert.matches("/v1/embeddings$", f.requests()[1].target)
  end)

  it("may hold vectors among its parameters", function()
    local f = scripted { reply '[{"embedding":[1]}]' }
    assert(client_of(f).embeddings:create { input = "a", near = marea.vector { 0.1, 2 } })
    assert.same({ 0.1, 2 }, sent(f, 1).near)
  end)

  it("takes lists of tokens: one as it is, and a list of them", function()
    local f = scripted({ reply '[{"embedding":[1]}]', reply '[{"embedding":[1]},{"embedding":[2]}]' })
    local client = client_of(f, 2)
    assert(client.embeddings:create { input = { 1, 2, 3, 4, 5 } })
    assert(client.embeddings:create { input = { { 1, 2, 3 }, { 4 } } })
    assert.same({ 1, 2, 3, 4, 5 }, sent(f, 1).input)
    assert.same({ { 1, 2, 3 }, { 4 } }, sent(f, 2).input)
  end)

  it("needs an input, and says so at the caller's line", function()
    local client = bundled()
    for text, input in pairs { ["an empty string"] = "", ["an empty table"] = {}, ["12"] = 12 } do
      assert.matches("embeddings_spec%.lua:%d+: client%.embeddings:create, input: expected a non%-empty string"
        .. " or a non%-empty list, got " .. text,
        raised(function() return client.embeddings:create { input = input }, 1 end))
    end
    assert.matches("input: expected .* got nil", raised(function() return client.embeddings:create {}, 1 end))
    assert.matches("a table", raised(function() return client.embeddings:create "a", 1 end))
  end)

  it("needs a model", function()
    local client = marea.client { base_url = server.shared().base_url, model = { chat = "c" } }
    assert.matches("no model given, and the client has none for embeddings",
      raised(function() return client.embeddings:create { input = "a" }, 1 end))
  end)

  it("raises at the caller's line what can't be encoded, also where it would be split", function()
    local client = client_of(scripted {}, 2)
    for _, n in ipairs { 0, 4 } do
      local input = texts(n)
      input[n + 1] = print
      assert.matches("embeddings_spec%.lua:%d+: client%.embeddings:create: cannot encode a function at input%["
        .. n + 1 .. "%]", raised(function() return client.embeddings:create { input = input }, 1 end))
    end
  end)

  it("comes back as an error where the server refuses it", function()
    local result, err = bundled().embeddings:create { input = "a", model = "does-not-exist" }
    assert.is_nil(result)
    assert.equal("not_found", err.kind)
  end)
end)

describe("the order of embeddings", function()
  local function order(data, n)
    local f = scripted { reply(data) }
    local result = assert(client_of(f).embeddings:create { input = texts(n) })
    local out = {}
    for i, item in ipairs(result.data) do out[i] = item.embedding[1] end
    return out, result
  end

  it("is that of the inputs, however they come", function()
    local out, result = order('[{"index":2,"embedding":[30]},{"index":0,"embedding":[10]},'
      .. '{"index":1,"embedding":[20]}]', 3)
    assert.same({ 10, 20, 30 }, out)
    assert.same({ 0, 1, 2 }, { result.data[1].index, result.data[2].index, result.data[3].index })
  end)

  it("is as on the wire where there are no indices, or they tell nothing apart", function()
    assert.same({ 30, 10 }, (order('[{"embedding":[30]},{"embedding":[10]}]', 2)))
    assert.same({ 30, 10 }, (order('[{"index":0,"embedding":[30]},{"index":0,"embedding":[10]}]', 2)))
    assert.same({ 30, 10 }, (order('[{"index":null,"embedding":[30]},{"index":0,"embedding":[10]}]', 2)))
    assert.same({ 30, 10 }, (order('[{"index":1,"embedding":[30]},{"embedding":[10]}]', 2)))
    local same, wanted = {}, {}      -- enough of them for a sort to move
    for i = 1, 12 do same[i], wanted[i] = ('{"index":0,"embedding":[%d]}'):format(i), i end
    assert.same(wanted, (order("[" .. table.concat(same, ",") .. "]", 12)))
  end)

  it("of a bare list of lists is kept", function()
    local f = scripted { { { status = 200, body = "[[1,2],[3,4]]" } } }
    local result = assert(client_of(f).embeddings:create { input = texts(2) })
    assert.equal(3, result.data[2][1])
    local packed = scripted { { { status = 200, body = "[[1,2],[3,4]]" } } }
    result = assert(client_of(packed).embeddings:create { input = texts(2), encoding_format = "base64" })
    assert.equal(3, result.data[2][1])
  end)
end)

describe("an answer that is none", function()
  local function kind(data, params, status)
    local f = scripted { { { status = status or 200, body = data } } }
    params = params or {}
    params.input = params.input or "a"
    local result, err = client_of(f).embeddings:create(params)
    assert.is_nil(result)
    return err.kind, err.message
  end

  it("without data, or with none in it, is a protocol error", function()
    for _, body in ipairs { "{}", '{"data":null}', '{"data":[]}', '{"data":{}}', '{"data":3}', "[]" } do
      assert.equal("protocol", (kind(body)), body)
    end
  end)

  it("with fewer embeddings than inputs, or more, is a protocol error that names both", function()
    local one = '{"data":[{"index":0,"embedding":[1]}]}'
    local k, message = kind(one, { input = texts(2) })
    assert.equal("protocol", k)
    assert.matches("2 inputs, but 1 embeddings", message)
    assert.equal("protocol", (kind('{"data":[{"embedding":[1]},{"embedding":[1]}]}', { input = { "a" } })))
  end)

  it("with base64 of a wrong length is a decode error that names the place", function()
    local k, message = kind('{"data":[{"embedding":"AACAPw=="},{"embedding":"AACAPwA="}]}',
      { input = texts(2), encoding_format = "base64" })
    assert.equal("decode", k)
    assert.matches("data%[2%]%.embedding: its bytes are no whole number of float32", message)
  end)

  it("with what is no base64, or an empty text, is a decode error", function()
    for _, text in ipairs { "", "hola!", "AACAP", "AACA Pw==" } do
      assert.equal("decode", (kind('{"data":[{"embedding":"' .. text .. '"}]}', { encoding_format = "base64" })), text)
    end
  end)

  it("with numbers in place of base64 that make no vector is a decode error that names the place", function()
    for _, list in ipairs { "[]", "{}", '["a"]', "[[1]]", "[1e300]" } do
      local k, message = kind('{"data":[{"embedding":[1]},{"embedding":' .. list .. "}]}",
        { input = texts(2), encoding_format = "base64" })
      assert.equal("decode", k, list)
      assert.matches("^data%[2%]%.embedding: [^:]+$", message)
    end
  end)

  it("with nothing in place of base64 is a protocol error that names the place", function()
    for _, item in ipairs { '{"embedding":null}', '{"embedding":false}', '{"embedding":3}', '{"index":1}' } do
      local k, message = kind('{"data":[{"embedding":[1]},' .. item .. "]}",
        { input = texts(2), encoding_format = "base64" })
      assert.equal("protocol", k, item)
      assert.matches("data%[2%]", message)
    end
  end)

  it("that is no JSON is a decode error, an error in it an error", function()
    assert.equal("decode", (kind('{"data":[')))
    assert.equal("bad_request", (kind('{"error":{"message":"no base64 here"}}', nil, 400)))
  end)
end)

describe("more inputs than a request takes", function()
  local function serving(most, options)
    local f = scripted({}, { serve = true })
    return f, client_of(f, most, options)
  end

  for _, where in ipairs { "outside of tasks", "in a task" } do
    it("are split and joined in order, " .. where, function()
      local f, client = serving(4)
      local run = where == "in a task" and in_task or function(g) return g() end
      local input = texts(10)
      local whole = assert(bundled().embeddings:create { input = input, model = "m" })
      local joined = assert(run(function() return client.embeddings:create { input = input } end))
      assert.equal(3, #f.requests())
      assert.equal(10, #joined.data)
      for i = 1, 10 do
        assert.equal(i - 1, joined.data[i].index)
        assert.same(whole.data[i].embedding, joined.data[i].embedding)
      end
      assert.same(whole.usage, joined.usage)
      assert.equal(marea.json.encode(whole, { sort = true }), marea.json.encode(joined, { sort = true }))
      assert.equal(200, joined.response.status)
    end)
  end

  it("are split into requests of the full size, and a last one", function()
    local f, client = serving(4)
    assert(client.embeddings:create { input = texts(9), encoding_format = "base64", dimensions = 3 })
    local sizes = {}
    for i, request in ipairs(f.requests()) do
      local body = cjson.decode(request.body)
      sizes[i] = #body.input
      assert.equal(3, body.dimensions)
      assert.equal("base64", body.encoding_format)
    end
    table.sort(sizes)
    assert.same({ 1, 4, 4 }, sizes)
  end)

  it("are one request as long as it takes them", function()
    local f, client = serving(4)
    assert(client.embeddings:create { input = texts(4) })
    assert.equal(1, #f.requests())
  end)

  it("leave the caller's table as it was", function()
    local _, client = serving(2)
    local params = { input = texts(5) }
    assert(client.embeddings:create(params))
    assert.same({ input = texts(5) }, params)
  end)

  it("become vectors, joined, where base64 is asked for", function()
    local _, client = serving(3)
    local joined = assert(client.embeddings:create { input = texts(7), encoding_format = "base64" })
    local plain = assert(bundled().embeddings:create { input = texts(7), model = "m" })
    for i = 1, 7 do assert.equal(1, joined.data[i].embedding:cosine(marea.vector(plain.data[i].embedding))) end
  end)

  it("go side by side, but no more at once than the client's limits", function()
    local slow = { { sleep = 0.15 }, { status = 200, body = '{"data":[{"index":0,"embedding":[1]}]}' } }
    local f = scripted({ slow }, { repeat_last = true })
    local function seconds(options)
      local started = core.now()
      assert(client_of(f, 1, options).embeddings:create { input = texts(4) })
      return core.now() - started
    end
    assert.is_true(seconds() < 0.4)
    assert.is_true(seconds { limits = { concurrent = 2 } } >= 0.3)
  end)

  it("are numbered anew only where there are indices", function()
    local f = scripted({ reply '[{"embedding":[1]}]' }, { repeat_last = true })
    local joined = assert(client_of(f, 1).embeddings:create { input = texts(3) })
    assert.equal(3, #joined.data)
    assert.is_nil(joined.data[3].index)
  end)

  it("add up what is counted, deep down too, and keep the rest", function()
    local usage = ',"model":"x","usage":{"prompt_tokens":3,"total_tokens":4,"details":{"cached":1},"tier":"a"}'
    local f = scripted({ reply('[{"embedding":[1]}]', usage) }, { repeat_last = true })
    local joined = assert(client_of(f, 1).embeddings:create { input = texts(3) })
    assert.same({ prompt_tokens = 9, total_tokens = 12, details = { cached = 3 }, tier = "a" }, joined.usage)
    assert.equal("x", joined.model)
  end)

  it("come back as the first error, and the others are ended", function()
    local f = scripted({
      { { keep_open = true } },
      { { sleep = 0.05 }, { status = 400, body = '{"error":{"message":"too long"}}' } },
      { { keep_open = true } },
    })
    local started = core.now()
    local result, err = client_of(f, 1).embeddings:create { input = texts(3) }
    assert.is_nil(result)
    assert.equal("bad_request", err.kind)
    assert.matches("too long", err.message)
    assert.is_nil(rawget(err, "traceback"))
    assert.is_true(core.now() - started < 2)
    assert.is_not_nil(f.wait_event("eof", 2, 2))
  end)

  it("are an error where one answer lacks some, and are never joined awry", function()
    local f = scripted({ reply '[{"index":0,"embedding":[1]},{"index":1,"embedding":[1]}]',
      reply '[{"index":0,"embedding":[1]}]' })
    local result, err = client_of(f, 2).embeddings:create { input = texts(4) }
    assert.is_nil(result)
    assert.equal("protocol", err.kind)
  end)

  it("are tried again one by one", function()
    local good = reply '[{"index":0,"embedding":[1]}]'
    local f = scripted({ { { status = 500, headers = { { "retry-after-ms", "10" } }, body = "{}" } }, good, good },
      { repeat_last = true })
    assert(client_of(f, 1, { max_retries = 1 }).embeddings:create { input = texts(2) })
    assert.equal(3, #f.requests())
  end)

  it("end with the task that asked for them", function()
    local f = scripted({ { { keep_open = true } } }, { repeat_last = true })
    local client = client_of(f, 1)
    local task
    in_task(function()
      task = marea.spawn(function() return client.embeddings:create { input = texts(3) } end)
      marea.sleep(0.1)
      task:cancel()
    end)
    assert.equal("cancelled", task.status)
    assert.is_not_nil(f.wait_event("eof", 2, 3))
  end)

  it("are all bounded by the one total clock", function()
    local f = scripted({ { { keep_open = true } } }, { repeat_last = true })
    local started = core.now()
    local client = client_of(f, 1, { timeout = 0.2, limits = { concurrent = 1 } })
    local _, err = client.embeddings:create { input = texts(3) }
    assert.equal("timeout", err.kind)
    assert.equal("total", err.phase)
    assert.is_true(core.now() - started < 0.6)
  end)

  it("raise what a hook raises", function()
    local f = scripted({}, { serve = true })
    local client = client_of(f, 1, { on = { request = function() error("a hook's own fault") end } })
    assert.matches("a hook's own fault", raised(function() return client.embeddings:create { input = texts(3) }, 1 end))
  end)
end)
