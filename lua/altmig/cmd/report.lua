-- SPDX-License-Identifier: MIT
-- altmig report CLIENT: what the migration of a client decided. Reads the state of this host only, so
-- it works while a migration runs, after it failed or ended, and after the copy was cleaned up.

local err = require "altmig.err"
local options = require "altmig.options"
local output = require "altmig.ui.output"

local command = {
  summary = "what a migration kept, changed and leaves to be done by hand",
  usage = options.usage("altmig report",
    "  Text: kept from you, new from the release, conflicts, to do by hand; -V shows every entry."),
}

--- The report of a client with the state of its migration; nil when there is neither.
---@return table?
function command.document(opts, client)
  local migration, report = require "altmig.migration", require "altmig.report"
  local state = require("altmig.cmd.status").describe(opts, client)
  local path = migration.state_dir(opts) .. "/" .. client .. "/report.json"
  local ok, found = xpcall(report.load, err.wrap, path)
  if not ok and found.code ~= "ENOENT" then err.exit(1, found.message) end
  if not ok and not (state and state.options) then return nil end
  local document = (ok and found or report.new(nil, state.options)):document()
  document.head.client = document.head.client or client
  document.state = state or { state = "its journal is gone" }
  return document
end

function command.run(args)
  local who = "altmig report"
  local opts, operands = options.parse(args, who)
  if #operands ~= 1 then err.usage(command.usage) end
  if opts.html and opts.json then err.usage(who .. ": --html and --json exclude each other") end
  local client = options.check_name(operands[1], who)
  local document = command.document(opts, client)
  if not document then
    err.exit(1, ("%s: no migration of %s in %s"):format(who, client, require("altmig.migration").state_dir(opts)))
  end
  local print_report = require "altmig.report.print"
  if opts.json then
    output.json(document, { sort = true, lossy = true })
  elseif opts.html then
    output.data(print_report.html(document))
  else
    output.text(print_report.text(document, { all = opts.verbose }))
  end
  return 0
end

return command
