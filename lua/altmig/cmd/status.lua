-- SPDX-License-Identifier: MIT
-- altmig status [CLIENT]: which migrations exist and how far they are. Reads journals only.

local options = require "altmig.options"
local output = require "altmig.ui.output"

local command = {
  summary = "which migrations exist, phase by phase",
  usage = options.usage "altmig status",
}

--- How far the migration of a client is; nil when there is none.
function command.describe(opts, client)
  local run = require("altmig.run.runs").at(require("altmig.migration").state_dir(opts) .. "/" .. client)
  if run and run.problem then error(run.problem, 0) end
  local state = run and run.state
  if not state then return nil end
  return { client = client, state = run.word, phases = state.phases, last_phase = state.last_phase, time = state.last_time,
    options = state.start and state.start.options, failure = state.failure and not state.ended and state.failure.message or nil,
    running = run.holder, begun = state.begun }
end

function command.run(args)
  local migration = require "altmig.migration"
  local opts, operands = options.parse(args, "altmig status")
  local clients = #operands > 0 and operands or migration.list(opts)
  local status = 0
  for _, client in ipairs(clients) do
    options.check_name(client, "altmig status")
    local row = command.describe(opts, client)
    if not row then
      output.complain("altmig status: no migration of %s in %s", client, migration.state_dir(opts))
      status = 1
    elseif opts.json then
      output.json(row, { sort = true, lossy = true })
    else
      output.print("%s: %s%s%s", client, row.state, row.last_phase and (", phase " .. tostring(row.last_phase)) or "",
        row.time and (", last entry " .. tostring(row.time)) or "")
      if row.options then
        output.print("  lpp_source %s, SPOT %s, disks %s", row.options.lpp_source, row.options.spot,
          table.concat(row.options.disks or {}, " "))
      end
      if row.running then output.print("  running now: %s", require("altmig.run.runs").describe { holder = row.running }) end
      local line = {}
      for n = 1, 12 do line[n] = ("%d:%s"):format(n, row.phases[n] or "-") end
      if row.options then output.print("  %s", table.concat(line, " ")) end
      if row.failure then output.print("  failed: %s", row.failure) end
      for _, begun in pairs(row.begun) do output.print("  begun and not ended: phase %s %s", begun.phase or "-", begun.step) end
    end
  end
  return status
end

return command
