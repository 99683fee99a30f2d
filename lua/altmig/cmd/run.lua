-- SPDX-License-Identifier: MIT
-- altmig run FILE.lua [ARG ...]: a Lua script with the altmig modules.

local err = require "altmig.err"
local escape = require "altmig.escape"
local options = require "altmig.options"

options.define("altmig run", { operands = "FILE.lua [ARG ...]", leading = true, flags = {
  { "check", "check", text = "compile only: print the first error, run nothing" } } })

local command = { summary = "run a Lua script with the altmig modules", usage = options.usage "altmig run" }

function command.run(args)
  local opts, words = options.parse(args, "altmig run")
  local file = table.remove(words, 1)
  if not file then err.usage(command.usage) end
  local chunk, message = loadfile(file, "t")
  if not chunk then err.exit(1, escape.line(message)) end
  if opts.check then return 0 end
  words[0] = file
  _G.arg = words
  local result = chunk(table.unpack(words))
  return math.type(result) == "integer" and result or 0
end

return command
