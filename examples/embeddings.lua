-- SPDX-License-Identifier: MIT
-- Which of some texts is most like another: lua examples/embeddings.lua [QUERY]

local marea = require "marea"
local common = require "examples.common"

local texts = { "High tide comes twice a day.", "The bakery opens at seven.", "Ships wait for the ebb." }
local query = arg[1] or "When does the water rise?"

local client = common.client()
local answer = common.must(client.embeddings:create {
  input = { query, texts[1], texts[2], texts[3] },
  encoding_format = "base64",                       -- packed: a quarter of a table's memory
})

local items = {}
for i = 1, #texts do items[i] = answer.data[i + 1] end
for place, near in ipairs(marea.nearest(answer.data[1].embedding, items, #items)) do
  print(("%d. %6.3f %s"):format(place, near.score, texts[near.index]))
end
