-- SPDX-License-Identifier: MIT
-- The conversation: a Markdown buffer that what the model says is written into
-- as it comes, and the messages behind it.

local api = vim.api

local conversation = {}

local NAME = "marea://conversation"
local space = api.nvim_create_namespace "marea"
local CURSOR = { { "▍", "Special" } }

local buffer                 -- nil before the first question
local messages = {}
local busy = false           -- an answer is being written
local mark                   -- of the cursor at its end

local function is_alive()
  return buffer and api.nvim_buf_is_valid(buffer)
end

function conversation.is_busy()
  return busy and is_alive()
end

--- The prompt, with lines of the current buffer below it.
function conversation.with_lines(prompt, range)
  local lines = api.nvim_buf_get_lines(0, range[1] - 1, range[2], false)
  return ("%s\n\n```%s\n%s\n```"):format(prompt, vim.bo.filetype, table.concat(lines, "\n"))
end

local function create()
  buffer = api.nvim_create_buf(false, true)
  api.nvim_buf_set_name(buffer, NAME)
  vim.bo[buffer].bufhidden = "hide"
  vim.bo[buffer].filetype = "markdown"
  vim.bo[buffer].undolevels = -1        -- an answer has thousands of pieces
end

local function show(how)
  if vim.fn.bufwinid(buffer) ~= -1 then return end
  local here = api.nvim_get_current_win()
  vim.cmd(how)
  api.nvim_win_set_buf(0, buffer)
  vim.wo.wrap, vim.wo.linebreak = true, true
  api.nvim_set_current_win(here)
end

-- Windows whose cursor is on the last line follow what is written.
local function followers(last)
  local windows = {}
  for _, window in ipairs(vim.fn.win_findbuf(buffer)) do
    if api.nvim_win_get_cursor(window)[1] == last then windows[#windows + 1] = window end
  end
  return windows
end

local function append(text)
  if not is_alive() then error("the conversation's buffer is gone", 0) end
  local last = api.nvim_buf_line_count(buffer)
  local windows = text:find("\n", 1, true) and followers(last) or {}
  local column = #api.nvim_buf_get_lines(buffer, last - 1, last, false)[1]
  local lines = vim.split((text:gsub("\r", "")), "\n", { plain = true })
  api.nvim_buf_set_text(buffer, last - 1, column, last - 1, column, lines)
  for _, window in ipairs(windows) do
    api.nvim_win_set_cursor(window, { api.nvim_buf_line_count(buffer), 0 })
  end
end

local function show_cursor()
  local last = api.nvim_buf_line_count(buffer) - 1
  mark = api.nvim_buf_set_extmark(buffer, space, last, 0,
    { id = mark, virt_text = CURSOR, virt_text_pos = "eol" })
end

local function hide_cursor()
  if mark and is_alive() then api.nvim_buf_del_extmark(buffer, space, mark) end
  mark = nil
end

local function begin_again()
  messages = {}
  api.nvim_buf_set_lines(buffer, 0, -1, false, { "" })
end

-- What is not in the buffer's first line stands apart from what was before.
local function heading(text)
  local empty = api.nvim_buf_line_count(buffer) == 1 and api.nvim_buf_get_lines(buffer, 0, 1, false)[1] == ""
  append((empty and "" or "\n\n") .. "## " .. text .. "\n\n")
end

local function to_send(system)
  local list = { { role = "system", content = system } }
  vim.list_extend(list, messages)
  return list
end

local function write_answer(client, system)
  local stream = assert(client.chat.completions:create { messages = to_send(system), stream = true })
  for text in stream:text() do
    append(text)
    show_cursor()
  end
  return assert(stream:result())
end

--- Asks, and writes the answer. Runs in a task; raises what goes wrong.
function conversation.ask(client, prompt, settings, fresh)
  if not is_alive() then create() end
  if fresh then begin_again() end
  show(settings.window)
  busy = true
  heading "You"
  append(prompt)
  heading "Model"
  show_cursor()
  messages[#messages + 1] = { role = "user", content = prompt }
  local ok, answer = pcall(write_answer, client, settings.system)
  busy = false
  hide_cursor()
  if ok then messages[#messages + 1] = { role = "assistant", content = answer.output_text }
  else
    table.remove(messages)             -- as if it had not been asked
    if is_alive() then append "\n\n*(not finished)*" end
    error(answer, 0)
  end
end

return conversation
