-- SPDX-License-Identifier: MIT
-- A real nginx in front of the bundled server: TLS and HTTP/2 as they are in
-- the world. Every answer tells in `x-protocol` how it was asked for.

local daemon = require("spec.support.daemon")

local nginx = {}

local MAIN = [[
daemon off; master_process off; pid nginx.pid; error_log error.log info;
events { worker_connections 512; }
http {
  access_log off; client_max_body_size 0; gzip off; server_tokens off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  %s
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

---Starts one with several sites: `{ cert =, upstream = port, http2 = false,
---more = "directives" }` each, by name. `certs_dir` holds what certs.make made.
---Returns the daemon; its `ports` are by name.
function nginx.start(certs_dir, sites)
  local dir, text, ports, any = daemon.directory(), {}, {}, nil
  assert(os.execute(("ln -s '%s' '%s/certs'"):format(certs_dir, dir)))
  for name, site in pairs(sites) do
    site.port = daemon.free_port()
    ports[name], any = site.port, site.port
    text[#text + 1] = server_text(site)
  end
  daemon.write(dir .. "/nginx.conf", MAIN:format(table.concat(text)))
  local self = daemon.start(dir, ("exec nginx -p %s/ -c %s/nginx.conf -e %s/error.log"):format(dir, dir, dir), any)
  self.ports = ports
  return self
end

return nginx
