-- altmig run FILE.lua [ARG ...]: a Lua script with the altmig modules.

local cli = require "altmig.cli"
local escape = require "altmig.escape"

local command = {
  summary = "run a Lua script with the altmig modules",
  usage = "usage: altmig run [--check] FILE.lua [ARG ...]\n"
    .. "  --check   compile only: print the first error, run nothing",
}

function command.run(args)
  local check = args[1] == "--check"
  if check then table.remove(args, 1) end
  local file = table.remove(args, 1)
  if not file then cli.usage(command.usage) end
  local chunk, message = loadfile(file, "t")
  if not chunk then cli.fail(1, escape.line(message)) end
  if check then return 0 end
  args[0] = file
  _G.arg = args
  local result = chunk(table.unpack(args))
  return math.type(result) == "integer" and result or 0
end

return command
