-- SPDX-License-Identifier: MIT
-- nimadm FLAGS: the same program under IBM's name; and nimadm -M, which changes the NIM master alone.

local alt_disk_level = require "altmig.run.alt_disk_level"
local err = require "altmig.err"
local json = require "altmig.json"
local migrate = require "altmig.cmd.migrate"
local options = require "altmig.options"
local output = require "altmig.ui.output"
local show_plan = require "altmig.preview.plan"
local ssh = require "altmig.ssh"

local WHO <const> = "nimadm -M"

local command = {
  summary = "the same as migrate, with nimadm's name in messages",
  usage = migrate.usage_of "nimadm",
}

local function show(sync, rows)
  local places, lines = sync:places(), {}
  lines[1] = { "FILESET" }
  for _, place in ipairs(places) do table.insert(lines[1], place[2]) end
  for i, row in ipairs(rows) do
    lines[i + 1] = { row.fileset }
    for _, place in ipairs(places) do table.insert(lines[i + 1], row[place[1]] or "none") end
  end
  show_plan.table(lines)
end

local function document(rows, acts, agree)
  local list = json.array {}
  for i, act in ipairs(acts) do list[i] = { where = act.where, what = act.what, command = ssh.quote(act.argv) } end
  return { filesets = json.array(rows), acts = list, agree = agree }
end

local function is_agreed(rows)
  for _, row in ipairs(rows) do
    if not row.agree then return false end
  end
  return true
end

-- The three levels; shown, and without -P brought into agreement.
local function synchronise(sync, opts)
  local rows = sync:look()
  if not opts.json then show(sync, rows) end
  local agree = is_agreed(rows)
  local acts = agree and {} or sync:plan(rows)
  if not agree and not opts.preview then
    rows = sync:run(acts, function(act)
      if not opts.json then output.print("nimadm: %s: %s", act.what, ssh.quote(act.argv)) end
    end)
    agree = true
    if not opts.json then show(sync, rows) end
  elseif not opts.json then
    for _, act in ipairs(acts) do output.print("nimadm: would %s: %s", (act.what:gsub("^(%l+)s ", "%1 ")), ssh.quote(act.argv)) end
  end
  if opts.json then
    output.json(document(rows, acts, agree), { sort = true, lossy = true })
  else
    output.print("nimadm: the levels %s.", agree and "agree" or "differ; nothing was changed")
  end
  return agree and 0 or 1
end

local function of_levels(args)
  local opts, operands = options.parse(args, WHO)
  if #operands > 0 then err.usage(("%s: unexpected operand '%s'"):format(WHO, operands[1])) end
  for _, need in ipairs { { "spot", "-s SPOT" }, { "lpp_source", "-l LPP_SOURCE" } } do
    if not opts[need[1]] then err.usage(("%s: flag %s is missing"):format(WHO, need[2])) end
  end
  if opts.source and opts.source:sub(1, 1) ~= "/" then
    err.usage(("%s: -d %s: name a directory or device of the NIM master by its whole path"):format(WHO, opts.source))
  end
  return alt_disk_level.with(opts, function(sync) return synchronise(sync, opts) end)
end

function command.run(args)
  if options.has_flag(args, "nimadm", "M") then return of_levels(args) end
  return migrate.run_as(args, "nimadm")
end

return command
