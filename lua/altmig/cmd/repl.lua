-- SPDX-License-Identifier: MIT
-- altmig repl [CLIENT]: the prompt.

local err = require "altmig.err"
local escape = require "altmig.escape"
local options = require "altmig.options"

local command = {
  summary = "interactive prompt; with CLIENT its migration is loaded",
  usage = options.usage("altmig repl",
    "  Lua with the altmig modules; :help lists the commands. With CLIENT, m is its migration."),
}

function command.run(args)
  local opts, operands = options.parse(args, "altmig repl")
  if #operands > 1 then err.usage(command.usage) end
  local repl = require "altmig.ui.repl"
  if #operands == 0 then return repl.run { opts = opts } end
  local client = options.check_name(operands[1], "altmig repl")
  local loaded, m = xpcall(require("altmig.migration").load, err.wrap, client, opts)
  if not loaded then
    return repl.run { opts = opts,
      message = ("%s: not loaded: %s%s"):format(client, m.code and "[" .. m.code .. "] " or "", escape.line(m.message)) }
  end
  local busy = m:worked_on_by()
  local message_of = busy and ("%s is m, for looking only: it is being worked on by %s; :rw has to wait for that."):format(client, busy)
    or ("%s is m, for looking; :rw lets commands and m change it."):format(client)
  local ok, status = xpcall(repl.run, err.wrap, { m = m, opts = opts, message = message_of })
  m:leave_prompt() -- whatever ended the prompt
  if not ok then error(status, 0) end
  return status
end

return command
