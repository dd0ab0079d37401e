-- SPDX-License-Identifier: MIT
-- Whose request it is, and whether it may be made now. Each scenario knows the
-- keys of its page; a script may give others, or other limits:
--   accounts = { ["sk-mine"] = { requests = 3, window = 0.2, parallel = 1,
--     balance = 0, fault = 500 } }
-- What is counted is counted for one world: a script, or all that is none.

local conn_module = require("provider.conn")

local accounts = {}

function accounts.world(given)
  return { given = given or {}, accounts = {} }
end

local function make(scenario, key, given)
  local account = { key = key, base = scenario.base, running = 0, most = 0,
    served = 0, refused = 0, starts = {}, first = 1, last = 0, memory = {} }
  for _, source in ipairs({ scenario.limits or {}, given or {} }) do
    for name, value in pairs(source) do account[name] = value end
  end
  return account
end

local function is_known(scenario, key, only)
  if only then return key == only end
  return not scenario.keys or scenario.keys[key or ""]
end

-- The account for a key; nil when nobody has it. `only` is the one key a
-- server was started with, if any; a scenario without keys takes all, and
-- `open` is what needs none.
function accounts.find(world, scenario, key, only, open)
  local given = world.given[key or ""]
  if not given and not open and not is_known(scenario, key, only) then
    return nil
  end
  local name = scenario.base .. " " .. (key or "")
  world.accounts[name] = world.accounts[name] or make(scenario, key, given)
  return world.accounts[name]
end

local function forget_old(account, now)
  local starts = account.starts
  while account.first <= account.last
    and starts[account.first] <= now - account.window do
    starts[account.first] = nil
    account.first = account.first + 1
  end
end

-- Notes a start. False, and the seconds to wait, where it is one too many.
local function count(account, now)
  if not account.requests then return true end
  forget_old(account, now)
  local used = account.last - account.first + 1
  account.remaining = math.max(0, account.requests - used - 1)
  if used >= account.requests then
    return false, (account.starts[account.first] or now) + account.window - now
  end
  account.last = account.last + 1
  account.starts[account.last] = now
  return true
end

local function refuse(account, what, wait)
  account.refused = account.refused + 1
  return { status = 429, limit = what, retry_after = wait,
    type = "rate_limit_error", code = "rate_limit_exceeded",
    message = what == "parallel" and "Too many requests at once"
      or "Too many requests" }
end

local function forced(account)
  if account.fault then
    return { status = account.fault, code = account.code,
      type = "server_error", message = account.message or "It went wrong" }
  end
  if account.balance and account.balance <= 0 then
    return { status = 402, type = "billing_error",
      code = "insufficient_balance", message = "The balance is used up" }
  end
end

-- A function to be called at the request's end; or nil and a fault.
function accounts.enter(account)
  if account.parallel and account.running >= account.parallel then
    return nil, refuse(account, "parallel")
  end
  local counted, wait = count(account, conn_module.now())
  if not counted then return nil, refuse(account, "requests", wait) end
  local fault = forced(account)
  if fault then return nil, fault end
  account.served = account.served + 1
  account.running = account.running + 1
  account.most = math.max(account.most, account.running)
  local left = false
  return function()
    if not left then account.running = account.running - 1 end
    left = true
  end
end

-- For the specs: what each account of a world came to.
function accounts.report(world)
  local list = {}
  for _, account in pairs(world.accounts) do
    list[#list + 1] = { base = account.base, key = account.key,
      running = account.running, most = account.most,
      served = account.served, refused = account.refused }
  end
  return list
end

return accounts
