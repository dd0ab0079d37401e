-- SPDX-License-Identifier: MIT
-- What each name of the table `marea` is: init.lua says in which module, and the
-- comments there what it does.

local exports = {}

local function source()
  local file = assert(io.open "lua/marea/init.lua")
  local text = file:read "*a"
  file:close()
  return text
end

---Every public name: { module =, name = }; a whole module has no name.
function exports.names()
  local text, out = source(), {}
  for name, module, from in text:gmatch '\n  ([%w_]+) = { "([%w_.]+)", "([%w_]+)" }' do
    out[name] = { module = module, name = from }
  end
  for name, module in text:match "\nlocal modules = (%b{})":gmatch '([%w_]+) = "([%w_.]+)"' do
    out[name] = { module = module }
  end
  return out
end

---The functions among them, as annotated.
function exports.functions(model)
  local out = {}
  for name, where in pairs(exports.names()) do
    for _, f in ipairs(where.name and model.functions[where.module] or {}) do
      if f.name == where.name and f.separator == "." then out[name] = f end
    end
  end
  return out
end

return exports
