-- SPDX-License-Identifier: MIT
-- altmig resume CLIENT: go on where the last run stopped.

local err = require "altmig.err"
local options = require "altmig.options"

local command = {
  summary = "go on where the last run of a client stopped",
  usage = options.usage("altmig resume",
    "  The rest is as the migration was begun: its resources, disks and what to do at the end."),
}

function command.run(args)
  local opts, operands = options.parse(args, "altmig resume")
  if #operands ~= 1 then err.usage(command.usage) end
  opts.client = options.check_name(operands[1], "altmig resume")
  if opts.from then opts.from = options.phases(opts.from, "altmig resume")[1] end
  return require("altmig.migration").resume(opts)
end

return command
