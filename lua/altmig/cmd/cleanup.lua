-- altmig cleanup CLIENT: nimadm -C.

local cli = require "altmig.cli"
local options = require "altmig.options"

local command = {
  summary = "undo a migration: mounts, exports, the copy; the source disk is not touched",
  usage = "usage: altmig cleanup CLIENT [FLAGS]\n" .. options.help "altmig cleanup",
  has_flags = true,
}

function command.run(args)
  local opts, operands = options.parse(args, "altmig cleanup")
  if #operands ~= 1 then cli.usage(command.usage) end
  opts.client = options.check_name(operands[1], "altmig cleanup")
  return require("altmig.migration").cleanup(opts)
end

return command
