-- SPDX-License-Identifier: MIT
-- The end of phase 6, and altmig verify: whether the copy is what its software database says.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local swvpd = require "altmig.swvpd"
local verify = require "altmig.aix.verify"

---@class altmig.Migration
local software = { steps = {} }

-- What installp was to bring: the list that its preview agreed to, or the one that it was to have.
local function planned(m)
  local agreed, levels = m:result_of("installp_space"), {}
  for _, row in ipairs(agreed and agreed.list or m:result_of(m.opts.update and "select_updates" or "select_filesets") or {}) do
    if not levels[row.fileset] or aix.compare_levels(row.level, levels[row.fileset]) > 0 then levels[row.fileset] = row.level end
  end
  return levels
end

-- Files that a merge decided about: they are not what the release shipped, and that is meant.
local function decided(m)
  local files = {}
  for _, entry in ipairs(m:collected().entries) do
    if entry.file then files[entry.file] = true end
  end
  return files
end

-- Every fileset with the level it had on the client and the one it has in the copy.
local function levels(m, all)
  local had, list = m:result_of("installed_filesets") or {}, {}
  local names = {}
  for name in pairs(all) do names[name] = true end
  for name in pairs(had) do names[name] = true end
  for name in pairs(names) do
    list[#list + 1] = { name = name, old = had[name], new = all[name] and all[name].level }
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

---@class altmig.Verified
---@field filesets altmig.verify.Problem[]
---@field files altmig.verify.Problem[]       unexplained
---@field explained altmig.verify.Problem[]   of files that a merge decided about
---@field count { filesets: integer, files: integer }
---@field levels { name: string, old: string?, new: string? }[]

--- Holds the copy against its software database, its files too if asked. Changes nothing.
---@param opts { files: boolean? }
---@return altmig.Verified
function software.look_at_software(m, opts)
  local db <close> = swvpd.open(m.copy)
  local of_filesets, filesets, all = verify.filesets(db, planned(m))
  local result = { filesets = of_filesets, files = {}, explained = {}, count = { filesets = filesets, files = 0 }, levels = levels(m, all) }
  if opts.files then
    local problems, count = m:track("verify", {}, function(update)
      local seen = 0
      return verify.files(m.copy, db, { on_progress = function(files)
        if files - seen >= 500 then
          seen = files
          update { files = files }
        end
      end })
    end)
    local known = decided(m)
    result.count.files = count.rows
    for _, problem in ipairs(problems) do
      local list = known[problem.path] and result.explained or result.files
      list[#list + 1] = problem
    end
  end
  return result
end

-- What installp was to do and did not, and what it left half-done.
local function is_failure(problem, wanted) return wanted[problem.fileset] and (problem.what == "level" or problem.what == "state") end

local function raise_failures(m, problems)
  local wanted, lines = planned(m), {}
  for _, problem in ipairs(problems) do
    if is_failure(problem, wanted) then lines[#lines + 1] = verify.sentence(problem) end
  end
  if #lines == 0 then return end
  err.raise { code = "SOFTWARE", host = m.exec.runner.name,
    message = ("the software of the copy of %s is not what installp was to make of it: %s"):format(m.name, table.concat(lines, "; ")),
    remedy = ("installp's log in the copy is %s; remove the cause, then resume"):format("/lpp/save.config/.altmig/installp.log") }
end

-- Where the levels are others than the plan has, which is what was foretold: each such fileset in the report. What
-- installp was to bring and did not is a failure, and told before.
local function tell_of_plan(m, found)
  local made, _, installed = m:software_plan()
  local wanted, last, gone, told = planned(m), {}, {}, 0
  for name, row in pairs(installed) do last[name] = row.level end
  for _, step in ipairs(made.steps) do last[step.fileset] = step.level end
  for _, row in ipairs(made.obsolete or {}) do gone[row.name] = true end
  for _, row in ipairs(found) do
    local level = last[row.name]
    local order = row.new and level and aix.compare_levels(row.new, level) or (row.new or level) and 1 or 0
    -- What installp agreed to was told with its preview; obsolete filesets may go.
    if order ~= 0 and row.new ~= wanted[row.name] and not (gone[row.name] and not row.new) then
      told = told + 1
      m:report_entry { method = "software", key = row.name, severity = order < 0 and "warning" or "note", chosen = "none",
        rule = ("%s: the plan has %s, the copy has %s"):format(row.name, level or "none", row.new or "none") }
    end
  end
  return told
end

-- Phase 6: the filesets always, every file with --verify-restore.
software.steps.verify_software = {
  key = function() return "" end,
  holds = function(m) return not m.opts.update end, -- a resumed update may have installed more
  run = function(m)
    local found = m:look_at_software { files = m.opts.verify_restore }
    m:collected():tell { filesets = found.levels }
    raise_failures(m, found.filesets)
    for _, list in ipairs { found.filesets, found.files } do
      for _, problem in ipairs(list) do
        m:report_entry { method = "software", file = problem.path, severity = "todo", rule = verify.sentence(problem) }
      end
    end
    local count = #found.filesets + #found.files + tell_of_plan(m, found.levels)
    m:say(("altmig: software verified: %d filesets%s, %s."):format(found.count.filesets,
      m.opts.verify_restore and (", %d files"):format(found.count.files) or "",
      count == 0 and "all consistent" or ("%d difference%s, in the report"):format(count, count == 1 and "" or "s")))
    return { filesets = found.count.filesets, files = found.count.files, differences = count }
  end,
}

return software
