-- SPDX-License-Identifier: MIT
-- Reads LuaLS annotations out of Lua files: classes with their fields, aliases,
-- and functions with what they take and give. What the reference is made of, and
-- what the spec of it judges.

local annotations = {}

---- types ---------------------------------------------------------------------------

-- Where a type at the start of `text` ends: at white space outside of brackets
-- that no `|`, `:` or `,` goes before or after.
local function type_end(text)
  local depth, i = 0, 1
  while i <= #text do
    local c = text:sub(i, i)
    if c:find "[%(%[{<]" then depth = depth + 1
    elseif c:find "[%)%]}>]" then depth = depth - 1
    elseif c == '"' then i = text:find('"', i + 1, true) or #text
    elseif c:find "%s" and depth == 0 then
      local after = text:match("^%s*()", i)
      if not text:sub(1, i - 1):find "[|:,]$" and not text:find("^|", after) then return i - 1 end
      i = after - 1
    end
    i = i + 1
  end
  return #text
end

-- A type and what is said after it.
local function split_type(text)
  local last = type_end(text)
  return text:sub(1, last), (text:sub(last + 1):gsub("^%s*#?%s*", ""))
end

local builtin = {}
for name in ([[string number integer boolean table function nil any userdata thread true false fun self T
  unknown void]]):gmatch "%S+" do builtin[name] = true end

---The names of classes and aliases that a type is made of.
---@param text string
---@return string[]
function annotations.names_in(text)
  local names = {}
  text = text:gsub('"[^"]*"', " "):gsub("[%w_%.%-]+%??%s*:", " ")   -- literals; names of fields and parameters
  for name in text:gmatch "[%a_][%w_%.]*" do
    if not builtin[name] then names[#names + 1] = name end
  end
  return names
end

---- blocks ----------------------------------------------------------------------------

local tags = {}

function tags.class(block, text)
  local name, parent, said = text:match "^([%w_%.]+)%s*:%s*([%w_%.]+)%s*(.*)$"
  if not name then name, said = text:match "^([%w_%.]+)%s*(.*)$" end
  block.class = { name = name, parent = parent, said = said, fields = {}, methods = {}, file = block.file,
    line = block.line }
end

function tags.field(block, text)
  local name, optional, rest = text:match "^([%w_]+)(%??)%s+(.*)$"
  if not name then name, rest = text:match "^(%b[])%s+(.*)$" end
  local kind, said = split_type(rest)
  local fields = block.class.fields
  fields[#fields + 1] = { name = name, optional = optional == "?", type = kind, said = said }
end

function tags.alias(block, text)
  local name, rest = text:match "^([%w_%.]+)%s+(.*)$"
  local kind, said = split_type(rest)
  block.aliases[#block.aliases + 1] = { name = name, type = kind, said = said }
end

function tags.param(block, text)
  local name, optional, rest = text:match "^([%w_%.]+)(%??)%s+(.*)$"
  local kind, said = split_type(rest)
  block.params[#block.params + 1] = { name = name, optional = optional == "?", type = kind, said = said }
end

tags["return"] = function(block, text)
  local kind, said = split_type(text)
  block.returns[#block.returns + 1] = { type = kind, said = said }
end

function tags.type(block, text)
  block.type = (split_type(text))
end

function tags.private(block)
  block.private = true
end

local function new_block(file, line)
  return { file = file, line = line, said = {}, params = {}, returns = {}, aliases = {} }
end

-- A line of a comment. A second class ends the block before it.
local function take_line(block, text, finish)
  local tag, rest = text:match "^@(%a+)%s*(.*)$"
  if not tag then
    if text:find "%S" then block.said[#block.said + 1] = text:match "^%s*(.-)%s*$" end
    return block
  end
  if tag == "class" and block.class then
    finish(block)
    block = new_block(block.file, block.line)
  end
  if tags[tag] then tags[tag](block, rest) end
  return block
end

---- files -----------------------------------------------------------------------------

-- The names of what a type that is a function's takes.
local function names_taken(kind)
  local names, list = {}, kind:match "^fun(%b())":gsub("%b{}", ""):gsub("%b<>", "")
  for name in list:gmatch "([%w_.]+)%??%s*:" do names[#names + 1] = name end
  return names
end

-- What a statement after a block says: a class's variable, or a function.
local function bind(block, statement, found)
  local variable = statement:match "^local ([%w_]+)%s*=" or statement:match "^local ([%w_]+)$"
  if block.class then
    if variable then found.variables[variable] = block.class end
    return
  end
  local owner, separator, name, params = statement:match "^function ([%w_]+)([.:])([%w_]+)%((.-)%)"
  local is_set = not owner
  if is_set then owner, separator, name = statement:match "^([%w_]+)(%.)([%w_]+)%s*=" end
  if not owner or block.private then return end
  local typed = block.type and block.type:find "^fun%("
  local names = {}
  for param in (params or ""):gmatch "[%w_%.]+" do names[#names + 1] = param end
  found.functions[#found.functions + 1] = { owner = owner, separator = separator, name = name, names = names,
    said = table.concat(block.said, " "), params = block.params, returns = block.returns, type = block.type,
    is_value = is_set and not typed, typed_names = typed and names_taken(block.type),
    documented = block.documented, file = block.file, line = block.line }
end

local function keep(block, found)
  if block.class then found.classes[#found.classes + 1] = block.class end
  if block.class and #block.said > 0 then block.class.said = block.class.said .. table.concat(block.said, " ") end
  for _, alias in ipairs(block.aliases) do found.aliases[#found.aliases + 1] = alias end
end

---What is annotated in a file, and its functions, annotated or not.
---@param path string
---@param text string
function annotations.read(path, text)
  local found = { path = path, classes = {}, aliases = {}, functions = {}, variables = {} }
  local block, number = nil, 0
  local function finish(b) keep(b, found) end
  for line in (text .. "\n"):gmatch "(.-)\n" do
    number = number + 1
    local comment = line:match "^%-%-%-%s?([^%-].*)$" or line == "---" and ""
    if comment then
      block = take_line(block or new_block(path, number), comment, finish)
    else
      local b = block or new_block(path, number)
      b.documented = block ~= nil
      b.line = number
      if block then keep(block, found) end
      bind(b, line, found)
      block = nil
    end
  end
  return found
end

---- a tree -------------------------------------------------------------------------------

local function add_class(model, class)
  local known = model.classes[class.name]
  if not known then
    model.classes[class.name] = class
    model.order[#model.order + 1] = class.name
    return
  end
  for _, field in ipairs(class.fields) do known.fields[#known.fields + 1] = field end
  if known.said == "" then known.said = class.said end
  known.parent = known.parent or class.parent
end

-- Functions of a variable that is a class's, or the module's own table.
local function add_functions(model, found)
  for _, f in ipairs(found.functions) do
    local class = found.variables[f.owner]
    local known = class and model.classes[class.name]
    if known then known.methods[#known.methods + 1] = f end
    model.functions[found.module] = model.functions[found.module] or {}
    table.insert(model.functions[found.module], f)
  end
end

local function module_name(path)
  return (path:match "lua/(.*)%.lua$":gsub("/init$", ""):gsub("/", "."))
end

---Reads files: { classes = name -> class, order = names, aliases =, functions = module -> list }.
---@param paths string[]
function annotations.tree(paths)
  local model = { classes = {}, order = {}, aliases = {}, functions = {} }
  local all = {}
  for _, path in ipairs(paths) do
    local file = assert(io.open(path))
    local found = annotations.read(path, file:read "*a")
    file:close()
    found.module = module_name(path)
    for _, class in ipairs(found.classes) do add_class(model, class) end
    for _, alias in ipairs(found.aliases) do model.aliases[alias.name] = alias end
    all[#all + 1] = found
  end
  for _, found in ipairs(all) do add_functions(model, found) end
  return model
end

---Lua files of the library, in order.
---@return string[]
function annotations.paths()
  local pipe = assert(io.popen "find lua -name '*.lua' | LC_ALL=C sort")
  local paths = {}
  for path in pipe:lines() do paths[#paths + 1] = path end
  pipe:close()
  return paths
end

---- what is public --------------------------------------------------------------------------

local function types_of(class)
  local list = { class.parent }
  for _, field in ipairs(class.fields) do list[#list + 1] = field.type end
  for _, method in ipairs(class.methods) do
    if method.type then list[#list + 1] = method.type end
    for _, param in ipairs(method.params) do list[#list + 1] = param.type end
    for _, value in ipairs(method.returns) do list[#list + 1] = value.type end
  end
  return list
end

---Classes and aliases a user can come to from the class `marea`: names, in the
---order they are met, and those that are named and nowhere described.
---@return string[] reached, table<string, string> unknown name -> where it is named
function annotations.public(model)
  local reached, seen, unknown = {}, {}, {}
  local function visit(name, from)
    if seen[name] then return end
    seen[name] = true
    local class, alias = model.classes[name], model.aliases[name]
    if not class and not alias then
      unknown[name] = from
      return
    end
    reached[#reached + 1] = name
    for _, text in ipairs(class and types_of(class) or { alias.type }) do
      for _, other in ipairs(annotations.names_in(text)) do visit(other, name) end
    end
  end
  visit("marea", "the library")
  return reached, unknown
end

return annotations
