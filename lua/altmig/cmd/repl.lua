-- altmig repl [CLIENT]: the prompt.

local cli = require "altmig.cli"
local escape = require "altmig.escape"
local options = require "altmig.options"

local command = {
  summary = "interactive prompt; with CLIENT its migration is loaded",
  usage = "usage: altmig repl [CLIENT] [FLAGS]\n"
    .. "  Lua with the altmig modules; :help lists the commands. With CLIENT, m is its migration.\n" .. options.help "altmig repl",
  has_flags = true,
}

function command.run(args)
  local opts, operands = options.parse(args, "altmig repl")
  if #operands > 1 then cli.usage(command.usage) end
  local repl = require "altmig.repl"
  if #operands == 0 then return repl.run { opts = opts } end
  local client = options.check_name(operands[1], "altmig repl")
  local m, message, code = require("altmig.migration").load(client, opts)
  if not m then
    return repl.run { opts = opts,
      message = ("%s: not loaded: %s%s"):format(client, code and "[" .. code .. "] " or "", escape.line(message)) }
  end
  local status = repl.run { m = m, opts = opts, message = ("%s is m, for looking; :rw lets commands change it."):format(client) }
  m:close()
  return status
end

return command
