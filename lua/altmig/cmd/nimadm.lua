-- SPDX-License-Identifier: MIT
-- nimadm FLAGS: the same program under IBM's name.

local migrate = require "altmig.cmd.migrate"

return {
  summary = "the same as migrate, with nimadm's name in messages",
  usage = migrate.usage_of "nimadm",
  run = function(args) return migrate.run_as(args, "nimadm") end,
}
