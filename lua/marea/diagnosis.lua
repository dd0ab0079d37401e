-- SPDX-License-Identifier: MIT
-- What may be wrong on a machine where marea should run, and the cure. Each
-- finding is a table: `what`, `says`, and, where it is bad, `cure`. The doctor
-- prints them (doctor.lua), an editor shows them in its own way.

local diagnosis = {}

---@class marea.Finding
---@field what string what was looked at
---@field says string what was found
---@field bad boolean|nil something doesn't work
---@field cure string|nil how to mend it

local ROOM = 32                -- files and sockets a program that talks to a few should still get
local SECONDS = 2              -- for the request to this very machine

local function good(what, says)
  return { what = what, says = says }
end

local function bad(what, says, cure)
  return { what = what, says = says, bad = true, cure = cure }
end

-- What the loader says, but not where it looked.
local function reason(message)
  local first, second = tostring(message):match "^([^\n]*)\n?%s*([^\n]*)"
  return first:find("error loading", 1, true) and second ~= "" and first .. " " .. second or first
end

local function is_readable(path)
  local file = path and io.open(path)
  if file then file:close() end
  return file ~= nil
end

---- Lua and the library ---------------------------------------------------------

local function lua_version()
  local jit = rawget(_G, "jit")
  local name = jit and jit.version or _VERSION
  if jit or _VERSION ~= "Lua 5.1" and _VERSION ~= "Lua 5.2" then return good("Lua", name) end
  return bad("Lua", name, "use Lua 5.4, 5.3 or LuaJIT 2.1")
end

-- What it was read from; where it was compiled before, what that was taken for.
local function library()
  local path = debug.getinfo(1, "S").source:match "^@(.*)"
  local searchpath = rawget(package, "searchpath")
  if path == "marea/diagnosis.lua" then
    path = searchpath and not package.preload["marea.diagnosis"] and searchpath("marea.diagnosis", package.path)
  end
  return good("marea", ("%s, from %s"):format(require "marea"._VERSION, path and path:match "^(.*)/" or "memory"))
end

local function how_to_mend(message)
  local version = _VERSION:match "%d%.%d"      -- as make and luarocks want to be told
  local missing = message:match "(lib[%w_-]+)[%w.]*: cannot open shared object"
  if missing then return "install " .. missing end
  local build = ("make LUA_VERSION=%s, or luarocks --lua-version %s install marea"):format(version, version)
  if message:find("not found:", 1, true) then return "build it: " .. build end
  return "it was built for another Lua or another machine; build it for this one: " .. build
end

local function module(name)
  local ok, message = pcall(require, name)
  if ok then return good(name, "loaded") end
  return bad(name, reason(message), how_to_mend(tostring(message)))
end

local function optional(name, with, without)
  local ok, value = pcall(require, name)
  if not ok then return good(name, "not there; " .. without) end
  local version = type(value) == "table" and (value._VERSION or value.version_string)
  if type(version) == "function" then version = version() end
  return good(name, (version and tostring(version) .. "; " or "") .. with)
end

---- libcurl and libuv -------------------------------------------------------------

local function libcurl(versions, features)
  local names = {}
  for name, present in pairs(features) do
    if present == true then names[#names + 1] = name:gsub("_", " ") end
  end
  table.sort(names)
  local says = versions.libcurl .. ": " .. table.concat(names, ", ")
  if versions.libcurl_number < 0x075000 then return bad("libcurl", says, "install libcurl 7.80 or newer") end
  if not features.asynchronous_dns then
    return bad("libcurl", says .. "; looking up a name blocks everything else",
      "install a libcurl with the threaded resolver, or c-ares")
  end
  return good("libcurl", says)
end

local function tls(versions, features)
  if features.tls and versions.tls then return good("TLS", versions.tls) end
  return bad("TLS", "libcurl was built without: no https", "install a libcurl with TLS")
end

local CERTIFICATES = "install the system's certificates (Debian: apt-get install ca-certificates), "
  .. "or name a file: marea.client { ca_file = ... }"

local function certificates(features)
  if not features.tls then return nil end
  if is_readable(features.ca_file) then return good("CA file", features.ca_file) end
  if features.ca_path and not features.ca_file then return good("CA directory", features.ca_path) end
  if not features.ca_file then
    return bad("CA file", "libcurl knows of none: no server can be trusted", CERTIFICATES)
  end
  return bad("CA file", features.ca_file .. " can't be read: no server can be trusted", CERTIFICATES)
end

---- the environment -----------------------------------------------------------------

local function without_credentials(proxy)
  local scheme, rest = proxy:match "^(%a[%w+.-]*://)(.*)$"
  scheme, rest = scheme or "", rest or proxy
  local host = rest:match "^.*@(.*)$"
  return scheme .. (host and "[redacted]@" .. host or rest)
end

-- The proxy for a scheme, by libcurl's rules: for http the upper-case name is
-- not asked, since a web server may set it for its scripts.
local function proxy_for(scheme)
  local names = { scheme .. "_proxy", "all_proxy", "ALL_PROXY" }
  if scheme == "https" then table.insert(names, 2, "HTTPS_PROXY") end
  for _, name in ipairs(names) do
    local value = os.getenv(name)
    if value and value ~= "" then return without_credentials(value), name end
  end
end

local function proxies(list)
  local found = false
  for _, scheme in ipairs { "https", "http" } do
    local proxy, name = proxy_for(scheme)
    found = found or proxy ~= nil
    if proxy then list[#list + 1] = good(scheme .. " proxy", ("%s (from %s)"):format(proxy, name)) end
  end
  local except = os.getenv "no_proxy" or os.getenv "NO_PROXY"
  if not found then list[#list + 1] = good("proxy", "none")
  elseif except then list[#list + 1] = good("no proxy", "for " .. except) end
end

local function keys()
  local names = {}
  local providers = require "marea.providers"
  for _, name in ipairs(providers.names()) do
    local variable = providers[name].api_key_env
    if variable and (os.getenv(variable) or "") ~= "" then names[#names + 1] = variable end
  end
  return good("keys", #names > 0 and table.concat(names, ", ") or "none in the environment")
end

local function descriptors()
  local files = {}
  for i = 1, ROOM do files[i] = io.open "/dev/null" end
  local n = #files
  for i = 1, n do files[i]:close() end
  if n == ROOM then return good("open files", "there is room for more") end
  return bad("open files", ("room for %d more; each connection takes one"):format(n),
    "raise the limit (ulimit -n 1024), or close what the program leaves open")
end

---- a request -------------------------------------------------------------------------

local LOOPBACK = "request to 127.0.0.1"
local BLOCKED = "look for a firewall, a sandbox or a security policy that forbids connections to 127.0.0.1"

--- Asks, and is answered, on this very machine: all but the network is used. To
--- be called in a task.
---@return marea.Finding
function diagnosis.loopback()
  local marea, net = require "marea", require "marea.net"
  local server, port = net.loopback()
  if not server then return bad(LOOPBACK, port, BLOCKED) end
  local client = marea.client { base_url = "http://127.0.0.1:" .. port, proxy = "", max_retries = 0,
    timeout = { total = SECONDS } }
  local task = marea.spawn(function() return client:request { path = "loopback" } end)
  while task.status == "running" and not server:answer() do marea.sleep(0.002) end
  local answer, err = task:await()
  server:close()
  if answer and answer.data == "from loopback" then return good(LOOPBACK, "answered") end
  return bad(LOOPBACK, err and tostring(err) or "the answer was another's", BLOCKED)
end

local function driver()
  local name = require("marea.loop").driver().name
  if name == "luv" then return good("driver", "the host's loop, through luv") end
  return good("driver", name .. ", on a loop of its own")
end

---- all of it -----------------------------------------------------------------------

--- Everything but the request: nothing here waits.
---@return marea.Finding[]
function diagnosis.findings()
  local list = { lua_version(), library(), module "marea.core", module "marea.net", descriptors() }
  local function add(finding) list[#list + 1] = finding end
  if not list[4].bad then
    local net = require "marea.net"
    local versions, features = net.versions(), net.features()
    add(libcurl(versions, features))
    add(tls(versions, features))
    add(certificates(features))
    add(good("libuv", versions.libuv))
    add(driver())
  end
  proxies(list)
  if not list[3].bad then add(keys()) end
  add(optional("cjson", "its null and arrays are marea's", "marea has its own null"))
  -- luv makes a loop at once, for which libuv ends the process if it can't
  if list[5].bad then return list end
  add(optional("luv", "marea.attach can share its loop", "it is only needed to share its loop"))
  return list
end

--- Whether the request can be tried: the C modules are there, and descriptors.
function diagnosis.can_ask()
  return (pcall(require, "marea.core")) and (pcall(require, "marea.net")) and not descriptors().bad
end

return diagnosis
