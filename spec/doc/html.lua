-- SPDX-License-Identifier: MIT
-- The reference as one page of HTML, from what annotations.lua read.

local annotations = require "spec.doc.annotations"

local html = {}

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local function prose(text)
  return (escape(text):gsub("`([^`]+)`", "<code>%1</code>"))
end

local function anchor(name)
  return (name:gsub("[^%w]", "-"))
end

-- Names of what is on the page lead there.
local function linked(model, text)
  return (escape(text):gsub("marea%.[%w_%.]+", function(name)
    local known = model.classes[name] or model.aliases[name]
    return known and ('<a href="#%s">%s</a>'):format(anchor(name), name) or name
  end))
end

local function is_hidden(name)
  return name:sub(1, 2) == "__"
end

---- functions -------------------------------------------------------------------------

local function signature(prefix, separator, name, f)
  if f.is_value then return prefix .. separator .. name end
  return ("%s%s%s(%s)"):format(prefix, separator, name, table.concat(f.typed_names or f.names, ", "))
end

local function param_row(model, param)
  return ("<tr><td><code>%s%s</code></td><td><code>%s</code></td><td>%s</td></tr>"):format(escape(param.name),
    param.optional and "?" or "", linked(model, param.type), prose(param.said))
end

local function describe(model, title, f, out)
  out[#out + 1] = ("<h4><code>%s</code></h4>"):format(escape(title))
  if f.said ~= "" then out[#out + 1] = "<p>" .. prose(f.said) .. "</p>" end
  if #f.params > 0 then
    out[#out + 1] = "<table>"
    for _, param in ipairs(f.params) do out[#out + 1] = param_row(model, param) end
    out[#out + 1] = "</table>"
  end
  for _, value in ipairs(f.returns) do
    out[#out + 1] = ("<p>returns <code>%s</code> %s</p>"):format(linked(model, value.type), prose(value.said))
  end
  if f.type then out[#out + 1] = ("<p><code>%s</code></p>"):format(linked(model, f.type)) end
end

---- classes ------------------------------------------------------------------------------

local function short(name)
  return (name:gsub("^marea%.", ""):gsub("^%l", string.lower))
end

local function fields_of(model, class, out)
  if #class.fields == 0 then return end
  out[#out + 1] = "<table>"
  for _, field in ipairs(class.fields) do out[#out + 1] = param_row(model, field) end
  out[#out + 1] = "</table>"
end

local function show_class(model, class, out)
  out[#out + 1] = ('<h3 id="%s">%s</h3>'):format(anchor(class.name), class.name)
  if class.parent then out[#out + 1] = ("<p>all of %s, and</p>"):format(linked(model, class.parent)) end
  if class.said ~= "" then out[#out + 1] = "<p>" .. prose(class.said) .. "</p>" end
  fields_of(model, class, out)
  for _, f in ipairs(class.methods) do
    if not is_hidden(f.name) then describe(model, signature(short(class.name), f.separator, f.name, f), f, out) end
  end
end

---- the page --------------------------------------------------------------------------------

local STYLE = [[
body { font: 16px/1.5 system-ui, sans-serif; color: #222; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
code { font: 14px/1.4 ui-monospace, monospace; background: #f4f1ec; padding: 0 .2em; border-radius: 3px; }
h2 { border-bottom: 2px solid #c9485b; margin-top: 3rem; } h3 { margin-top: 2.4rem; color: #31446e; }
h4 { margin: 1.6rem 0 .3rem; } h4 code { font-size: 15px; }
table { border-collapse: collapse; margin: .5rem 0; }
td { border-top: 1px solid #e4ded4; padding: .25rem .8rem .25rem 0; vertical-align: top; }
nav { columns: 4; font-size: 14px; } nav a { display: block; } a { color: #3f6f8b; text-decoration: none; }
]]

local HEAD = [[<!doctype html>
<html lang="en"><meta charset="utf-8"><title>marea %s</title><style>%s</style>
<h1>marea %s</h1><p>Made by <code>make doc</code> from the comments of the source.</p><nav>]]

-- The functions and fields of the table `marea`, each with what is behind it.
local function show_main(model, exports, out)
  local class = model.classes.marea
  out[#out + 1] = '<h2 id="marea">marea</h2>'
  for _, field in ipairs(class.fields) do
    local f = exports[field.name]
    if f then describe(model, signature("marea", ".", field.name, f), f, out)
    else
      out[#out + 1] = ("<h4><code>marea.%s</code></h4><p><code>%s</code> %s</p>"):format(field.name,
        linked(model, field.type), prose(field.said))
    end
  end
end

---The whole page.
---@param model table
---@param exports table<string, table> what the functions of `marea` are, by name
---@param version string
---@return string
function html.page(model, exports, version)
  local out, reached = {}, (annotations.public(model))
  table.sort(reached)
  out[#out + 1] = HEAD:format(version, STYLE, version)
  for _, name in ipairs(reached) do
    out[#out + 1] = ('<a href="#%s">%s</a>'):format(anchor(name), name)
  end
  out[#out + 1] = "</nav>"
  show_main(model, exports, out)
  out[#out + 1] = "<h2>Tables</h2>"
  for _, name in ipairs(reached) do
    local class, alias = model.classes[name], model.aliases[name]
    if class and name ~= "marea" then show_class(model, class, out) end
    if alias then
      out[#out + 1] = ('<h3 id="%s">%s</h3><p><code>%s</code> %s</p>'):format(anchor(name), name,
        linked(model, alias.type), prose(alias.said))
    end
  end
  out[#out + 1] = "</html>"
  return table.concat(out, "\n")
end

return html
