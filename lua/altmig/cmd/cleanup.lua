-- SPDX-License-Identifier: MIT
-- altmig cleanup CLIENT: nimadm -C.

local err = require "altmig.err"
local options = require "altmig.options"

local command = {
  summary = "undo a migration: mounts, exports, the copy; the source disk is not touched",
  usage = options.usage("altmig cleanup", "The same as nimadm -C -c CLIENT -s SPOT.") .. [[

Ends the jobs of the migration, takes its mounts and exports away and destroys its copy (altinst_rootvg). A copy
is destroyed only if it is known to be altmig's: by the identifier of its volume group in the journal, or, where
the journal is lost, in the mark that phase 1 left in the copy. Any other is named and left alone; the rest is
cleaned up, and the status is 1. On a client that runs from the copy nothing is changed, and the status is 1 as
well. old_rootvg is never touched: it is the way back. -F removes nothing more than a cleanup without it.
exit status: 0 done, 1 failed or something was left alone, 2 usage or not confirmed, 4 client locked]],
}

function command.run(args)
  local opts, operands = options.parse(args, "altmig cleanup")
  if #operands ~= 1 then err.usage(command.usage) end
  opts.client = operands[1]
  return require("altmig.migration").cleanup(options.for_cleanup(opts, "altmig cleanup"))
end

return command
