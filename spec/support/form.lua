-- SPDX-License-Identifier: MIT
-- What the specs of files share: forms as a script recorded them, and files in
-- a directory of their own.

local daemon = require("spec.support.daemon")
local parser = require("spec.provider.form")

local form = {}

---The header of a recorded request, or nil.
function form.header(request, name)
  for _, pair in ipairs(request.headers) do
    if pair[1]:lower() == name then return pair[2] end
  end
end

---The parts of a recorded request's form; nil where it is none.
function form.parts(request)
  return parser.parse({ header = { ["content-type"] = form.header(request, "content-type") }, body = request.body })
end

---A directory for a spec's files: `write(name, bytes)` returns a path, `read`
---the bytes of a file or nil, `names()` what there is; `remove()` at the end.
function form.directory()
  local dir = { path = daemon.directory() }
  function dir.file(name) return dir.path .. "/" .. name end
  function dir.write(name, bytes)
    local file = assert(io.open(dir.file(name), "wb"))
    assert(file:write(bytes))
    file:close()
    return dir.file(name)
  end
  function dir.read(name)
    local file = io.open(dir.file(name), "rb")
    local bytes = file and file:read("*a")
    if file then file:close() end
    return bytes
  end
  function dir.names()
    local names = {}
    for name in require("lfs").dir(dir.path) do
      if name ~= "." and name ~= ".." then names[#names + 1] = name end
    end
    table.sort(names)
    return table.concat(names, " ")
  end
  function dir.remove() os.execute("rm -rf " .. dir.path) end
  return dir
end

return form
