-- SPDX-License-Identifier: MIT
-- Runs the torture host (host.c) on the scenarios:
--   lua5.4 spec/torture/run.lua HOST MODE EVERY [MODE EVERY] [SCENARIO...]
-- MODE is `calls` or `lua`; each EVERY-th point is tried; =N is that one alone.
-- Starts what the scenarios talk to: the bundled provider, and nginx for TLS.

local certs = require("spec.support.certs")
local daemon = require("spec.support.daemon")
local nginx = require("spec.support.nginx")
local server = require("spec.support.server")

local NAMES = { "codec", "vectors", "client", "image", "timers", "ask", "list", "text", "looked", "chunks", "closed",
  "abandoned", "cancelled", "many", "embeddings", "refused", "error", "paused", "large", "upload", "upload_bytes",
  "speech", "stepped", "tls" }

local host = assert(arg[1], "which host?")
local modes, names = {}, {}
local at = 2
while arg[at] == "calls" or arg[at] == "lua" do
  modes[#modes + 1] = arg[at] .. " " .. arg[at + 1]
  at = at + 2
end
for i = at, #arg do names[#names + 1] = arg[i] end
if not names[1] then names = NAMES end

local s = server.start()
local dir = daemon.directory()
certs.make(dir)
daemon.write(dir .. "/sound.wav", "RIFF0000WAVE" .. ("x"):rep(100000))
daemon.write(dir .. "/picture.png", "\137PNG\r\n\26\n" .. ("x"):rep(5000))
local web = nginx.start(dir, { good = { cert = "good", upstream = s.port } })

local environment = ("MAREA_TORTURE_URL=%s MAREA_TORTURE_TLS_URL=https://127.0.0.1:%d MAREA_TORTURE_DIR=%s"):format(
  s.url, web.ports.good, dir)
local good = true
for _, words in ipairs(modes) do
  local ok = os.execute(("%s %s %s %s"):format(environment, host, words, table.concat(names, " ")))
  good = good and (ok == true or ok == 0)
end

web:stop()
s:stop()
os.execute("rm -rf " .. dir)
os.exit(good)
