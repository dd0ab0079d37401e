-- SPDX-License-Identifier: MIT
-- A real Neovim, whose own loop drives everything.

local child = require("spec.support.child")
local daemon = require("spec.support.daemon")
local nvim = require("spec.support.nvim")
local paced = require("spec.support.paced")
local server = require("spec.support.server")

local TEXT = 'A script, not a model, answers. You said: "Hola"'
local HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"

local PRELUDE = [[
  local marea = require "marea"
  local client = marea.client { base_url = vim.env.BASE_URL, model = "m", max_retries = 0,
    headers = { ["x-delay-ms"] = vim.env.DELAY or "10" } }
  local function open()
    return assert(client.chat.completions:create { messages = { { role = "user", content = "Hola" } }, stream = true })
  end
]]

local function says(output, text)
  assert.is_truthy(output:find(text, 1, true), ("no %q in:\n%s"):format(text, output))
end

describe("in Neovim", function()
  local s
  setup(function() s = server.shared() end)

  local function gives(expected, code, base_url)
    local output, status = nvim.run(PRELUDE .. code, { BASE_URL = base_url or s.base_url })
    assert.equal(expected, output)
    assert.equal(0, status)
  end

  local function firehose(count)
    return s:script({ { { send = HEAD },
      { repeat_send = "data: " .. server.chunk_json({ content = " word" }) .. "\n\n", count = count },
      { send = server.sse({ server.chunk_json({ content = ".", finish = "stop" }) }) }, { fin = true } } },
      { repeat_last = true })
  end

  it("streams go into buffers: tasks may call all of its API", function()
    gives("true 2\n" .. ("%s\n"):format(TEXT):rep(2), [[
      marea.attach(uv)
      local done, buffers = 0, {}
      for i = 1, 2 do
        buffers[i] = vim.api.nvim_create_buf(false, true)
        marea.spawn(function()
          for text in open():text() do
            local column = #vim.api.nvim_buf_get_lines(buffers[i], 0, 1, true)[1]
            vim.api.nvim_buf_set_text(buffers[i], 0, column, 0, column, { text })
          end
          marea.sleep(0.01)
          vim.fn.line "."
          done = done + 1
        end)
      end
      out(wait(function() return done == 2 end), done)
      for i = 1, 2 do out(vim.api.nvim_buf_get_lines(buffers[i], 0, 1, true)[1]) end
    ]])
  end)

  it("the API may be called wherever a task goes on", function()
    gives("sleep\ncall\nerror\nqueue\nsemaphore\nrace\ntimeout\n", [[
      marea.attach(uv)
      local function touch(what)
        assert(not vim.in_fast_event())
        vim.api.nvim_list_bufs()
        out(what)
      end
      local done
      marea.spawn(function()
        marea.sleep(0.001) touch "sleep"
        assert(client:ask "Hola") touch "call"
        client:request { path = "nowhere" } touch "error"
        local queue, gate = marea.queue(), marea.semaphore(1)
        local timer = uv.new_timer()
        timer:start(1, 0, function() timer:close() queue:put(1) end)
        queue:get() touch "queue"
        gate:acquire()
        timer = uv.new_timer()
        timer:start(1, 0, function() timer:close() gate:release() end)
        gate:acquire() touch "semaphore"
        marea.race { function() marea.sleep(0.001) end, function() marea.sleep(9) end } touch "race"
        marea.timeout(0.001, marea.sleep, 9) touch "timeout"
        done = true
      end)
      wait(function() return done end)
    ]])
  end)

  it("a call that would block it says so, and how to make it", function()
    gives("true true\n", [[
      marea.attach(uv)
      local ok, message = pcall(client.ask, client, "Hola")
      out(not ok and tostring(message):find("marea.spawn", 1, true) ~= nil,
        not ok and tostring(message):find("would block", 1, true) ~= nil)
    ]])
  end)

  it("an error nobody awaited is shown as any error in a callback", function()
    local output = nvim.run(PRELUDE .. [[
      marea.attach(uv)
      marea.spawn(function() marea.sleep(0.001) error "lost and found" end)
      wait(function() return false end, 0.1)
      out(vim.api.nvim_exec("messages", true))
    ]], { BASE_URL = s.base_url })
    says(output, "lost and found")
  end)

  it("ten fast streams into buffers hold its loop for a few milliseconds at most", function()
    local output, status = nvim.run(PRELUDE .. [[
      marea.attach(uv)
      local n, words, done = 10, 4000, 0
      -- A timer of a millisecond is late by as long as the loop was held. Others
      -- on the machine don't add to the processor's time.
      local last, cpu, longest, busiest = nil, nil, 0, 0
      local timer = uv.new_timer()
      timer:start(1, 1, function()
        local now, spent = uv.hrtime() / 1e6, os.clock() * 1e3
        if last then longest, busiest = math.max(longest, now - last), math.max(busiest, spent - cpu) end
        last, cpu = now, spent
      end)
      local function read(buffer)
        local column, words = 0, 0
        for text in open():text() do
          vim.api.nvim_buf_set_text(buffer, 0, column, 0, column, { text })
          column, words = (column + #text) % 80, words + 1
        end
        done = done + (words > 4000 and 1 or 0)
      end
      for _ = 1, n do marea.spawn(read, vim.api.nvim_create_buf(false, true)) end
      wait(function() return done == n end)
      out(done, longest, busiest)
    ]], { BASE_URL = firehose(4000).base_url })
    assert.equal(0, status, output)
    local done, longest, busiest = output:match("(%d+) ([%d.]+) ([%d.]+)\n$")
    assert.equal("10", done, output)
    print(("\nNeovim's loop was held for %.1f ms, %.1f ms of the processor"):format(longest, busiest))
    assert.is_true(tonumber(busiest) < 50, output)
    assert.is_true(tonumber(longest) < 1000, output)
  end)

  it(":qa! in the middle of ten streams ends it cleanly and at once", function()
    local f = s:script({ { { send = HEAD },
      { repeat_send = "data: " .. server.chunk_json({ content = " word" }) .. "\n\n", count = 1000, delay = 0.01 },
      { keep_open = true } } }, { repeat_last = true })
    local output, status = nvim.code(PRELUDE .. [[
      marea.attach(uv)
      local begun = 0
      for _ = 1, 10 do
        marea.spawn(function()
          local stream = open()
          assert(stream:next())
          begun = begun + 1
          for _ in stream:text() do vim.api.nvim_list_bufs() end
        end)
      end
      wait(function() return begun == 10 end)
      out(begun, uv.hrtime())
      vim.cmd "qa!"
    ]], { BASE_URL = f.base_url })
    local now = require("luv").hrtime()
    local begun, at = output:match("^(%d+) (%S+)\n$")
    assert.equal("10", begun, output)
    assert.equal(0, status)
    assert.is_true((now - tonumber(at)) / 1e9 < 2, "it took " .. (now - tonumber(at)) / 1e9)
    assert.is_truthy(f.wait_event("eof", 2, 10) or f.wait_event("reset", 1, 1))
  end)
end)

describe("the plugin for Neovim", function()
  local s
  setup(function() s = server.shared() end)

  -- Runs code in a Neovim that drives another, where the plugin talks to `place`.
  local function drive(code, place)
    local output, status = nvim.drive(code, { MAREA_BASE_URL = (place or s).base_url, MAREA_MODEL = "bundled-echo" })
    return output, status
  end

  local function gives(expected, code, place)
    local output, status = drive(code, place)
    assert.equal(expected, output)
    assert.equal(0, status)
  end

  it("loads nothing before a command is used", function()
    gives("2 false\n", [[
      out(editor("exec_lua", "return vim.fn.exists(':Marea')", {}),
        editor("exec_lua", "return package.loaded.marea ~= nil", {}))
    ]])
  end)

  it(":Marea writes the answer word by word into a window of its own", function()
    local output, status = drive([[
      keys ":Marea Hola<CR>"
      local name, seen = "marea://conversation", {}
      wait(function()
        local now = text(name)
        if now ~= seen[#seen] then seen[#seen + 1] = now end
        return now:find "end$"
      end)
      out(seen[#seen])
      local elsewhere = editor "get_current_buf" ~= remote("return vim.fn.bufnr(...)", name)
      out(#seen > 5, elsewhere, #editor "list_wins")
      for i = 2, #seen do assert(vim.startswith(seen[i], seen[i - 1]), seen[i]) end
    ]], paced(15, 0.02))
    assert.equal("## You\n\nHola\n\n## Model\n\n1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 end\ntrue true 2\n", output)
    assert.equal(0, status)
  end)

  it("one can type while it writes", function()
    local output, status = drive([[
      keys ":Marea Hola<CR>"
      wait(function() return text("marea://conversation"):find "2 3" end)
      local before = #text "marea://conversation"
      keys "i"
      local typed, longest = {}, 0
      for i = 1, 40 do
        local word = "word" .. i .. " "
        local from = uv.hrtime()
        keys(word)
        assert(editor("get_mode").mode == "i")
        typed[i] = word
        assert(editor("get_current_line") == table.concat(typed))
        longest = math.max(longest, (uv.hrtime() - from) / 1e6)
        wait(function() return false end, 0.005)
      end
      local after = text "marea://conversation"
      out(#after > before + 10, not after:find "end", longest)
    ]], paced(1000, 0.02))
    assert.equal(0, status, output)
    local longest = output:match("^true true ([%d.]+)\n$")
    assert.is_truthy(longest, output)
    print(("\na typed word was in the buffer after %.1f ms at most"):format(longest))
    assert.is_true(tonumber(longest) < 1000, longest)
  end)

  it(":MareaStop stops at once, and the provider sees it", function()
    local f = paced(1000, 0.02)
    gives("true\ntrue\n\n", [[
      keys ":Marea Hola<CR>"
      wait(function() return text("marea://conversation"):find "2 3" end)
      keys ":MareaStop<CR>"
      editor("get_mode")
      local stopped = text "marea://conversation"
      out(stopped:find "not finished" ~= nil)
      wait(function() return false end, 0.1)
      out(text "marea://conversation" == stopped)
      out(notes())
    ]], f)
    assert.is_truthy(f.wait_event("eof", 2) or f.wait_event("reset", 0.1))
  end)

  it("a conversation goes on, and ! begins another", function()
    local f = s:script({}, { serve = true })
    local output = drive([[
      local function ask(command, word)
        keys(command .. " " .. word .. "<CR>")
        wait(function() return text("marea://conversation"):find('You said: "' .. word .. '"', 1, true) end)
        wait(function() return false end, 0.05)
      end
      ask(":Marea", "uno")
      ask(":Marea", "dos")
      ask(":Marea!", "tres")
      out(text "marea://conversation")
    ]], f)
    local roles = {}
    for i, request in ipairs(f.requests()) do
      roles[i] = ""
      for role in request.body:gmatch('"role": ?"(%a)') do roles[i] = roles[i] .. role end
    end
    table.sort(roles)
    assert.same({ "su", "su", "suau" }, roles)
    assert.is_nil(output:find("uno", 1, true), output)
    says(output, "tres")
  end)

  it("a range goes along with the prompt", function()
    local f = s:script({}, { serve = true })
    drive([[
      editor("buf_set_lines", 0, 0, -1, false, { "local x = 1", "local y = 2", "local z = 3" })
      keys ":2,3Marea Explain<CR>"
      wait(function() return text("marea://conversation"):find "You said" end)
    ]], f)
    local body = f.requests()[1].body
    assert.is_truthy(body:find("Explain\\n\\n```\\nlocal y = 2\\nlocal z = 3\\n```", 1, true), body)
  end)

  it("asks for the prompt where none is given", function()
    gives("true\n", [[
      keys ":Marea<CR>Hola<CR>"
      out(wait(function() return text("marea://conversation"):find 'You said: "Hola"' end))
    ]])
  end)

  local function rewriter(answer)
    local events = {}
    for word in answer:gmatch("%S+%s*") do events[#events + 1] = server.chunk_json({ content = word }) end
    events[#events + 1] = server.chunk_json({ content = "", finish = "stop" })
    events[#events + 1] = "[DONE]"
    return s:script({ { { sse = events, delay = 0.02 } } }, { repeat_last = true })
  end

  local LINES = [[
    editor("buf_set_lines", 0, 0, -1, false, { "one", "two", "three", "four" })
    local function all() return table.concat(editor("buf_get_lines", 0, 0, -1, false), "|") end
  ]]

  it(":MareaRewrite changes a selection in one step of undo, wherever it is by then", function()
    gives("new|one|TWO|and|THREE|four\nnew|one|two|three|four\n", LINES .. [[
      editor("win_set_cursor", 0, { 2, 0 })
      keys "Vj:MareaRewrite shout<CR>"
      editor("get_mode")
      editor("buf_set_lines", 0, 0, 0, false, { "new" })
      wait(function() return all():find "THREE" end)
      out(all())
      keys "u"
      editor("get_mode")
      out(all())
    ]], rewriter("```\nTWO\nand\nTHREE\n```"))
  end)

  it(":MareaRewrite shows what comes below the lines, and leaves them alone until it is whole", function()
    gives("true\none|two|three|four\nONE WORD AFTER ANOTHER FOR LONG ENOUGH|two|three|four\n", LINES .. [==[
      keys ":1MareaRewrite shout<CR>"
      local function shown()
        return remote [=[
          local space, n = vim.api.nvim_create_namespace "marea-rewriting", 0
          for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, space, 0, -1, { details = true })) do
            if mark[4].virt_lines then n = n + 1 end
          end
          return n
        ]=]
      end
      out(wait(function() return shown() == 1 end))
      out(all())
      wait(function() return all():find "LONG" end)
      out(all())
      assert(shown() == 0)
    ]==], rewriter("ONE WORD AFTER ANOTHER FOR LONG ENOUGH"))
  end)

  it(":MareaRewrite overwrites nothing that was edited meanwhile", function()
    gives("one|twofold|three|four\nTHE NEW TEXT\ntrue\n", LINES .. [[
      keys ":2MareaRewrite shout<CR>"
      editor("get_mode")
      editor("buf_set_lines", 0, 1, 2, false, { "twofold" })
      wait(function() return notes() ~= "" end)
      out(all())
      out(editor("call_function", "getreg", { "m" }))
      out(notes():find "register m" ~= nil)
    ]], rewriter("THE NEW TEXT"))
  end)

  it("an error is one line for a person, and nothing else changes", function()
    gives(("true\none|two|three|four\n"):rep(2), LINES .. [[
      for _, command in ipairs { ":2MareaRewrite shout<CR>", ":Marea Hola<CR>" } do
        remote "NOTES = {}"
        keys(command)
        wait(function() return notes() ~= "" end)
        out(notes():find "^marea: not_found: no such model [^\n]*$" ~= nil)
        out(all())
      end
    ]], s:script({ { { status = 404, body = '{"error":{"message":"no such model"}}' } } }, { repeat_last = true }))
  end)

  it("says what to do where no provider is named", function()
    local output = nvim.drive([[
      keys ":Marea Hola<CR>"
      wait(function() return notes() ~= "" end)
      out(notes())
      out(remote "return vim.api.nvim_get_mode().mode")
    ]])
    says(output, "no provider")
    says(output, "marea-nvim")
    says(output, "\nn\n")
  end)

  it("setup takes the options it documents, and no other", function()
    local output = nvim.run([[
      local plugin = require "marea-nvim"
      plugin.setup { base_url = vim.env.BASE_URL, model = "bundled-echo", window = "split", system = "Be brief." }
      out(plugin.settings().window, plugin.settings().model)
      out(tostring(plugin.client()))
      out(pcall(plugin.setup, { widnow = "split" }))
    ]], { BASE_URL = s.base_url })
    says(output, "split bundled-echo\nmarea.client (http://127.0.0.1")
    says(output, "no option called widnow")
  end)

  it(":checkhealth says what is there, and how to mend what isn't", function()
    local check = [[
      vim.cmd "silent checkhealth marea"
      out(table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n"))
    ]]
    local output = nvim.run(check, { MAREA_BASE_URL = s.base_url, MAREA_MODEL = "m" })
    assert.is_truthy(output:find("OK: Lua: LuaJIT.-OK: marea: %d.-OK: libcurl: %d.-OK: libuv: %d"), output)
    says(output, "OK: request to 127.0.0.1: answered")
    assert.is_truthy(output:find("OK: talks to marea.client %(http://127"), output)
    assert.is_nil(output:find("ERROR", 1, true), output)
    output = nvim.run(check, { MAREA_PROVIDER = "nan", NAN_API_KEY = false })
    says(output, "ERROR: no key")
    says(output, "NAN_API_KEY")
    output = nvim.run(check, { LUA_CPATH = "" })
    says(output, 'make nvim')
    says(output, "ERROR")
  end)

  it("has help", function()
    local output = nvim.run([[
      local dir = vim.fn.tempname()
      vim.fn.mkdir(dir .. "/doc", "p")
      vim.fn.writefile(vim.fn.readfile(vim.env.TREE .. "/examples/nvim/doc/marea.txt"), dir .. "/doc/marea.txt")
      vim.cmd("helptags " .. dir .. "/doc")
      vim.opt.rtp:append(dir)
      for _, tag in ipairs { "marea-nvim", ":Marea", ":MareaRewrite", ":MareaStop", "marea-setup" } do
        vim.cmd("help " .. tag)
        out(vim.fn.expand "%:t", vim.bo.filetype)
      end
    ]])
    assert.equal(("marea.txt help\n"):rep(5), output)
  end)
end)

describe("a plugin manager", function()
  it("gets all that Neovim needs from `make nvim` in a checkout", function()
    local dir = daemon.directory()
    local output, status = child.command(("sh -c 'cp -r lua csrc Makefile .ci %s && rm -f %s/lua/marea/*.so && "
      .. "make -j2 -C %s -s nvim CFLAGS=-O0'"):format(dir, dir, dir), { MAKEFLAGS = false, MAKELEVEL = false })
    assert.equal(0, status, output)
    output, status = nvim.run([[
      vim.opt.rtp:append(vim.env.CHECKOUT)
      local marea = require "marea"
      marea.attach(uv)
      local answer
      marea.spawn(function()
        answer = assert(marea.client { base_url = vim.env.BASE_URL, model = "m" }:ask "Hola").output_text
      end)
      wait(function() return answer end)
      out(answer)
      local source = debug.getinfo(marea.client, "S").source
      out(package.loaded["marea.net"] ~= nil, vim.startswith(source, "@" .. vim.env.CHECKOUT))
      for _, finding in ipairs(require "marea.diagnosis".findings()) do
        local from = ", from " .. vim.env.CHECKOUT .. "/lua/marea"
        if finding.what == "marea" then out(vim.endswith(finding.says, from)) end
      end
    ]], { CHECKOUT = dir, LUA_PATH = false, LUA_CPATH = false, BASE_URL = server.shared().base_url })
    os.execute("rm -rf " .. dir)
    assert.equal(TEXT .. "\ntrue true\ntrue\n", output)
    assert.equal(0, status)
  end)
end)
