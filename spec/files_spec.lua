-- SPDX-License-Identifier: MIT
-- Files that are sent: forms as they are on the wire, bodies that are a file,
-- what can't be sent, and files that change meanwhile.

local cjson = require("cjson")
local faults = require("spec.support.faults")
local form = require("spec.support.form")
local leaks = require("spec.support.leaks")
local marea = require("marea")
local server = require("spec.support.server")

local OK = { { status = 200, body = '{"ok":true}' } }

-- A server that takes everything, a client of it, and a place for files.
local s, dir, f, client

setup(function()
  s = server.shared()
  dir = form.directory()
end)

teardown(function() dir.remove() end)

before_each(function()
  f = s:script({ OK }, { repeat_last = true })
  client = faults.client(f)
end)

describe("a form", function()
  -- The parts of what one request sends.
  local function sent(fields, options)
    assert(client:request({ path = "things", form = fields }, options))
    local requests = f.requests()
    local request = requests[#requests]
    return assert(form.parts(request), "no form:\n" .. request.body), request
  end

  local function shown(parts)
    local out = {}
    for i, part in ipairs(parts) do out[i] = part.name .. "=" .. part.data end
    return table.concat(out, " ")
  end

  it("is sent by POST as multipart/form-data of a known length", function()
    local _, request = sent { a = "1" }
    assert.equal("POST", request.method)
    assert.matches("^multipart/form%-data; boundary=", form.header(request, "content-type"))
    assert.equal(#request.body, tonumber(form.header(request, "content-length")))
    assert.is_nil(form.header(request, "expect"))
    assert.is_nil(form.header(request, "transfer-encoding"))
  end)

  local values = {
    { "texts as they are", { a = "uno", b = "" }, "a=uno b=" },
    { "numbers without needless digits", { a = 1, b = 0.2, c = 1e21 }, "a=1 b=0.2 c=1e+21" },
    { "truth", { a = true, b = false }, "a=true b=false" },
    { "lists by name[]", { a = { "x", 2 }, b = marea.array { "y" } }, "a[]=x a[]=2 b[]=y" },
    { "a list whose name says so already", { ["a[]"] = { "x", "y" } }, "a[]=x a[]=y" },
    { "objects by name[key]", { a = { k = "v", l = { m = 1 } } }, "a[k]=v a[l][m]=1" },
    { "nothing for null and for an empty list", { a = marea.null, b = marea.array {}, c = "1" }, "c=1" },
    { "bytes as they are", { a = "\0\255\r\n--x" }, "a=\0\255\r\n--x" },
  }
  for _, case in ipairs(values) do
    it("sends " .. case[1], function()
      assert.equal(case[3], shown((sent(case[2]))))
    end)
  end

  it("sends texts first, in order of their names, then the files", function()
    local parts = sent { file = { data = "f" }, zz = "1", another = { data = "g" }, aa = "2" }
    assert.equal("aa=2 zz=1 another=g file=f", shown(parts))
  end)

  it("sends a file from disk, with its name and the type its name tells", function()
    local path = dir.write("talk.MP3", "sound")
    local parts = sent { file = { path = path } }
    assert.same({ name = "file", filename = "talk.MP3", content_type = "audio/mpeg", data = "sound" }, parts[1])
  end)

  it("sends a file as it is told to", function()
    local path = dir.write("talk.bin", "sound")
    local parts = sent { file = { path = path, filename = "a.ogg", content_type = "audio/ogg; codecs=opus" } }
    assert.same({ name = "file", filename = "a.ogg", content_type = "audio/ogg; codecs=opus", data = "sound" },
      parts[1])
  end)

  it("sends several files under one name", function()
    local path = dir.write("a.png", "one")
    local parts = sent { image = { { path = path }, { data = "two" } } }
    assert.equal("image[]=one image[]=two", shown(parts))
  end)

  it("sends an empty file", function()
    local parts = sent { file = { path = dir.write("empty.wav", "") }, a = "1" }
    assert.equal("a=1 file=", shown(parts))
    assert.equal("empty.wav", parts[2].filename)
  end)

  local sniffed = {
    { "ID3\4\0", "file.mp3", "audio/mpeg" }, { "\255\251\144\0", "file.mp3", "audio/mpeg" },
    { "RIFF\0\0\0\0WAVEfmt ", "file.wav", "audio/wav" }, { "OggS\0", "file.ogg", "audio/ogg" },
    { "fLaC\0", "file.flac", "audio/flac" }, { "\137PNG\r\n\26\n", "file.png", "image/png" },
    { "\255\216\255\224", "file.jpg", "image/jpeg" }, { "\255\241P\128", "file.aac", "audio/aac" },
    { "\0\0\0 ftypM4A \0", "file.m4a", "audio/mp4" }, { "\26E\223\163", "file.webm", "video/webm" },
    { "what is it", "file", "application/octet-stream" }, { "", "file", "application/octet-stream" },
  }
  it("gives bytes without a name one, by how they begin", function()
    for _, case in ipairs(sniffed) do
      local parts = sent { file = { data = case[1] } }
      assert.same({ name = "file", data = case[1], filename = case[2], content_type = case[3] }, parts[1])
    end
  end)

  it("keeps what is in a name from ending it", function()
    local evil = 'a"b\r\nX-Evil: 1\\%.mp3'
    local parts, request = sent { ['na"me\r\n'] = "v", file = { data = "d", filename = evil } }
    assert.equal("na%22me%0D%0A", parts[1].name)
    assert.equal("a%22b%0D%0AX-Evil: 1\\%.mp3", parts[2].filename)
    assert.is_nil(request.body:find("\nX-Evil", 1, true))
  end)

  it("sends names beyond ASCII as UTF-8", function()
    local parts = sent { ["niño"] = "sí", file = { data = "d", filename = "Año 日本.mp3" } }
    assert.equal("niño", parts[1].name)
    assert.equal("Año 日本.mp3", parts[2].filename)
  end)

  it("has libcurl's own type, whatever the headers say", function()
    local other = client:with { headers = { ["content-type"] = "application/json" } }
    assert(other:request({ path = "things", form = { a = "1" } }, { headers = { ["Content-TYPE"] = "text/plain" } }))
    assert.truthy(form.parts(f.requests()[1]))
  end)

  it("is sent by another method too", function()
    assert(client:request { method = "PUT", path = "things", form = { a = "1" } })
    assert.equal("PUT", f.requests()[1].method)
    assert.truthy(form.parts(f.requests()[1]))
  end)

  it("of megabytes arrives whole", function()
    local bytes = {}
    for i = 1, 3 * 1024 do bytes[i] = ("%08d"):format(i):rep(128) end
    bytes = table.concat(bytes)
    local parts = sent { file = { path = dir.write("large.bin", bytes) }, other = { data = bytes } }
    assert.is_true(parts[1].data == bytes and parts[2].data == bytes)
  end)

  it("is read anew for each try", function()
    local again = s:script({ { { status = 503, body = "{}" } }, { { rst = true } }, OK })
    local path = dir.write("again.bin", ("x"):rep(200000))
    local result = assert(faults.client(again, { max_retries = 3 }):request({ path = "things",
      form = { file = { path = path }, a = { data = ("y"):rep(100000) } } }))
    assert.is_true(result.ok)
    local bodies = {}
    for i, request in ipairs(again.requests()) do bodies[i] = #form.parts(request)[2].data end
    assert.same({ 200000, 200000, 200000 }, bodies)
  end)

  it("is sent again, whole, where a kept connection turns out to be dead", function()
    local dead = s:port_script({
      { { wait_request = true }, { status = 200, body = '{"ok":true}' }, { wait_request = true }, { rst = true } },
      { { wait_request = true }, { status = 200, body = '{"ok":true}' } } })
    local path = dir.write("kept.bin", ("x"):rep(300000))
    for _ = 1, 2 do
      assert(faults.client(dead):request { path = "things", form = { file = { path = path }, other = { data = "y" } } })
    end
    local requests = dead.requests()
    local last = assert(form.parts(requests[#requests]))
    assert.is_true(requests[#requests].connection ~= requests[1].connection)
    assert.equal(300000, #last[1].data)
    assert.equal("y", last[2].data)
    dead.forget()
  end)

  -- Whatever is in a name or a text, and whatever looks like a boundary.
  it("comes apart again into what it was made of", function()
    local alphabet = { '"', "\r", "\n", "\\", "%", "--", ";", "=", "\255", "é", "a", " ", "\r\n--", "'", "[" }
    local function anything()
      local out = {}
      for i = 1, math.random(8) do out[i] = alphabet[math.random(#alphabet)] end
      return table.concat(out)
    end
    local fields, count = {}, 0
    for _ = 1, 60 do
      local name = "n" .. anything()
      if fields[name] == nil then count = count + 1 end
      fields[name] = { data = anything(), filename = anything() }
    end
    local escapes = { ['"'] = "%22", ["\r"] = "%0D", ["\n"] = "%0A" }
    local parts = sent(fields)
    local by_name = {}
    for _, part in ipairs(parts) do by_name[part.name] = part end
    assert.equal(count, #parts)
    for name, file in pairs(fields) do
      local part = by_name[(name:gsub('["\r\n]', escapes))]
      assert.equal(file.data, part.data)
      assert.equal((file.filename:gsub('["\r\n]', escapes)), part.filename)
    end
  end)

  it("tells hooks nothing of what is in it, and sends the key in no part", function()
    local seen
    local told = faults.client(f, { api_key = "sk-secret", on = { request = function(r) seen = cjson.encode(r) end } })
    assert(told:request { path = "things", form = { prompt = "canary" } })
    assert.is_nil(seen:find("canary", 1, true))
    assert.is_nil(seen:find("sk-secret", 1, true))
    assert.is_nil(f.requests()[1].body:find("sk-secret", 1, true))
  end)
end)

describe("a file as a request's body", function()
  it("is sent as it is, with the type its name tells", function()
    local bytes = ("0123456789"):rep(20000)
    assert(client:request { path = "things", file = dir.write("a.jsonl", bytes) })
    local request = f.requests()[1]
    assert.equal("POST", request.method)
    assert.equal("application/jsonl", form.header(request, "content-type"))
    assert.is_true(request.body == bytes)
  end)

  it("may be bytes, another method, another type", function()
    assert(client:request({ path = "things", method = "PUT", file = { data = "x", content_type = "image/png" } }))
    assert.equal("PUT", f.requests()[1].method)
    assert.equal("image/png", form.header(f.requests()[1], "content-type"))
    assert.equal("x", f.requests()[1].body)
  end)

  it("may be empty", function()
    assert(client:request { path = "things", file = dir.write("empty", "") })
    assert.equal("0", form.header(f.requests()[1], "content-length"))
  end)
end)

describe("a file that can't be sent", function()
  local descriptors

  before_each(function() descriptors = leaks.fds() end)

  local function fails(file)
    local result, err = client:request { path = "things", form = { file = file } }
    assert.is_nil(result)
    assert.equal(0, #f.requests())
    assert.equal(descriptors, leaks.fds())
    return err
  end

  it("because it isn't there", function()
    local err = fails { path = dir.file("nowhere.mp3") }
    assert.equal("not_found", err.kind)
    assert.equal("ENOENT", err.code)
    assert.is_nil(err.status)
    assert.matches("nowhere.mp3", tostring(err), 1, true)
  end)

  it("because it is a directory", function()
    local err = fails { path = dir.path }
    assert.equal("bad_request", err.kind)
    assert.equal("EISDIR", err.code)
  end)

  it("because it is a pipe, which is not waited for", function()
    os.execute("mkfifo " .. dir.file("pipe"))
    assert.equal("ESPIPE", fails { path = dir.file("pipe") }.code)
  end)

  it("because it may not be read", function()
    local path = dir.write("private.mp3", "x")
    os.execute("chmod 000 " .. path)
    if io.open(path) then return end        -- root reads everything
    assert.equal("permission", fails { path = path }.kind)
  end)

  it("because it vanished before a further try", function()
    local path = dir.write("gone.mp3", "x")
    local again = s:script({ { { status = 503, body = "{}" } }, OK })
    local told = faults.client(again, { max_retries = 1, on = { retry = function() os.remove(path) end } })
    local _, err = told:request { path = "things", form = { file = { path = path } } }
    assert.equal("bad_request", err.kind)
    assert.matches("No such file", err.message)
    assert.equal(1, #again.requests())
  end)

  it("because it has another length at a further try", function()
    local path = dir.write("other.mp3", "x")
    local again = s:script({ { { status = 503, body = "{}" } }, OK })
    local told = faults.client(again, { max_retries = 1, on = { retry = function() dir.write("other.mp3", "xy") end } })
    local _, err = told:request { path = "things", form = { file = { path = path } } }
    assert.equal("bad_request", err.kind)
    assert.matches("has changed", err.message)
  end)

  -- The server takes nothing more until the file has changed.
  local function changing(name, size)
    local path = dir.write(name, ("x"):rep(6000000))
    local port = s:port_script { { wait_head = true }, { stop_reading = true }, { wait_signal = "changed" },
      { start_reading = true }, { wait_request = true }, { status = 200, body = "{}" } }
    local result, err
    marea.run(function()
      marea.spawn(function()
        result, err = faults.client(port):request { path = "things", form = { file = { path = path } } }
      end)
      marea.spawn(function()
        repeat marea.sleep(0.01) until #port.requests() == 1
        marea.sleep(0.05)
        local file = assert(io.open(path, size < 6000000 and "wb" or "ab"))
        file:write(("y"):rep(size < 6000000 and size or size - 6000000))
        file:close()
        port.signal("changed")
      end)
    end)
    assert.is_nil(result)
    assert.is_false(port.requests()[1].whole)
    port.forget()
    return err
  end

  it("because it became shorter while it was sent", function()
    local err = changing("shrinks.bin", 100)
    assert.equal("bad_request", err.kind)
    assert.matches("shorter", err.message)
    assert.equal(1, #err.attempts)
  end)

  it("because it became longer while it was sent", function()
    local err = changing("grows.bin", 6000001)
    assert.equal("bad_request", err.kind)
    assert.matches("longer", err.message)
  end)
end)

describe("a file written wrongly", function()
  local function raises(params, ...)
    local ok, message = pcall(function()
      local result = client:request(params)
      return result
    end)
    assert.is_false(ok)
    assert.matches("files_spec.lua:%d+: client:request", message)
    for _, text in ipairs { ... } do assert.truthy(message:find(text, 1, true), message) end
  end

  local cases = {
    { "a NUL in its path", { path = "x", form = { f = { path = "a\0b" } } }, "f, path" },
    { "a NUL in its name", { path = "x", form = { f = { data = "", filename = "a\0b" } } }, "NUL" },
    { "a NUL in a field's name", { path = "x", form = { ["a\0"] = "" } }, "named by strings" },
    { "a number as a field's name", { path = "x", form = { "a" } }, "named by strings" },
    { "a line break in its type", { path = "x", form = { f = { data = "", content_type = "a/b\r\nx: 1" } } },
      "content_type" },
    { "both a path and data", { path = "x", form = { f = { path = "a", data = "b" } } }, "a path, or" },
    { "a field nobody knows", { path = "x", form = { f = { data = "b", name = "c" } } }, "a path, or" },
    { "a path that is no string", { path = "x", form = { f = { path = 1 } } }, "f, path", "got 1" },
    { "a function as a value", { path = "x", form = { f = print } }, "f: expected a value" },
    { "infinity as a value", { path = "x", form = { f = math.huge } }, "f: expected a value" },
    { "no field at all", { path = "x", form = {} }, "a table with fields" },
    { "a body beside a form", { path = "x", form = { a = "1" }, body = "x" }, "give body or form" },
    { "a file beside a form", { path = "x", form = { a = "1" }, file = "x" }, "give form or file" },
  }
  for _, case in ipairs(cases) do
    it("raises at the caller's line: " .. case[1], function()
      raises(case[2], case[3], case[4])
    end)
  end
end)
