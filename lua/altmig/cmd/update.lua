-- SPDX-License-Identifier: MIT
-- altmig update FLAGS: nimadm -U.

local migrate = require "altmig.cmd.migrate"
local options = require "altmig.options"

local command = {
  summary = "update a client's own release on an alternate disk",
  usage = options.usage("altmig update",
    "  A technology level or service pack: everything that the lpp_source has higher than the client.")
    .. "\nexit status: 0 done, or at that level already; 1 failed, 2 usage, 3 an inhibitor was found, 4 client locked, 130 interrupted",
}

function command.run(args)
  return migrate.run_as(args, "altmig update", true)
end

return command
