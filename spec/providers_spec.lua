-- SPDX-License-Identifier: MIT
-- Presets are data that is true to its provider's page, and can't be reached
-- or changed by accident.

local compat = require("marea.compat")
local headers = require("marea.headers")
local providers = require("marea.providers")
local url = require("marea.url")

local ALL = {
  "nan", "helmcode", "gradientesur", "nanogpt", "saptiva", "swissai", "openai", "azure", "openrouter", "groq",
  "mistral", "deepseek", "together", "fireworks", "cerebras", "xai", "gemini", "huggingface", "github", "ollama",
  "llamacpp", "vllm", "lmstudio",
}

local function assert_data(value, path)
  local kind = type(value)
  assert.truthy(kind == "string" or kind == "number" or kind == "boolean" or kind == "table", path .. " is a " .. kind)
  if kind ~= "table" then return end
  assert.is_nil(getmetatable(value), path .. " has a metatable")
  for k, v in pairs(value) do assert_data(v, path .. "." .. tostring(k)) end
end

describe("each preset", function()
  for _, name in ipairs(ALL) do
    it(name .. " is plain data with what every client needs", function()
      local preset = providers[name]
      assert_data(preset, name)
      assert.equal(name, preset.name)
      assert.is_nil(preset.extends)
      assert.is_table(preset.models)
      assert.is_table(preset.default_model)
      assert.is_true(headers.check(preset.auth.header, preset.auth.prefix .. "k"))
      assert.truthy(preset.api_key_env or preset.key_optional)
      url.check_base(preset.base_url or preset.base_url_example)
      for endpoint in pairs(preset.required or {}) do assert.is_true(url.check_path(endpoint)) end
    end)

    it(name .. " sends a key over https, or to this machine", function()
      local base = url.parse(providers[name].base_url or providers[name].base_url_example)
      assert.truthy(base.scheme == "https" or url.is_loopback(base.host))
    end)

    it(name .. " has defaults among its models", function()
      local preset = providers[name]
      for _, model in pairs(preset.default_model) do assert.is_table(preset.models[model]) end
    end)
  end
end)

describe("what the pages say", function()
  it("of NaN", function()
    local nan = providers.nan
    assert.equal("https://api.nan.builders/v1", nan.base_url)
    assert.equal("NAN_API_KEY", nan.api_key_env)
    assert.same({ requests_per_minute = 100, concurrent = 5, per = "key" }, nan.limits)
    assert.equal(26214400, nan.max_file_size)
    assert.same({ "qwen3.6", "qwen3-embedding", "kokoro", "whisper" }, {
      nan.default_model.chat, nan.default_model.embeddings, nan.default_model.speech, nan.default_model.transcription,
    })
    assert.is_true(nan.models["qwen3.6"].tools)
    assert.equal("on by default", nan.models["qwen3.6"].reasoning)
    assert.is_nil(nan.models.gemma4.tools)
    assert.is_true(nan.models.gemma4.vision)
    assert.equal("off by default", nan.models.gemma4.reasoning)
    assert.equal(4096, nan.models["qwen3-embedding"].dimensions)
    assert.equal("single", nan.responses_stream)
    assert.is_string(nan.required["audio/speech"].voice)
  end)

  it("of Helmcode: NaN's but for host and key", function()
    assert.equal("https://api.helmcode.com/v1", providers.helmcode.base_url)
    assert.equal("HELMCODE_API_KEY", providers.helmcode.api_key_env)
    assert.same(providers.nan.models, providers.helmcode.models)
    assert.same(providers.nan.limits, providers.helmcode.limits)
    assert.not_equal(providers.nan.models, providers.helmcode.models)
  end)

  it("of Gradiente Sur", function()
    assert.equal("https://api.gradientesur.com/functions/v1", providers.gradientesur.base_url)
    assert.equal("Qwen/Qwen3-1.7B", providers.gradientesur.default_model.chat)
  end)

  it("of NanoGPT", function()
    local nanogpt = providers.nanogpt
    assert.equal("https://nano-gpt.com/api/v1", nanogpt.base_url)
    assert.same({ { header = "x-api-key", prefix = "" } }, nanogpt.auth.alternatives)
    assert.equal(2048, nanogpt.max_inputs)
    assert.same({ "think" }, nanogpt.reasoning.tags)
  end)

  it("of Saptiva", function()
    assert.equal("https://api.saptiva.com/v1", providers.saptiva.base_url)
    assert.equal("Saptiva Turbo", providers.saptiva.default_model.chat)
    assert.same({ max_tokens = 256, temperature = 0.7, top_p = 0.95 }, providers.saptiva.required["chat/completions"])
  end)

  it("of SwissAI", function()
    local swissai = providers.swissai
    assert.equal("https://api.swiss-ai.one/api/v1/external", swissai.base_url)
    assert.is_true(swissai.stream_default)
    assert.is_true(swissai.model_optional)
    assert.same({ 1, 128000 }, swissai.ranges["chat/completions"].max_tokens)
  end)

  -- Paths of the endpoints that a client has methods for.
  local paths = { models = true, ["embedding-models"] = true }
  for _, module in ipairs { "marea.endpoints", "marea.media" } do
    for _, endpoint in pairs(require(module)) do
      if type(endpoint) == "table" then paths[endpoint.path] = true end
    end
  end

  for _, name in ipairs(ALL) do
    it("of " .. name .. ": only endpoints that a client can call, each once", function()
      local preset, seen = providers[name], {}
      for _, path in ipairs(preset.endpoints) do
        assert.is_true(paths[path], path)
        assert.is_nil(seen[path], path)
        seen[path] = true
      end
      for _, field in ipairs { "required", "defaults", "ranges", "formats", "extra_parameters", "values" } do
        for path in pairs(preset[field] or {}) do assert.is_true(seen[path], field .. " of " .. path) end
      end
      for option, what in pairs(preset.options or {}) do
        for _, path in ipairs(what.endpoints or {}) do assert.is_true(seen[path], option .. " of " .. path) end
      end
      for _, path in ipairs(preset.public_endpoints or {}) do assert.is_true(seen[path], path) end
    end)
  end

  it("of local servers: no key needed, and this machine's address", function()
    for _, name in ipairs({ "ollama", "llamacpp", "vllm", "lmstudio" }) do
      assert.is_true(providers[name].key_optional)
      assert.is_true(url.is_loopback(url.parse(providers[name].base_url).host))
    end
  end)

  it("of Azure: its own header, and a base_url of each customer's", function()
    assert.same({ "api-key", "" }, { providers.azure.auth.header, providers.azure.auth.prefix })
    assert.is_nil(providers.azure.base_url)
  end)
end)

describe("providers", function()
  it("lists every name of the contract", function() assert.same(ALL, providers.names()) end)

  it("gives a list of its own each time", function()
    providers.names()[1] = "x"
    assert.equal("nan", providers.names()[1])
  end)

  it("gives the same table each time", function() assert.equal(providers.nan, providers.get("nan")) end)

  it("answers an unknown name with the known ones", function()
    local preset, message = providers.get("nope")
    assert.is_nil(preset)
    assert.truthy(message:find('"nope"', 1, true))
    for _, name in ipairs(ALL) do assert.truthy(message:find(name, 1, true)) end
    assert.is_nil(providers.nope)
  end)

  it("loads nothing but presets, whatever the name", function()
    for _, name in ipairs({ "../client", "nan.lua", "NAN", "", "nan\0" }) do
      assert.is_nil(providers.get(name))
    end
    assert.is_nil(providers.get(12))
    assert.is_nil(providers.get(nil))
  end)

  it("can be gone through where Lua has __pairs", function()
    local has_pairs = false
    for _ in pairs(setmetatable({}, { __pairs = function() return function() end end })) do error("no entries") end
    pairs(setmetatable({}, { __pairs = function() has_pairs = true return next, {} end }))
    if not has_pairs then return end
    local seen = {}
    for name, preset in pairs(providers) do
      seen[#seen + 1] = name
      assert.equal(name, preset.name)
    end
    assert.same(ALL, seen)
  end)
end)

describe("providers.extend", function()
  it("copies deeply and merges maps", function()
    local models = { gemma4 = { tools = true }, new = { kinds = { "chat" } } }
    local preset = providers.extend({ extends = "nan", models = models })
    assert.is_true(preset.models.gemma4.tools)
    assert.is_true(preset.models.gemma4.vision)
    assert.is_table(preset.models.new)
    assert.is_table(preset.models["qwen3.6"])
    assert.is_nil(providers.nan.models.new)
    assert.is_nil(providers.nan.models.gemma4.tools)
    preset.limits.concurrent = 99
    assert.equal(5, providers.nan.limits.concurrent)
    assert.is_nil(preset.extends)
    assert.equal("NAN_API_KEY", preset.api_key_env)
  end)

  it("replaces lists, and takes false", function()
    local preset = providers.extend({ extends = "nanogpt", endpoints = { "models" }, limits = false })
    assert.same({ "models" }, preset.endpoints)
    assert.is_false(preset.limits)
  end)

  it("extends a table, and nothing at all", function()
    local first = providers.extend({ name = "mine", base_url = "https://h/v1", api_key_env = "MINE" })
    assert.same({ "mine", "Authorization", "MINE" }, { first.name, first.auth.header, first.api_key_env })
    assert.is_nil(first.key_optional)
    local second = providers.extend({ extends = first, base_url = "https://h/v2" })
    assert.same({ "mine", "https://h/v2", "MINE" }, { second.name, second.base_url, second.api_key_env })
    assert.is_true(providers.extend({ base_url = "https://h/v1" }).key_optional)
  end)

  it("doesn't take a provider's key along to another origin", function()
    local moved = providers.extend({ extends = "nan", base_url = "https://elsewhere.example/v1" })
    assert.is_nil(moved.api_key_env)
    assert.is_true(moved.key_optional)
    assert.equal("MY", providers.extend({ extends = "nan", base_url = "https://e/v1", api_key_env = "MY" }).api_key_env)
    assert.equal("NAN_API_KEY",
      providers.extend({ extends = "nan", base_url = "https://API.nan.builders:443/v2" }).api_key_env)
    assert.equal("AZURE_OPENAI_API_KEY",
      providers.extend({ extends = "azure", base_url = "https://r.openai.azure.com/openai/v1" }).api_key_env)
  end)

  it("raises at the caller's line over what is wrong", function()
    for _, wrong in ipairs({ "nan", { extends = "nope" }, { extends = "nan", base_url = "h" }, { extends = 1 } }) do
      local ok, message = pcall(function() providers.extend(wrong) end)
      assert.is_false(ok)
      assert.truthy(message:find("providers_spec.lua:%d+:"))
    end
  end)
end)

describe("compat", function()
  it("cuts between characters only", function()
    assert.equal("añ", compat.cut("añb", 3))
    assert.equal("a", compat.cut("añb", 2))
    assert.equal("añb", compat.cut("añb", 4))
    assert.equal("", compat.cut("😀", 3))
    assert.equal("x😀", compat.cut("x😀y", 5))
    assert.equal("", compat.cut("abc", 0))
    assert.equal(4, #compat.cut(("\128"):rep(9), 7))
  end)

  it("tells whole numbers from the rest", function()
    for _, whole in ipairs({ 0, 3, -2, 3.0, 2 ^ 53 }) do assert.is_true(compat.is_integer(whole)) end
    for _, other in ipairs({ 0.5, math.huge, -math.huge, 0 / 0, "3", {} }) do
      assert.is_false(compat.is_integer(other))
    end
  end)

  it("knows null, and no other userdata", function()
    assert.is_true(compat.is_null(require("cjson").null))
    assert.is_false(compat.is_null(io.stdout))
    assert.is_false(compat.is_null(nil))
    assert.is_false(compat.is_null(false))
  end)

  it("packs, unpacks and moves as Lua 5.4 does", function()
    local packed = compat.pack(nil, 2, nil)
    assert.equal(3, packed.n)
    assert.equal(3, select("#", compat.unpack(packed, 1, packed.n)))
    assert.same({ 1, 1, 2, 3 }, compat.move({ 1, 2, 3 }, 1, 3, 2))
    assert.same({ 2, 3, 3 }, compat.move({ 1, 2, 3 }, 2, 3, 1))
    assert.same({ 9, 1, 2 }, compat.move({ 1, 2 }, 1, 2, 2, { 9 }))
  end)

  it("knows whether it may yield", function()
    assert.is_true(coroutine.wrap(function() return compat.isyieldable() end)())
  end)
end)
