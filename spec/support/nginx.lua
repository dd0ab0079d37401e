-- SPDX-License-Identifier: MIT
-- A real nginx in front of the bundled server: TLS and HTTP/2 as they are in
-- the world. Every answer tells in `x-protocol` how it was asked for. A site
-- that is `raw` is TLS alone: what is said inside is the upstream's.

local daemon = require("spec.support.daemon")

local nginx = {}

local MAIN = [[
%s
daemon off; master_process off; pid nginx.pid; error_log error.log info;
events { worker_connections 512; }
http {
  access_log off; client_max_body_size 0; gzip off; server_tokens off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  %s
}
%s
]]

local RAW_MODULE = "load_module /usr/lib/nginx/modules/ngx_stream_module.so;"

local RAW_SERVER = [[
server {
  listen 127.0.0.1:%d ssl;
  ssl_certificate certs/%s.pem; ssl_certificate_key certs/%s.key; ssl_alpn %s;
  %s
  proxy_pass 127.0.0.1:%d;
}
]]

local SERVER = [[
server {
  listen 127.0.0.1:%d ssl%s;
  ssl_certificate certs/%s.pem; ssl_certificate_key certs/%s.key;
  %s
  location / {
    proxy_pass http://127.0.0.1:%d; proxy_http_version 1.1; proxy_buffering off;
    proxy_set_header Connection ""; proxy_set_header Host $http_host;
    proxy_read_timeout 30s; add_header x-protocol $server_protocol always;
  }
}
]]

local function server_text(site)
  return SERVER:format(site.port, site.http2 == false and "" or " http2", site.cert, site.cert,
    site.more or "", site.upstream)
end

local function raw_text(site)
  return RAW_SERVER:format(site.port, site.cert, site.cert, site.alpn or "h2 http/1.1", site.more or "", site.upstream)
end

local function main_text(http, raw)
  if not raw[1] then return MAIN:format("", table.concat(http), "") end
  return MAIN:format(RAW_MODULE, table.concat(http), "stream {\n" .. table.concat(raw) .. "}")
end

local function names_of(sites)
  local names = {}
  for name in pairs(sites) do names[#names + 1] = name end
  return names
end

local function start(certs_dir, sites)
  local dir, http, raw, names = daemon.directory(), {}, {}, names_of(sites)
  local free, ports = daemon.free_ports(#names), {}
  assert(os.execute(("ln -s '%s' '%s/certs'"):format(certs_dir, dir)))
  for i, name in ipairs(names) do
    local site = sites[name]
    site.port, ports[name] = free[i], free[i]
    if site.raw then raw[#raw + 1] = raw_text(site)
    else http[#http + 1] = server_text(site) end
  end
  daemon.write(dir .. "/nginx.conf", main_text(http, raw))
  local self = daemon.start(dir, ("exec nginx -p %s/ -c %s/nginx.conf -e %s/error.log"):format(dir, dir, dir), free[1])
  self.ports = ports
  return self
end

---Starts one with several sites: `{ cert =, upstream = port, http2 = false,
---raw = true, alpn = "h2 http/1.1", more = "directives" }` each, by name.
---`certs_dir` holds what certs.make made. Returns the daemon; its `ports` are by
---name.
function nginx.start(certs_dir, sites)
  return daemon.insist(start, certs_dir, sites)
end

return nginx
