-- SPDX-License-Identifier: MIT
-- Certificates for specs, made by openssl in a directory: an authority, and
-- server certificates of 127.0.0.1 that are good, or bad in one way each.

local certs = {}

local KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
local SAN = "IP:127.0.0.1,DNS:localhost"

local function run(dir, command)
  local line = ("cd '%s' && ( %s ) >>openssl.log 2>&1"):format(dir, command)
  local ok = os.execute(line)
  if ok ~= true and ok ~= 0 then error("openssl failed, see " .. dir .. "/openssl.log", 3) end
end

local function authority(dir, name)
  run(dir, ("openssl req -x509 %s -keyout %s.key -out %s.pem -subj '/CN=spec %s' -days 2"):format(
    KEY, name, name, name))
end

local function leaf(dir, name, issuer, san, days)
  run(dir, ("printf 'subjectAltName=%s\\n' > %s.ext"):format(san, name))
  run(dir, ("openssl req %s -keyout %s.key -out %s.csr -subj '/CN=spec leaf'"):format(KEY, name, name))
  run(dir, ("openssl x509 -req -in %s.csr -CA %s.pem -CAkey %s.key -CAcreateserial "):format(name, issuer, issuer)
    .. ("-days %d -extfile %s.ext -out %s.pem"):format(days, name, name))
end

-- The one name "localhost\0.evil.example": a checker that stops at NUL is fooled.
local NUL_NAME = "DER:30:19:82:17:" .. ("localhost\0.evil.example"):gsub(".", function(c)
  return ("%02x:"):format(c:byte())
end):sub(1, -2)

---Makes them all in `dir`. Each is `<name>.pem` with `<name>.key`: `ca`, `good`,
---`expired`, `wronghost`, `wrongip`, `nul` (of a name with a NUL after
---"localhost"), `unknown` (of another authority), `selfsigned`.
---@param dir string an empty directory
function certs.make(dir)
  authority(dir, "ca")
  authority(dir, "stranger")
  leaf(dir, "good", "ca", SAN, 2)
  leaf(dir, "expired", "ca", SAN, -1)
  leaf(dir, "wronghost", "ca", "DNS:elsewhere.example,IP:127.0.0.9", 2)
  leaf(dir, "wrongip", "ca", "IP:127.0.0.9,DNS:127.0.0.1", 2)
  leaf(dir, "nul", "ca", NUL_NAME, 2)
  leaf(dir, "unknown", "stranger", SAN, 2)
  run(dir, ("openssl req -x509 %s -keyout selfsigned.key -out selfsigned.pem -subj '/CN=127.0.0.1' ")
    :format(KEY) .. "-addext 'subjectAltName=" .. SAN .. "' -days 2")
end

return certs
