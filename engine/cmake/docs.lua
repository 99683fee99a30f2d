-- SPDX-License-Identifier: MIT
-- What the build makes of the topics and of the tables of flags:
--   altmig run docs.lua write FILE ...        lists of commands and flags, again into topics
--   altmig run docs.lua man TOPIC OUT         the Markdown of a topic's man page
--   altmig run docs.lua completion SHELL OUT  the script that completes in a shell

local help = require "altmig.help"

local actions = {}

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(text))
end

function actions.write(...)
  for _, path in ipairs { ... } do
    local file <close> = assert(io.open(path))
    write(path, help.expand(file:read "a"))
  end
end

function actions.man(name, out) write(out, help.man(assert(help.topic(name)))) end

function actions.completion(shell, out) write(out, require("altmig.help.completion").script(shell)) end

assert(actions[arg[1]], "write, man or completion")(table.unpack(arg, 2))
