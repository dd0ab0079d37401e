-- SPDX-License-Identifier: MIT
-- Switches of reasoning that several providers have: values of the named option
-- `reasoning` for their presets, made anew for each.

local CHAT, RESPONSES = "chat/completions", "responses"

local switches = {}

--- reasoning_effort, and in responses reasoning.effort: `reasoning = "low"`.
---@param off string|nil the effort that stands for none
---@param responses boolean|nil whether the provider has responses
function switches.effort(off, responses)
  local function effort(word)
    if not responses then return { body = { reasoning_effort = word } } end
    local of_responses = { body = { reasoning = { effort = word } } }
    return { [CHAT] = { body = { reasoning_effort = word } }, [RESPONSES] = of_responses }
  end
  return { endpoints = { CHAT, responses and RESPONSES or nil }, text = effort "%s", off = off and effort(off) or nil }
end

--- What a chat template is told, as Qwen's understands it.
function switches.template()
  local function thinking(value)
    return { body = { chat_template_kwargs = { enable_thinking = value } } }
  end
  return { endpoints = { CHAT }, on = thinking(true), off = thinking(false) }
end

return switches
