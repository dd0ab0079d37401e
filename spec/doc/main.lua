-- SPDX-License-Identifier: MIT
-- What `make doc` runs: writes the reference to the file named.

local annotations = require "spec.doc.annotations"
local exports = require "spec.doc.exports"
local html = require "spec.doc.html"

local path = assert(arg[1], "usage: main.lua FILE")
local model = annotations.tree(annotations.paths())
local file = assert(io.open(path, "w"))
file:write(html.page(model, exports.functions(model), require "marea"._VERSION))
file:close()
print("wrote " .. path)
