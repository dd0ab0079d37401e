-- SPDX-License-Identifier: MIT
-- An agent tested without a model or a network: busted examples/agent_spec.lua
-- The client answers from a script; everything else is what runs in earnest.
-- Debian: apt-get install lua-busted

local marea = require "marea"

-- What a program would have in a module of its own.
local function new_agent(client, stock)
  return marea.agent {
    client = client, name = "shop", instructions = "You sell fruit.",
    tools = {
      marea.tool {
        name = "count", description = "How many of a fruit there are", parameters = { fruit = "string" },
        run = function(args) return stock[args.fruit] or 0 end,
      },
      marea.tool {
        name = "sell", description = "Sells some", parameters = { fruit = "string", n = { "integer", minimum = 1 } },
        approve = function(args) return args.n > 100 end,      -- then a person is asked
        run = function(args)
          if (stock[args.fruit] or 0) < args.n then return nil, "there are not so many" end
          stock[args.fruit] = stock[args.fruit] - args.n
          return "sold"
        end,
      },
    },
  }
end

describe("the shop's agent", function()
  local undo
  setup(function() undo = marea.testing.offline() end)     -- no test of ours may reach a provider
  teardown(function() undo() end)

  it("looks before it sells", function()
    local stock = { apples = 10 }
    local client = marea.testing.client { replies = {
      { tool_calls = { { name = "count", arguments = { fruit = "apples" } } } },
      { expect = "10", tool_calls = { { name = "sell", arguments = { fruit = "apples", n = 3 } } } },
      { expect = "sold", text = "Here are three apples." },
    } }
    local result = assert(new_agent(client, stock):run "Three apples, please.")
    assert.equal("Here are three apples.", result.output_text)
    assert.equal(7, stock.apples)
    client:assert_used()
  end)

  it("tells the model what can't be done, and sells nothing", function()
    local stock = { apples = 1 }
    local client = marea.testing.client { replies = {
      { tool_calls = { { name = "sell", arguments = { fruit = "apples", n = 3 } } } },
      { expect = "there are not so many", text = "Sorry, only one is left." },
    } }
    assert.equal("done", assert(new_agent(client, stock):run "Three apples.").stop)
    assert.equal(1, stock.apples)
  end)

  it("asks a person before it sells the whole stock", function()
    local stock = { apples = 500 }
    local client = marea.testing.client { replies = {
      { tool_calls = { { name = "sell", arguments = { fruit = "apples", n = 500 } } } },
      "All yours.",
    } }
    local agent = new_agent(client, stock)
    local result = assert(agent:run "All your apples.")
    assert.equal("pending", result.stop)
    assert.equal(500, stock.apples)
    result.pending[1]:approve()
    assert.equal("All yours.", assert(agent:resume(result)).output_text)
    assert.equal(0, stock.apples)
  end)

  it("says so when the model fails, and can be asked again", function()
    local client = marea.testing.client { replies = { { error = "rate_limit" }, "Hello." } }
    local agent = new_agent(client, {})
    local result, err = agent:run "Hello?"
    assert.is_nil(result)
    assert.equal("rate_limit", err.kind)
    assert.equal("Hello.", assert(agent:run "Hello?").output_text)
  end)
end)
