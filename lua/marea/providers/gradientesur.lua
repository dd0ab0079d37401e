-- SPDX-License-Identifier: MIT
-- Made from Gradiente Sur's page on chat completions (gradientesur.com).

---@type marea.preset
return {
  name = "gradientesur",
  base_url = "https://api.gradientesur.com/functions/v1",
  api_key_env = "GRADIENTESUR_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "chat/completions" },
  models = {
    ["Qwen/Qwen3-1.7B"] = { kinds = { "chat" }, reasoning = "on by default" },
  },
  default_model = { chat = "Qwen/Qwen3-1.7B" },
  defaults = {
    ["chat/completions"] = {
      use_beam_search = false, length_penalty = 1.0, include_stop_str_in_output = false, ignore_eos = false,
      min_tokens = 0, skip_special_tokens = true, spaces_between_special_tokens = true, add_special_tokens = true,
      priority = 0,
    },
  },
  extra_parameters = {
    ["chat/completions"] = {
      "use_beam_search", "top_k", "min_p", "repetition_penalty", "length_penalty", "stop_token_ids",
      "include_stop_str_in_output", "ignore_eos", "min_tokens", "skip_special_tokens",
      "spaces_between_special_tokens", "truncate_prompt_tokens", "allowed_token_ids", "prompt_logprobs",
      "add_special_tokens", "guided_json", "guided_regex", "guided_choice", "guided_grammar",
      "guided_decoding_backend", "guided_whitespace_pattern", "priority", "logits_processors",
      "return_tokens_as_token_ids",
    },
  },
  values = {
    ["chat/completions"] = { guided_decoding_backend = { "outlines", "lm-format-enforcer" } },
  },
  reasoning = { fields = { "reasoning_content" } },
  structured_output = "json_schema",
}
