-- SPDX-License-Identifier: MIT
-- Literature review: one searches a catalogue and writes, one criticises, and the
-- program itself has the last word on citations: what is cited must be in the
-- catalogue: lua examples/team_review.lua [SUBJECT]

local marea = require "marea"
local common = require "examples.common"

local client = common.client()
local subject = arg[1] or "retrieval and debate"

-- A catalogue stands in for a search service.
local catalogue = {
  { key = "robertson2009", title = "The Probabilistic Relevance Framework: BM25 and Beyond",
    words = "retrieval ranking search" },
  { key = "karpukhin2020", title = "Dense Passage Retrieval for Open-Domain Question Answering",
    words = "retrieval vectors questions" },
  { key = "lewis2020", title = "Retrieval-Augmented Generation for Knowledge-Intensive NLP Tasks",
    words = "retrieval generation" },
  { key = "du2023", title = "Improving Factuality and Reasoning in Language Models through Multiagent Debate",
    words = "debate agents reasoning" },
  { key = "shinn2023", title = "Reflexion: Language Agents with Verbal Reinforcement Learning",
    words = "reflection agents" },
}

local known = {}
for _, paper in ipairs(catalogue) do known[paper.key] = paper end

local search_papers = marea.tool {
  name = "search_papers", description = "Papers about a subject, each with its key",
  parameters = { subject = "string" },
  run = function(args)
    local found = marea.array {}
    for _, paper in ipairs(catalogue) do
      for word in args.subject:lower():gmatch "%a%a%a%a+" do
        if paper.words:find(word, 1, true) then
          found[#found + 1] = { key = paper.key, title = paper.title }
          break
        end
      end
    end
    return found
  end,
}

local function cited(text)
  local good, bad = {}, {}
  for key in text:gmatch "%[(%a+%d%d%d%d)%]" do
    local list = known[key] and good or bad
    list[#list + 1] = key
  end
  return good, bad
end

local writer = marea.agent {
  client = client, name = "writer", tools = { search_papers },
  instructions = "You write a literature review: search, group what you find by idea, and cite as [lewis2020].",
}
local critic = marea.agent {
  client = client, name = "critic",
  instructions = "You read a review as its strictest referee: what is missing, what is claimed and not shown? "
    .. "Say ACCEPTED where nothing is left to improve.",
}

-- What the critic accepts is not accepted with a citation of what there isn't.
local function accept(text, messages)
  local _, bad = cited(messages[#messages - 1].content)
  return text:find "ACCEPTED" ~= nil and not bad[1]
end

local team = marea.reflect { worker = writer, critic = critic, accept = accept, rounds = 2, name = "review" }
local stream = team:stream(("Review the literature on %s."):format(subject))
local result = common.must(marea.console { sums = false }:show(stream))

local good, bad = cited(result.output_text)
print(("\n[%s after %d turns; cited: %d of the catalogue, %d of nothing]"):format(result.stop, result.turns,
  #good, #bad))
for _, key in ipairs(good) do print(("  [%s] %s"):format(key, known[key].title)) end
