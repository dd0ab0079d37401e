-- SPDX-License-Identifier: MIT
-- The bundled provider's scenarios, by name: where each is, and the key its
-- page writes. Requests are raw: nothing of marea takes part.

local cjson = require("cjson")
local raw = require("spec.support.raw")
local server = require("spec.support.server")

local scenario = {}
local methods = {}
local mt = { __index = methods }

scenario.known = {
  nan = { base = "/nan/v1", key = "sk-tu-key-aqui" },
  helmcode = { base = "/helmcode/v1", key = "sk-tu-key-de-helmcode" },
  gradientesur = { base = "/gradientesur/functions/v1", key = "tu_clave_api" },
  nanogpt = { base = "/nanogpt/api/v1", key = "<API_KEY>" },
  saptiva = { base = "/saptiva/v1", key = "<TU_API_KEY>" },
  swissai = { base = "/swissai/api/v1/external", key = "sk-souheng-TU_CLAVE" },
}

---A table of the fields of both.
function scenario.merged(base, more)
  local out = {}
  for name, value in pairs(base) do out[name] = value end
  for name, value in pairs(more or {}) do out[name] = value end
  return out
end

---A world of its own for a scenario, so that its limits count from nothing.
---`accounts`: keys and what each may do.
function scenario.open(name, accounts)
  local known = scenario.known[name]
  local script = server.shared():script({}, { serve = true, accounts = accounts })
  return setmetatable({ script = script, key = known.key, port = script.port,
    base_url = script.url .. known.base,
    path = script.url:match("//[^/]+(.*)$") .. known.base }, mt)
end

---Asks: `path` under the base, a table or a text as body. Options: `method`,
---`key` (false for none), `headers`. The reply's JSON is in `json`.
function methods:ask(path, body, options)
  options = options or {}
  local headers = { ["content-type"] = "application/json" }
  local key = options.key == nil and self.key or options.key
  if key then headers.authorization = "Bearer " .. key end
  for name, value in pairs(options.headers or {}) do headers[name] = value end
  if type(body) == "table" then body = cjson.encode(body) end
  local method = options.method or (body and "POST" or "GET")
  local reply = raw.request(self.port, method, self.path .. path, body, headers)
  local ok, value = pcall(cjson.decode, reply.body)
  reply.json = ok and value or nil
  return reply
end

---A multipart form from a list of { name, data, filename }.
function methods:upload(path, parts, options)
  local lines = {}
  for _, part in ipairs(parts) do
    local file = part[3] and ('; filename="%s"'):format(part[3]) or ""
    lines[#lines + 1] = '--XX\r\ncontent-disposition: form-data; name="' .. part[1] .. '"' .. file
      .. "\r\n\r\n" .. part[2] .. "\r\n"
  end
  options = options or {}
  options.headers = { ["content-type"] = "multipart/form-data; boundary=XX" }
  return self:ask(path, table.concat(lines) .. "--XX--\r\n", options)
end

---What the script's one account came to: running, most, served, refused.
function methods:account()
  return self.script.accounts()[1]
end

return scenario
