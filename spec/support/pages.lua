-- SPDX-License-Identifier: MIT
-- For the specs of the providers' pages: a client for a provider, against the
-- scenario of the same name, and what it sent, compared with what the page
-- shows. What was sent is read by lua-cjson and by a form reader of our own,
-- never by marea.

local assert = require("luassert")
local cjson = require("cjson")
local marea = require("marea")
local scenario = require("spec.support.scenario")

local pages = {}
local methods = {}
local mt = { __index = methods }

pages.merged = scenario.merged

local opened = 0

-- Clients that show the same key keep to its limits together: each page has one
-- of its own.
local function own_key(name)
  opened = opened + 1
  return scenario.known[name].key .. "-" .. opened
end

---`options`: more for marea.client; `accounts`: see spec/support/scenario.lua.
function pages.open(name, options, accounts)
  local key = own_key(name)
  local s = scenario.open(name, pages.merged({ [key] = {} }, accounts))
  local all = { provider = name, base_url = s.base_url, api_key = key, max_retries = 0 }
  return setmetatable({ name = name, scenario = s, key = key, client = marea.client(pages.merged(all, options)),
    origin = marea.providers[name].base_url:match("^https://[^/]+") }, mt)
end

---- what was sent -----------------------------------------------------------------

local function hide_escapes(text)
  return (text:gsub("\\(.)", function(c) return ("\1%02x"):format(c:byte()) end))
end

local function show_escapes(text)
  return (text:gsub("\1(%x%x)", function(hex) return "\\" .. string.char(tonumber(hex, 16)) end))
end

-- lua-cjson reads [] as it does {}: an empty list becomes one that says so.
local function mark_empty_lists(text)
  local marked = hide_escapes(text):gsub('("[^"]*")([^"]*)', function(quoted, rest)
    return quoted .. rest:gsub("%[%s*%]", '["(an empty list)"]')
  end)
  return show_escapes(marked)
end

---JSON as plain values.
function pages.plain(text)
  return cjson.decode(mark_empty_lists(text))
end

-- The parts of a form, each { name, filename, content_type, data }, in order.
local function read_form(request)
  local boundary = request.headers["content-type"]:match("^multipart/form%-data; ?boundary=(.+)$")
  local mark, parts, body = "\r\n--" .. boundary, {}, "\r\n" .. request.body
  local from, to = body:find(mark, 1, true)
  assert.equal(1, from)
  while body:sub(to + 1, to + 2) == "\r\n" do
    local stop, after = body:find(mark, to, true)
    local head, data = body:sub(to + 1, stop - 1):match("^(.-\r\n)\r\n(.*)$")
    parts[#parts + 1] = { name = head:match('; name="([^"]*)"'), filename = head:match('; filename="([^"]*)"'),
      content_type = head:lower():match("content%-type: ([^\r]+)"), data = data }
    to = after
  end
  assert.equal("--\r\n", body:sub(to + 1))
  return parts
end

-- The request's target, without what leads to this script and scenario.
local function page_url(self, target)
  local prefix = "/s/[^/]+/" .. self.name
  return self.origin .. target:gsub("^" .. prefix, "")
end

---The requests so far, each with `url` as the page writes it, `method`,
---`headers` by lower-case name and `body`.
function methods:requests()
  local list = self.scenario.script.requests()
  for _, request in ipairs(list) do
    local headers = {}
    for _, pair in ipairs(request.headers) do
      assert.is_nil(headers[pair[1]:lower()], "sent twice: " .. pair[1])
      headers[pair[1]:lower()] = pair[2]
    end
    request.headers, request.url = headers, page_url(self, request.target)
  end
  return list
end

---The last of them.
function methods:sent()
  local list = self:requests()
  return list[#list]
end

---The last request was this one, with the key as the page shows it: `json` is
---the text of its body, nil for none.
function methods:expect(method, url, json)
  local sent = self:sent()
  assert.equal(method, sent.method)
  assert.equal(url, sent.url)
  assert.equal("Bearer " .. self.key, sent.headers.authorization)
  if not json then
    assert.equal("", sent.body)
    return sent
  end
  assert.equal("application/json", sent.headers["content-type"])
  assert.same(pages.plain(json), pages.plain(sent.body))
  return sent
end

---The last request was this form: `parts` maps names to texts, or to
---{ filename =, content_type =, data = } of a file.
function methods:expect_form(url, parts)
  local sent, seen = self:sent(), {}
  assert.same({ "POST", url, "Bearer " .. self.key }, { sent.method, sent.url, sent.headers.authorization })
  for _, part in ipairs(read_form(sent)) do
    assert.is_nil(seen[part.name], "sent twice: " .. part.name)
    seen[part.name] = part.filename and part or part.data
    part.name = nil
  end
  assert.same(parts, seen)
  return sent
end

---- what came back ------------------------------------------------------------------

local kinds = { [cjson.null] = "null" }

-- The fields of a value and their types; of a list, those of its first item.
local function shape(value)
  if type(value) ~= "table" then return kinds[value] or type(value) end
  if #value > 0 then return { shape(value[1]) } end
  local out = {}
  for name, item in pairs(value) do out[name] = shape(item) end
  return out
end

---A result holds, encoded again, just the fields of the page's sample, each of
---the sample's type.
function pages.same_fields(sample, result)
  assert.same(shape(pages.plain(sample)), shape(pages.plain(marea.json.encode(result))))
end

---A result is, encoded again, the page's sample.
function pages.same_values(sample, result)
  assert.same(pages.plain(sample), pages.plain(marea.json.encode(result)))
end

---What a call returned is an error of that kind and status; returns it.
function pages.fails(kind, status, result, err)
  assert.is_nil(result)
  assert.is_true(marea.is_error(err))
  assert.same({ kind, status }, { err.kind, err.status })
  return err
end

return pages
