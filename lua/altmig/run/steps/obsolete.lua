-- SPDX-License-Identifier: MIT
-- Phase 6: filesets of the client that the new release no longer has are removed from the copy by its installp, whose
-- scripts (unconfig, pre_d, unpost_i, unpre_i) were written for a system that runs. Commands that would reach past
-- the copy are covered meanwhile (altmig.run.isolation); what scripts print is a warning with the fileset's name.
--
-- A fileset that cannot be removed ends nothing: it is in the copy as it was, and in the report as something to do.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local footprint = require "altmig.run.footprint"
local isolated = require "altmig.aix.isolated"
local installp = require "altmig.installp"
local isolation = require "altmig.run.isolation"
local saveconf = require "altmig.save"

---@class altmig.Migration
local obsolete = { steps = {} }

local installp_log = saveconf.root .. "/.altmig/installp.log"
local METHOD <const> = "installp -u"
-- So many lines of one fileset's scripts are in the report; all are in the log.
local MANY <const> = 20

-- All that installp and scripts have in their environment. ksh88 reads ENV for every script: kill is a built-in
-- command there, so no file could stand for it (inferred: ksh88-reads-env).
local environment <const> = { "env", "-i", "PATH=/usr/bin:/etc:/usr/sbin:/sbin", "LANG=C", "LC_ALL=C", "HOME=/", "LOGNAME=root",
  "ODMDIR=/etc/objrepos", "ENV=" .. footprint.environment }
local ENVIRONMENT_FILE <const> = "alias kill=/usr/bin/kill\n"

-- The filesets of the copy, with their levels.
local function software_of_copy(m)
  local now = {}
  for _, row in ipairs(aix.lslpp_lqc(m.exec:must { "lslpp", "-lqc" })) do
    if not now[row.fileset] or aix.compare_levels(row.level, now[row.fileset]) > 0 then now[row.fileset] = row.level end
  end
  return now
end

--- Tells what scripts print from what installp prints: they run while it deinstalls.
---@return fun(line: string): string?   the line, if it is a script's
function obsolete.reader()
  local running, names = false, false
  return function(line)
    if line:match("einstalling [Ss]oftware") or line:match("DEINSTALLING software for:") then
      running, names = true, line:match("DEINSTALLING") ~= nil
    elseif line:match("^Finished processing") or line:match("^%s*Summaries:") or line:match("^Installation Summary") then
      running = false
    elseif names and line:match("^%s+%S+%s+%d+%.%d+%.%d+%.%d+%s*$") then
      return nil
    elseif not running or line:match("^%s*$") or line:match("^[%+%-%*]+$") or line:match("^Filesets processed:")
      or line:match("^installp:") or line:match("^%l[%l%d]*: altmig: ") then -- covered commands have a log
      return nil
    else
      names = false
      return line
    end
  end
end

local function warn(m, fileset, rule, severity)
  m:report_entry { severity = severity or "warning", method = METHOD, key = fileset, chosen = "N", rule = rule }
end

local sentences <const> = {
  refused = "%s was refused: it would have reached past the copy",
  failed = "%s failed in the copy",
  absent = "%s: there is no such entry in the copy, which counts as done",
  changed = "%s was done in the copy",
  idle = "%s: there was nothing to do in the copy",
}

local severities <const> = { refused = "warning", failed = "warning", absent = "note" }

-- What the commands that were covered did: what they refused, and what was not there, is told.
local function tell_acts(m, fileset, acts)
  local told = {}
  for _, act in ipairs(acts) do
    local command = act.command .. (act.arguments ~= "" and " " .. act.arguments or "")
    local rule = ("its scripts ran: %s"):format(sentences[act.what]:format(command))
    if not told[rule] then m:detail(("altmig: %s: %s"):format(fileset, rule)) end
    if not told[rule] and severities[act.what] then warn(m, fileset, rule, severities[act.what]) end
    told[rule] = true
  end
end

local read_log <const> = 'cat "$1" 2>/dev/null; rm -f "$1"'

-- What installp was asked for. -b: boot images are made in phase 8.
local function command(names)
  local filesets = {}
  for i, name in ipairs(names) do filesets[i] = { fileset = name } end
  local words = installp.argv { operation = "remove", flags = "b", log = installp_log, filesets = filesets }
  return table.move(words, 1, #words, #environment + 1, table.move(environment, 1, #environment, 1, {}))
end

local function run_installp(m, ctx, names)
  local title = table.concat(names, " ")
  -- Of a run that was killed the same job may still be at work: what its scripts did is to be told.
  if not ctx.again then m.exec:script(read_log, { isolated.log }) end
  local lines, more, reader = {}, 0, obsolete.reader()
  local result = m.exec:job(ctx.job_id, command(names), { on_line = function(line)
    m:say(line)
    local said = reader(line)
    if said and #lines < MANY then lines[#lines + 1] = said elseif said then more = more + 1 end
  end })
  for _, line in ipairs(lines) do warn(m, title, "its scripts say: " .. line) end
  if more > 0 then warn(m, title, ("its scripts say %d lines more; all are in %s"):format(more, installp_log)) end
  tell_acts(m, title, isolated.acts(m.exec:script(read_log, { isolated.log }).stdout))
  return result
end

-- Why it is still there, in one line.
local function cause(result)
  local out = installp.output()
  out:add(result.stdout)
  local parts = out:finish():causes()
  if #parts == 0 then parts[1] = "installp -u ended with status " .. tostring(result.status or result.signal) end
  return table.concat(parts, ". ")
end

-- Removes filesets in one call of installp; the step of a fileset alone is known by its name.
local function remove(m, ctx, names)
  local result = run_installp(m, ctx, names)
  local now, left = software_of_copy(m), {}
  for _, name in ipairs(names) do
    if now[name] then left[#left + 1] = name end
  end
  return { removed = #left == 0, cause = #left > 0 and cause(result) or nil }
end

obsolete.steps.remove_fileset = {
  run = function(m, ctx, name) return remove(m, ctx, { name }) end,
  holds = function(_, result) return result.removed end,
}

-- Those that need each other.
obsolete.steps.remove_filesets_together = {
  run = function(m, ctx, ...) return remove(m, ctx, { ... }) end,
  holds = function(_, result) return result.removed end,
}

-- Each alone, until no more of them goes: one that another of them needs goes after it. Then what is left in one.
local function remove_all(m, names)
  local causes = {}
  local function still_there()
    local now, left = software_of_copy(m), {}
    for _, name in ipairs(names) do
      if now[name] then left[#left + 1] = name end
    end
    return left
  end
  local left = still_there()
  while #left > 0 do
    local before = #left
    for _, name in ipairs(left) do causes[name] = m:remove_fileset(name).cause end
    left = still_there()
    if #left == before then break end
  end
  if #left > 1 then
    local result = m:remove_filesets_together(table.unpack(left))
    for _, name in ipairs(left) do causes[name] = result.cause or causes[name] end
    left = still_there()
  end
  return left, causes
end

---@class altmig.obsolete.Fileset
---@field name string
---@field level string?
---@field reason string?       # why it goes
---@field loses string?

local function tell_removed(m, row)
  local rule = ("removed: %s%s"):format(row.reason or "it was asked for", row.loses and "; with it goes " .. row.loses or "")
  m:say(("altmig: %s%s is removed from the copy."):format(row.name, row.level and " " .. row.level or ""))
  warn(m, row.name, rule, "note")
end

local function tell_left(m, row, why)
  local rule = ("it is still in the copy: %s; on the migrated system: installp -u %s"):format(why, row.name)
  m:warn(("altmig: %s: %s"):format(row.name, rule))
  m:report_entry { severity = "todo", method = METHOD, key = row.name, chosen = "C", rule = rule }
end

-- The part of a list that the copy has, once each.
local function there(m, list)
  local now, rows, seen = software_of_copy(m), {}, {}
  for _, row in ipairs(list) do
    if type(row) == "string" then row = { name = row } end
    if type(row) ~= "table" or type(row.name) ~= "string" or not row.name:match("^[%w][%w_.+%-]*$") then
      err.raise { code = "EINVAL", message = ("remove_filesets: %s is no name of a fileset"):format(tostring(
        type(row) == "table" and row.name or row)) }
    end
    if now[row.name] and not seen[row.name] then
      seen[row.name] = true
      rows[#rows + 1] = { name = row.name, level = now[row.name], reason = row.reason, loses = row.loses }
    end
  end
  return rows
end

local function remove_rows(m, rows)
  local names, by_name = {}, {}
  for i, row in ipairs(rows) do names[i], by_name[row.name] = row.name, row end
  m.exec:must_script('cat > "$1"', { footprint.environment }, { stdin = ENVIRONMENT_FILE })
  local laid, why = isolation.lay(m)
  if not laid then
    why = ("commands that reach past the copy cannot be covered on %s, so none of its scripts is run (%s)"):format(m.master.name, why)
    for _, row in ipairs(rows) do tell_left(m, row, why) end
    return {}
  end
  local left, causes = remove_all(m, names)
  isolation.take_away(m)
  m.exec:run { "rm", "-f", footprint.environment }
  local is_left, removed = {}, {}
  for _, name in ipairs(left) do
    is_left[name] = true
    tell_left(m, by_name[name], causes[name] or "installp did not remove it")
  end
  for _, row in ipairs(rows) do
    if not is_left[row.name] then
      tell_removed(m, row)
      removed[#removed + 1] = row.name
    end
  end
  return removed
end

-- What is removed, kept in the journal: the plan is made of what the client has, which does not change.
obsolete.steps.select_obsolete = {
  run = function(m)
    local ok, made = xpcall(m.software_plan, err.wrap, m)
    if not ok then
      if made.code == "CANCELLED" or made.code:match("^SSH_") then error(made, 0) end
      m:warn(("altmig: which filesets are obsolete cannot be told, and none is removed: %s"):format(made.message))
      return {}
    end
    local list = {}
    for _, row in ipairs(made.obsolete) do
      list[#list + 1] = { name = row.name, level = row.level, loses = row.loses,
        reason = #row.replaced_by > 0 and ("%s (%s)"):format(row.reason, row.state) or row.reason }
    end
    return there(m, list)
  end,
}

--- Removes the obsolete filesets, in the executor's turn.
function obsolete.remove_obsolete(m)
  local rows = m:select_obsolete()
  if #rows == 0 then return end
  m:say(("altmig: removing %d obsolete fileset%s."):format(#rows, #rows == 1 and "" or "s"))
  remove_rows(m, rows)
end

--- Removes filesets from the copy with its installp, commands that reach past it covered. What the copy does not have
--- counts as removed; what cannot be removed is in the report.
---@param list (string|altmig.obsolete.Fileset)[]
---@return string[] removed
function obsolete.remove_filesets(m, list)
  if m.opts.update then
    err.raise { code = "UPDATE",
      message = "remove_filesets: an update runs programs of the copy on the client, where they cannot be covered" }
  end
  m:hand_over("executor")
  local rows = there(m, list)
  local removed = #rows > 0 and remove_rows(m, rows) or {}
  m:hand_over("engine")
  return removed
end

return obsolete
