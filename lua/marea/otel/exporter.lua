-- SPDX-License-Identifier: MIT
-- Sends to a collector what has been gathered: in batches, in the background, and
-- at the end of a run. A collector that doesn't answer is said to be dead once, and
-- is left alone for a while: what comes meanwhile is counted and dropped.

local client = require "marea.client"
local core = require "marea.core"
local task = require "marea.task"
local wire = require "marea.otel.wire"

local exporter = {}
exporter.__index = exporter

local MAX_QUEUE, BATCH = 2048, 512
local REST = 30             -- seconds in which a dead collector is not asked
local TIMEOUT = { connect = 2, first_byte = 5, total = 5 }

function exporter.new(options)
  local made = client.new { base_url = options.endpoint, headers = options.headers, timeout = TIMEOUT, max_retries = 0 }
  return setmetatable({ client = client.unseen(made), resource = options.resource, metrics = options.metrics,
    interval = options.interval, say = options.say, queue = {}, dropped = 0, rests_until = 0,
    since = wire.time(core.now()) }, exporter)
end

function exporter:is_resting()
  return core.now() < self.rests_until
end

local function fail(self, err, n)
  self.rests_until, self.dropped, self.failed = core.now() + REST, self.dropped + n, err
  if self.said then return end
  self.said = true
  self.say(err)
end

-- Only the first of what is to be sent finds out that nobody is there.
local function post(self, path, body, n)
  if self:is_resting() then return false end
  local ok, result, err = pcall(self.client.request, self.client, { method = "POST", path = path, body = body })
  if ok and result then
    self.said, self.failed = false, nil
    return true
  end
  fail(self, ok and err or result, n)
  return false
end

local function take_batch(self)
  local batch, rest = {}, {}
  for i, span in ipairs(self.queue) do
    if i <= BATCH then batch[i] = span else rest[#rest + 1] = span end
  end
  self.queue = rest
  return batch
end

local function send_all(self)
  while self.queue[1] and not self:is_resting() do
    local batch = take_batch(self)
    post(self, "v1/traces", wire.traces(self.resource, batch), #batch)
  end
  if self.metrics.changed and not self:is_resting() then
    self.metrics.changed = false
    post(self, "v1/metrics", wire.metrics(self.resource, self.metrics:used(), self.since, wire.time(core.now())), 0)
  end
end

--- Sends what there is, now. Returns true; or nil and why not.
function exporter:flush()
  while self.sending and self.sending.status == "running" do pcall(self.sending.await, self.sending) end
  self.sending = task.background(send_all, self)
  self.sending:await()
  if self.failed then return nil, self.failed end
  return true
end

local function send_later(self)
  task.sleep(self.interval)
  self.timer = nil
  self:flush()
end

local function is_under_way(one)
  return one and one.status == "running"
end

--- Takes a span that has ended.
function exporter:add(span)
  if self:is_resting() or #self.queue >= MAX_QUEUE then
    self.dropped = self.dropped + 1
    return
  end
  self.queue[#self.queue + 1] = span
  if #self.queue >= BATCH and not is_under_way(self.sending) then
    self.sending = task.background(send_all, self)
  elseif self.interval and not is_under_way(self.timer) then
    self.timer = task.background(send_later, self)
  end
end

return exporter
