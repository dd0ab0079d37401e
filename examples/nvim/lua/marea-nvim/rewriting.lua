-- SPDX-License-Identifier: MIT
-- Lines rewritten by the model. The answer is shown below them while it comes,
-- as text that isn't there, and takes their place when it is whole: one step of
-- undo, and nothing half done. Meanwhile the buffer may be edited.

local api = vim.api

local rewriting = {}

local space = api.nvim_create_namespace "marea-rewriting"
local PREVIEW = 12               -- lines of it that are shown
local PAUSE = 50                 -- milliseconds from one showing to the next

local SYSTEM = "You rewrite text as you are told. Answer with the new text alone: no comment, no code fence."

---@return table job
function rewriting.new(buffer, first, last)
  local lines = api.nvim_buf_get_lines(buffer, first - 1, last, false)
  return {
    buffer = buffer, lines = lines, filetype = vim.bo[buffer].filetype, shown_at = 0,
    start = api.nvim_buf_set_extmark(buffer, space, first - 1, 0, {}),
    stop = api.nvim_buf_set_extmark(buffer, space, first + #lines - 2, 0, {}),
  }
end

local function row(job, mark)
  return api.nvim_buf_get_extmark_by_id(job.buffer, space, mark, {})[1]
end

local function show(job, pieces)
  local now = (vim.uv or vim.loop).now()
  if now - job.shown_at < PAUSE then return end
  job.shown_at = now
  local lines = vim.split(table.concat(pieces), "\n", { plain = true })
  local shown = {}
  for i = math.max(1, #lines - PREVIEW + 1), #lines do shown[#shown + 1] = { { lines[i], "Comment" } } end
  job.preview = api.nvim_buf_set_extmark(job.buffer, space, row(job, job.stop), 0,
    { id = job.preview, virt_lines = shown })
end

local function clear(job)
  if not api.nvim_buf_is_valid(job.buffer) then return end
  for _, name in ipairs { "start", "stop", "preview" } do
    if job[name] then api.nvim_buf_del_extmark(job.buffer, space, job[name]) end
  end
end

-- Models put what they write in a fence, whatever they are told.
local function without_fence(text)
  text = text:gsub("\r", "")
  return text:match "^%s*```[^\n]*\n(.-)\n?```%s*$" or text
end

local function put(job, text)
  local first, last = row(job, job.start), row(job, job.stop)
  local now = api.nvim_buf_get_lines(job.buffer, first, last + 1, false)
  if not vim.deep_equal(now, job.lines) then
    vim.fn.setreg("m", text)
    error("the lines have changed meanwhile: the new text is in register m", 0)
  end
  local lines = vim.split((text:gsub("\n+$", "")), "\n", { plain = true })
  api.nvim_buf_set_lines(job.buffer, first, last + 1, false, lines)
end

local function write(job, client, instruction)
  local text, pieces = table.concat(job.lines, "\n"), {}
  local stream = assert(client.chat.completions:create { stream = true, messages = {
    { role = "system", content = SYSTEM },
    { role = "user", content = ("%s\n\nThe text (%s):\n\n%s"):format(instruction, job.filetype, text) },
  } })
  for piece in stream:text() do
    pieces[#pieces + 1] = piece
    show(job, pieces)
  end
  put(job, without_fence(assert(stream:result()).output_text))
end

--- Rewrites. Runs in a task; raises what goes wrong, and then nothing has changed.
function rewriting.run(job, client, instruction)
  local ok, err = pcall(write, job, client, instruction)
  clear(job)
  if not ok then error(err, 0) end
end

return rewriting
