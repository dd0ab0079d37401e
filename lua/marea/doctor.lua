-- SPDX-License-Identifier: MIT
-- Looks this machine over, says what was found, and ends: with 1 where something
-- is wrong. A program, to be run by name: lua -l marea.doctor

local diagnosis = require "marea.diagnosis"

local WIDTH = 22

local function show(finding)
  local mark = finding.bad and "BAD " or "ok  "
  print(mark .. finding.what .. (" "):rep(WIDTH - #finding.what) .. finding.says)
  if finding.bad then print((" "):rep(#mark) .. "cure: " .. finding.cure) end
  return finding.bad and 1 or 0
end

local function examine()
  local wrong = 0
  for _, finding in ipairs(diagnosis.findings()) do wrong = wrong + show(finding) end
  if diagnosis.can_ask() then
    local ok, finding = pcall(require("marea").run, diagnosis.loopback)
    if not ok then
      finding = { what = "request to 127.0.0.1", says = tostring(finding):match "^[^\n]*", bad = true,
        cure = "this should not happen: please report it, with all of the above" }
    end
    wrong = wrong + show(finding)
  end
  print(wrong == 0 and "all is well" or wrong == 1 and "one thing is wrong" or wrong .. " things are wrong")
  return wrong
end

os.exit(examine() == 0 and 0 or 1, true)
