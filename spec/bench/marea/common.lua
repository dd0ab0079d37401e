-- SPDX-License-Identifier: MIT
-- What the benchmark scripts share: the prompt, the same as the floor's, and
-- the check that a run saw what it should. The runner passes what an answer
-- holds as arguments of the form name=number; a run that saw anything else
-- has measured something else, and fails.

local common = {}

common.messages = {
  { role = "system", content = "You answer in one short paragraph of plain text." },
  { role = "user", content = "What is the capital of Spain, and where does it lie?" },
}

--- Counts the vectors of an answer; `sum` is of each one's two ends.
---@param seen { vectors: integer, floats: integer, sum: number }
function common.add_vectors(seen, data)
  for _, item in ipairs(data) do
    local vector = item.embedding
    seen.vectors = seen.vectors + 1
    seen.floats = seen.floats + #vector
    seen.sum = seen.sum + vector[1] + vector[#vector]
  end
end

--- What decoding takes, and nothing else, of an answer with vectors as lists of
--- numbers: curl fetches it, once.
---@param decode fun(text: string): table
---@param url string
---@param times integer
function common.time_decoding(decode, url, times)
  local pipe = assert(io.popen(("curl -s -d '{}' '%s/embeddings'"):format(url)))
  local body = pipe:read("*a")
  pipe:close()
  local seen = { vectors = 0, floats = 0, sum = 0, decode_us = 0 }
  for _ = 1, times do
    local began = os.clock()
    local result = decode(body)
    seen.decode_us = seen.decode_us + (os.clock() - began) * 1e6
    common.add_vectors(seen, result.data)
  end
  return seen
end

--- Compares what was seen with the arguments and prints it as one line of JSON.
---@param seen table<string, number>
function common.report(seen)
  local fields = {}
  for name, value in pairs(seen) do
    fields[#fields + 1] = ('"%s":%.17g'):format(name, value)
  end
  print("{" .. table.concat(fields, ",") .. "}")
  for _, argument in ipairs(arg) do
    local name, wanted = argument:match("^([%a_]+)=([%d.e+-]+)$")
    if name and seen[name] ~= tonumber(wanted) then
      io.stderr:write(("%s: saw %s, expected %s\n"):format(name, tostring(seen[name]), wanted))
      os.exit(1)
    end
  end
end

return common
