-- SPDX-License-Identifier: MIT
-- Gradiente Sur as its page shows it: vLLM's reply, with reasoning_content
-- before content, `tool_calls: []`, `stop_reason` and `prompt_logprobs`, every
-- extra parameter of the type the page gives it, and guided decoding: the
-- answer is one of the choices, fits the schema, matches the expression.

local cjson = require("cjson")
local chat = require("provider.chat")
local check = require("provider.check")
local json = require("provider.json")
local kinds = require("provider.kinds")
local regex = require("provider.regex")
local text = require("provider.text")

local o, list, null = json.object, json.list, json.null

local gradientesur = {
  base = "/gradientesur/functions/v1",
  keys = { ["tu_clave_api"] = true },
  created = 1748351434,
  models = { "Qwen/Qwen3-1.7B" },
  strict_models = true,
  endpoints = { chat = true },
  canned = { chat = {
    ["Hola, cómo estás?"] = {
      id = "chatcmpl-ec1e82a53ab04d20b5560ec4c6b1f16a",
      content = "¡Hola! Estoy bien, gracias. ¿Cómo estás tú? 😊 Si tienes "
        .. "alguna pregunta o necesitas ayuda, ¡no dudes en decírmelo!",
      reasoning = "\nOkay, the user said \"Hola, cómo estás?\" which is "
        .. "Spanish for \"Hello, how are you?\"",
      usage = { prompt = 14, completion = 216, total = 230 },
    },
  } },
}

local function typed(rules, kind, names)
  for name in names:gmatch("%S+") do rules[#rules + 1] = { name, kind } end
end

local rules = {
  { "model", "a string", required = true },
  { "messages", kinds.messages, required = true },
  { "response_format", kinds.response_format },
  { "guided_json", "a string or an object" },
  { "guided_decoding_backend", "a string",
    one_of = { "outlines", "lm-format-enforcer" } },
}
typed(rules, "a boolean", "stream use_beam_search include_stop_str_in_output "
  .. "ignore_eos skip_special_tokens spaces_between_special_tokens "
  .. "add_special_tokens return_tokens_as_token_ids logprobs")
typed(rules, "an integer", "max_tokens top_k min_tokens truncate_prompt_tokens "
  .. "prompt_logprobs priority")
typed(rules, "a number", "min_p repetition_penalty length_penalty temperature "
  .. "top_p")
typed(rules, "a list of integers", "stop_token_ids allowed_token_ids")
typed(rules, "a string", "guided_regex guided_grammar "
  .. "guided_whitespace_pattern")
typed(rules, "a list of strings", "guided_choice")
typed(rules, "a list", "logits_processors")
gradientesur.rules = { chat = rules }

---- guided decoding ------------------------------------------------------------

local guides = {}

function guides.guided_choice(choices, said)
  for _, choice in ipairs(choices) do
    if said:lower():find(choice:lower(), 1, true) then return choice end
  end
  return choices[1]
end

function guides.guided_json(schema, said)
  if type(schema) == "string" then
    local ok, decoded = pcall(cjson.decode, schema)
    if not ok then return nil end
    schema = decoded
  end
  return json.encode(text.fill(schema, said))
end

function guides.guided_regex(expression)
  return regex.example(expression, "A script, not a model, answers")
end

-- Of grammars it knows those that are a choice of texts: root ::= "a" | "b".
function guides.guided_grammar(grammar)
  return grammar:match('^%s*[%w_?]+%s*::?=?%s*"([^"]*)"[^%w(]*$')
    or grammar:match('^%s*[%w_?]+%s*::?=?%s*"([^"]*)"%s*|[^%w(]*"')
end

-- What guides the answer: its name, and the text it leads to (nil for a guide
-- that can't be followed).
local function guided(body)
  for name, follow in pairs(guides) do
    if body[name] ~= nil and body[name] ~= null then
      local last = body.messages[#body.messages]
      return name, follow(body[name], (chat.content_text(last.content)))
    end
  end
end

function gradientesur:fault(_, body)
  local name, answer = guided(body)
  if name and not answer then
    return check.bad("`" .. name .. "` can't be followed", name)
  end
end

function gradientesur:finish(_, answer, body)
  local _, content = guided(body)
  for _, choice in ipairs(answer.choices) do
    if content and choice.content then
      choice.content, choice.pieces, choice.finish = content, nil, "stop"
    end
    if body.logprobs == true then choice.logprobs = true end
  end
  answer.as_ids = body.return_tokens_as_token_ids == true
  answer.prompt_logprobs = body.prompt_logprobs
end

---- shapes ---------------------------------------------------------------------

function gradientesur:reasoning()
  return true
end

function gradientesur.message(choice, calls)
  return o("role", "assistant", "reasoning_content", choice.reasoning or null,
    "content", choice.content or null, "tool_calls", calls or list({}))
end

function gradientesur.usage(usage)
  return o("prompt_tokens", usage.prompt, "total_tokens", usage.total,
    "completion_tokens", usage.completion, "prompt_tokens_details", null)
end

-- Every word is a token here, and as likely as the next.
local function logprobs(choice, as_ids)
  if not choice.logprobs or not choice.content then return null end
  local content = {}
  for i, word in ipairs(text.words(choice.content)) do
    content[i] = o("token", as_ids and "token_id:" .. i or word,
      "logprob", -0.5, "bytes", list({ word:byte(1, -1) }),
      "top_logprobs", list({}))
  end
  return o("content", list(content))
end

local function prompt_logprobs(answer)
  if type(answer.prompt_logprobs) ~= "number" then return null end
  return list({ null, o("1", o("logprob", -0.5, "rank", 1,
    "decoded_token", "script")) })
end

function gradientesur:completion(answer)
  local choices = {}
  for i, choice in ipairs(answer.choices) do
    choices[i] = o("index", i - 1,
      "message", self.message(choice, self.calls(choice)),
      "logprobs", logprobs(choice, answer.as_ids),
      "finish_reason", choice.finish, "stop_reason", null)
  end
  return o("id", answer.id, "object", "chat.completion",
    "created", answer.created, "model", answer.model,
    "choices", list(choices), "usage", self.usage(answer.usage),
    "prompt_logprobs", prompt_logprobs(answer))
end

return gradientesur
