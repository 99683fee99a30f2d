-- SPDX-License-Identifier: MIT
-- altmig update FLAGS: nimadm -U.

local err = require "altmig.err"
local options = require "altmig.options"

local command = {
  summary = "update a client's own release on an alternate disk",
  usage = options.usage("altmig update",
    "  A technology level or service pack: everything that the lpp_source has higher than the client.")
    .. "\nexit status: 0 done, or at that level already; 1 failed, 2 usage, 3 an inhibitor was found, 4 client locked, 130 interrupted",
}

function command.run(args)
  local opts, operands = options.parse(args, "altmig update")
  if #operands > 0 then err.usage(("altmig update: unexpected operand '%s'"):format(operands[1])) end
  opts.update = true
  return require("altmig.migration").migrate(options.for_migration(opts, "altmig update"))
end

return command
