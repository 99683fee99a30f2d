-- SPDX-License-Identifier: MIT
-- altmig migrate FLAGS, and nimadm FLAGS.

local err = require "altmig.err"
local options = require "altmig.options"

local command = {
  summary = "migrate a client's rootvg to a new release on an alternate disk",
}

--- Text of --help for one of the two names.
---@param who string
---@return string
function command.usage_of(who)
  return options.usage(who) .. "\nWhat -C destroys, and what not: altmig cleanup --help\n"
    .. "exit status: 0 done, 1 failed, 2 usage, 3 an inhibitor was found, 4 client locked, 130 interrupted"
end

command.usage = command.usage_of "altmig migrate"

--- Shared with nimadm and update.
---@param args string[]
---@param who string
---@param update boolean?   it is an update, whatever the flags say
function command.run_as(args, who, update)
  local opts, operands = options.parse(args, who)
  opts.update = update or opts.update
  local migration = require "altmig.migration"
  if opts.cleanup then
    -- The spelling of AIX 5.2 gives the client as operand: nimadm -C CLIENT -s SPOT
    opts.client = opts.client or operands[1]
    if not opts.client then err.usage(who .. ": -C needs -c CLIENT") end
    opts.cleanup = nil
    return migration.cleanup(options.for_cleanup(opts, who))
  end
  if #operands > 0 then err.usage(("%s: unexpected operand '%s'"):format(who, operands[1])) end
  if opts.dry_run then
    if opts.phases or opts.from then err.usage(who .. ": --dry-run is for a whole migration: no -P and no --from") end
    return require("altmig.preview.dryrun").run(options.for_check(opts, who))
  end
  return migration.migrate(options.for_migration(opts, who))
end

function command.run(args)
  return command.run_as(args, "altmig migrate")
end

return command
