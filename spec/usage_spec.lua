-- SPDX-License-Identifier: MIT
-- What calls used, whatever a provider calls it: in buckets that don't overlap.

local usage = require("marea.usage")

describe("usage", function()
  -- name, as told: input, cached, output, reasoning, total
  local cases = {
    { "OpenAI's chat", { prompt_tokens = 10, completion_tokens = 5, total_tokens = 15 }, 10, 0, 5, 0, 15 },
    { "with details", { prompt_tokens = 10, completion_tokens = 5, total_tokens = 15,
      prompt_tokens_details = { cached_tokens = 4 }, completion_tokens_details = { reasoning_tokens = 2 } },
      6, 4, 3, 2, 15 },
    { "of responses", { input_tokens = 10, output_tokens = 5, total_tokens = 15,
      input_tokens_details = { cached_tokens = 4 }, output_tokens_details = { reasoning_tokens = 2 } },
      6, 4, 3, 2, 15 },
    { "reasoning beside the output", { prompt_tokens = 10, completion_tokens = 5, total_tokens = 22,
      completion_tokens_details = { reasoning_tokens = 7 } }, 10, 0, 5, 7, 22 },
    { "reasoning beside it, as the total says", { prompt_tokens = 10, completion_tokens = 5, total_tokens = 17,
      completion_tokens_details = { reasoning_tokens = 2 } }, 10, 0, 5, 2, 17 },
    { "a cache's hits", { prompt_tokens = 10, completion_tokens = 5, prompt_cache_hit_tokens = 8,
      prompt_cache_miss_tokens = 2 }, 2, 8, 5, 0, 15 },
    { "cached beside the input", { input_tokens = 10, output_tokens = 5, cache_read_input_tokens = 30 },
      10, 30, 5, 0, 45 },
    { "more cached than read", { prompt_tokens = 10, completion_tokens = 5, cached_tokens = 30 }, 10, 30, 5, 0, 45 },
    { "details that are null", { prompt_tokens = 1, completion_tokens = 1,
      prompt_tokens_details = require("marea.json").null }, 1, 0, 1, 0, 2 },
    { "a total alone", { total_tokens = 9 }, 0, 0, 0, 0, 9 },
  }
  for _, case in ipairs(cases) do
    it("is read: " .. case[1], function()
      local counted = usage.read(case[2])
      assert.same({ case[3], case[4], case[5], case[6], case[7] },
        { counted.input, counted.cached, counted.output, counted.reasoning, counted.total_tokens })
    end)
  end

  it("that nobody told is counted as such, and nothing is made up", function()
    local sum = usage.new()
    for _, raw in ipairs { {}, "x", { prompt_tokens = 0, completion_tokens = 0 } } do usage.add_call(sum, raw) end
    usage.add_call(sum, nil)
    assert.same({ 4, 4, 0, 0 }, { sum.requests, sum.unreported, sum.total_tokens, #sum.raw })
  end)

  it("costs what its buckets do: what has no price of its own has that of its kind", function()
    local counted = { input = 1e6, cached = 1e6, output = 1e6, reasoning = 1e6 }
    assert.equal(22, usage.cost(counted, { input = 1, output = 10 }))
    assert.equal(11.6, usage.cost(counted, { input = 1, output = 10, cached = 0.1, reasoning = 0.5 }))
  end)

  it("has no cost without prices", function()
    local sum = usage.new()
    usage.add_call(sum, { prompt_tokens = 1 })
    assert.is_nil(sum.cost)
  end)

  it("adds up, the raw tables in order", function()
    local a, b = usage.new(), usage.new()
    usage.add_call(a, { prompt_tokens = 1, completion_tokens = 2 }, { input = 1e6, output = 1e6 })
    usage.add_call(b, { prompt_tokens = 3 }, { input = 1e6, output = 1e6 })
    usage.add(a, b)
    assert.same({ 4, 2, 6, 2, 6 }, { a.input, a.output, a.total_tokens, #a.raw, a.cost })
    usage.add(a, b, false)
    assert.same({ 9, 2 }, { a.total_tokens, #a.raw })
  end)
end)
