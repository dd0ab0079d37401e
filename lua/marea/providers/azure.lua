-- SPDX-License-Identifier: MIT
-- Made from Microsoft's page on the v1 API of Azure OpenAI
-- (learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle). `model` is the
-- name of a deployment. Older resources: a base_url that ends in
-- /openai/deployments/NAME?api-version=..., whose query goes with every call.

local switches = require "marea.providers.switches"

---@type marea.preset
return {
  name = "azure",
  base_url_example = "https://YOUR-RESOURCE.openai.azure.com/openai/v1",
  api_key_env = "AZURE_OPENAI_API_KEY",
  auth = {
    header = "api-key", prefix = "",
    -- For tokens of Microsoft Entra ID.
    alternatives = { { header = "Authorization", prefix = "Bearer " } },
  },
  endpoints = { "models", "chat/completions", "completions", "responses", "embeddings" },
  models = {},
  default_model = {},
  max_tokens_parameter = "max_completion_tokens",
  options = { reasoning = switches.effort(nil, true) },
  structured_output = "json_schema",
  strict_schemas = true,
}
