-- SPDX-License-Identifier: MIT
-- The console printer: what it shows of a run, that colours and the spinner are
-- for terminals, and that no model can steer one.

local agents = require("spec.support.agents")
local marea = require("marea")
local printable = require("marea.printable")

local function paper()
  local out = { parts = {} }
  function out:write(...)
    for _, part in ipairs { ... } do self.parts[#self.parts + 1] = part end
  end
  function out:text() return table.concat(self.parts) end
  return out
end

local function agent_of(replies, options)
  local all = { client = agents.client(replies), name = "a" }
  for name, value in pairs(options or {}) do all[name] = value end
  return marea.agent(all)
end

local function shown(agent, options)
  local out = paper()
  local all = { out = out, width = 60, utf8 = false, sums = false }
  for name, value in pairs(options or {}) do all[name] = value end
  local result, err = marea.console(all):show((agent:stream "go"))
  return out:text(), result, err
end

describe("the console", function()
  it("shows text as it comes, and tools and their results on lines of their own", function()
    local f = agents.tool("f", function(args) return { got = args.x } end)
    local text, result = shown(agent_of({
      agents.calling({ { "f", { x = "a" } }, { "g" } }, { reasoning = "hm hm", text = "Let me see." }), "All done." },
      { tools = { f } }))
    assert.equal('hm hm\nLet me see.\n* f(x: "a")\n  -> {"got":"a"}\nAll done.\n', text)
    assert.equal("done", result.stop)
  end)

  it("shows an error of a tool, and cuts what is long", function()
    local f = agents.tool("f", function(args)
      if args.x then return ("line\n"):rep(9) end
      return nil, ("no "):rep(100)
    end)
    local text = shown(agent_of({ agents.calling { { "f", { x = ("y"):rep(200) } } }, agents.calling { { "f" } }, "." },
      { tools = { f } }))
    assert.is_truthy(text:find('%* f%(x: "y+%.%.%.\n  %-> line\n     line\n     line\n    %.%.%.\n'), text)
    assert.is_truthy(text:find("x f%(%)\n  %-> Error: no no [no ]*%.%.%.\n"), text)
    for row in text:gmatch("[^\n]+") do assert.is_true(#row <= 62, row) end
  end)

  it("shows handoffs, what waits, why it stopped, and sums", function()
    local remove = agents.tool("remove", nil, { approve = true, parameters = { path = "string" } })
    local janitor = agent_of({ agents.calling { { "remove", { path = "/a" } } } },
      { tools = { remove }, name = "janitor" })
    local text = shown(agent_of({ agents.calling({ { "transfer_to_janitor" } },
      { usage = { prompt_tokens = 10, completion_tokens = 5, total_tokens = 15 } }) },
      { handoffs = { janitor }, prices = { input = 1, output = 2 } }), { sums = true })
    assert.is_truthy(text:find('^=> janitor\n%? remove%(path: "/a"%) waits for approval\n'
      .. "%-%- 2 steps, 10 tokens in, 5 out, cost 2e%-05, %d%.%d s\n$"), text)
    text = shown(agent_of({ { text = "half", finish_reason = "length" } }))
    assert.equal("half\nstopped: length\n", text)
    text = shown(agent_of({ "x" }, { guardrails = { input = { function() return "not that" end } } }))
    assert.equal("stopped: guardrail, not that\n", text)
  end)

  it("shows an error, and returns it", function()
    local text, result, err = shown(agent_of { { text = "un", error = "truncated" } })
    assert.is_nil(result)
    assert.equal("truncated", err.kind)
    assert.is_truthy(text:find("^un\nx truncated: "), text)
  end)

  it("has no colours but where asked for, or on a terminal", function()
    local plain = shown(agent_of { { reasoning = "hm", text = "x" } })
    assert.is_nil(plain:find("\27", 1, true))
    local coloured = shown(agent_of { { reasoning = "hm", text = "x" } }, { color = true })
    assert.equal("\27[2mhm\27[0m\nx\n", coloured)
  end)

  it("spins while it waits, and leaves nothing of it behind", function()
    local f = agents.tool("f", function() marea.sleep(0.25) end)
    local text = shown(agent_of({ agents.calling({ { "f" } }, { after = 0.25 }), "done" }, { tools = { f } }),
      { spinner = true })
    assert.is_truthy(text:find("\r\27%[2K| thinking %d s"), text)
    assert.is_truthy(text:find("\r\27%[2K. f%(%) %d s"), text)
    -- what a terminal has in the end
    local last = text:gsub("[^\n]*\r\27%[2K", "")
    assert.equal("* f() 0.3 s\n  -> (no result)\ndone\n", (last:gsub("0%.%d s", "0.3 s")))
  end)

  it("lets nothing steer the terminal, whoever said it", function()
    local evil = "a\27]0;title\7b\27[2Jc\rd\8e\194\155f\226\128\174g"
    local f = marea.tool { name = "f", parameters = { ["\27[31mx"] = "string?" }, run = function() return evil end }
    local first = agents.calling({ { "f", { ["\27[31mx"] = evil } }, { "\27[2Jno" } },
      { reasoning = evil, text = evil })
    local agent = agent_of({ first, { text = evil, error = { kind = "server", message = evil } } }, { tools = { f } })
    local text = shown(agent, { utf8 = true })
    assert.is_nil(text:find("[%z\1-\8\11-\31\127]"), text)
    assert.is_nil(text:find("\194\155", 1, true))
    assert.is_nil(text:find("\226\128\174", 1, true))
    assert.is_truthy(text:find("abcdefg", 1, true), text)
  end)

  it("cuts at characters, and counts wide ones as two", function()
    local f = agents.tool("f", function() return ("語"):rep(100) end)
    local text = shown(agent_of({ agents.calling { { "f" } }, "." }, { tools = { f } }), { utf8 = true })
    assert.is_truthy(text:find("└ " .. ("語"):rep(27) .. "…\n", 1, true), text)
  end)

  it("leaves out what it is told to", function()
    assert.equal("x\n", (shown(agent_of { { reasoning = "hm", text = "x" } }, { reasoning = false })))
  end)

  it("works within a task, and beside others", function()
    marea.run(function()
      local agent = agent_of { { text = "uno dos", pause = 0.01 } }
      local ticks = 0
      local other = marea.spawn(function()
        while true do
          marea.sleep(0.005)
          ticks = ticks + 1
        end
      end)
      assert.equal("uno dos\n", (shown(agent, { spinner = true }):gsub("[^\n]*\r\27%[2K", "")))
      other:cancel()
      assert.is_true(ticks > 1)
    end)
  end)
end)

describe("printable text", function()
  it("is the same wherever its pieces are cut", function()
    local text = "a\194\155b\226\128\174c\226\129\167dé€ñ\226\128\148z\27[1m"
    local whole = printable.harmless(text)
    assert.equal("abcdé€ñ\226\128\148z", whole)
    for cut = 1, #text - 4 do
      local clean = printable.new()
      assert.equal(whole, clean(text:sub(1, cut)) .. clean(text:sub(cut + 1)), cut)
    end
  end)
end)
