-- SPDX-License-Identifier: MIT
-- Interim fixes in an update: those whose filesets are updated are taken from the copy before (installp refuses locked
-- filesets), and put back afterwards where the lpp_source has one for the new level. Each has one of three fates:
-- superseded (the level corrects it), re-applied, lost. Nothing is done to the client's own rootvg.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local escape = require "altmig.escape"
local footprint = require "altmig.run.footprint"
local installp = require "altmig.installp"
local software = require "altmig.run.steps.software"
local sorted_keys = require "altmig.sorted_keys"

---@class altmig.Migration
local interim = { steps = {} }

---@class altmig.interim.Fate
---@field label string
---@field filesets string[]
---@field fate "stays"|"superseded"|"re-applied"|"lost"
---@field rule string

local packages = footprint.images .. "/emgr/ppc"

-- The fixes that emgr -P lists: label -> the filesets it locks.
local function fixes_in(text)
  local fixes = {}
  for _, row in ipairs(aix.emgr_P(text)) do
    fixes[row.label] = fixes[row.label] or {}
    table.insert(fixes[row.label], row.fileset)
  end
  return fixes
end

local function fixes_of_copy(m) return fixes_in(m.exec:run({ "emgr", "-P" }).stdout) end

-- Which fixes are removed: those whose fileset will be updated; all of them with --ifix remove; none with --ifix keep.
interim.steps.take_interim_fixes = {
  key = software.key_of_list,
  run = function(m, _, list)
    local how, updated, removed = m.opts.ifix or "auto", {}, {}
    for _, row in ipairs(list) do updated[row.fileset] = row.level end
    if how == "keep" then return removed end
    -- What an attempt before this one has removed already is known by its note.
    local fixes = m:note_interim_fixes(list)
    local there = fixes_of_copy(m)
    for _, label in ipairs(sorted_keys(fixes)) do
      local touched = how == "remove" or not there[label]
      for _, fileset in ipairs(fixes[label]) do touched = touched or updated[fileset] ~= nil end
      if touched then
        if there[label] then
          m:say(("altmig: removing interim fix %s from the copy; it locks %s."):format(label, table.concat(fixes[label], " ")))
          m.exec:must({ "emgr", "-r", "-L", label }, { timeout = 1800,
            remedy = ("see /var/adm/ras/emgr.log in the copy; without it: --ifix keep leaves %s alone"):format(
              table.concat(fixes[label], " ")) })
        end
        removed[#removed + 1] = { label = label, filesets = fixes[label] }
      end
    end
    return removed
  end,
}

-- The fixes of the copy as they were before any was removed.
interim.steps.note_interim_fixes = {
  key = function() return "" end,
  run = function(m) return fixes_of_copy(m) end,
}

--- Takes from the copy the fixes that lock what will be updated.
---@param list { fileset: string, level: string }[]
function interim.remove_interim_fixes(m, list) m:take_interim_fixes(list) end

-- "IJ20001s3a" -> "IJ20001": labels begin with the APAR that they correct, where they have one.
local function apar_of(label) return label:match("^(%u%u%d%d%d%d%d)") end

-- Packages of the lpp_source for the same correction, the same label first, then the later ones.
local function candidates(files, label)
  local apar, list = apar_of(label), {}
  for _, file in ipairs(files) do
    local of = file:match("^([^.]+)%.")
    if of == label or apar and of and apar_of(of) == apar then list[#list + 1] = file end
  end
  table.sort(list, function(a, b)
    local first, second = a:match("^[^.]+") == label, b:match("^[^.]+") == label
    if first ~= second then return first end
    return a > b
  end)
  return list
end

-- Why emgr did not take a package, in one line.
local function words_of(result)
  local text = (result.stderr ~= "" and result.stderr or result.stdout):gsub("%s+$", "")
  return escape.line((text:match("[^\n]*$"):gsub("%s+", " ")))
end

-- What happens to one of those that were removed: its fate, and what to tell of it.
local function decide(m, fix, files)
  local apar, on = apar_of(fix.label), table.concat(fix.filesets, " ")
  if apar then
    local result = m.exec:run({ "instfix", "-ik", apar }, { timeout = 1800 })
    if result.status == 0 and result.stdout:find("All filesets for " .. apar .. " were found", 1, true)
      and not result.stdout:find("Not all filesets", 1, true) then
      return "superseded", ("%s (%s) is superseded: the new level has the correction %s"):format(fix.label, on, apar)
    end
  end
  if m.opts.ifix == "remove" then
    return "lost", ("%s (%s) is lost: it was removed, and --ifix remove puts none back"):format(fix.label, on)
  end
  local problems = {}
  for _, file in ipairs(candidates(files, fix.label)) do
    local result = m.exec:run({ "emgr", "-e", packages .. "/" .. file }, { timeout = 1800 })
    if result.status == 0 then
      return "re-applied", ("%s (%s) is re-applied: %s of lpp_source %s"):format(fix.label, on, file, m.lpp_source.name)
    end
    problems[#problems + 1] = ("%s does not apply (%s)"):format(file, words_of(result))
  end
  return "lost", ("%s (%s) is lost: the new level does not have it, and %s"):format(fix.label, on,
    #problems > 0 and table.concat(problems, "; ") or ("lpp_source %s has no package of it in emgr/ppc"):format(m.lpp_source.name))
end

-- Puts back what still applies, and reports each.
interim.steps.put_interim_fixes = {
  key = function() return "" end,
  holds = function() return false end, -- what is on is seen; each has one entry in the report
  run = function(m, _, removed)
    local files, fates = {}, {}
    for file in m.exec:run({ "ls", packages }).stdout:gmatch("[^\n]+") do
      if file:match("^[%w_%.%-]+%.epkg%.Z$") then files[#files + 1] = file end
    end
    local there = fixes_of_copy(m)
    for _, fix in ipairs(removed) do
      local fate, rule = decide(m, fix, files)
      -- An attempt that was cut off may have put it back.
      for label in pairs(fate == "lost" and there or {}) do
        if label == fix.label or apar_of(fix.label) and apar_of(label) == apar_of(fix.label) then
          fate, rule = "re-applied", ("%s (%s) is re-applied as %s"):format(fix.label, table.concat(fix.filesets, " "), label)
        end
      end
      fates[#fates + 1] = { label = fix.label, fate = fate }
      m:say("altmig: interim fix " .. rule .. ".")
      m:report_entry { method = "interim fixes", key = fix.label, severity = fate == "lost" and "todo" or "note",
        chosen = fate == "re-applied" and "C" or "N", rule = fate == "lost"
        and rule .. "; ask for the fix of the new level, and install it with emgr -e" or rule }
    end
    return fates
  end,
}

--- Puts back the fixes that still apply, and reports what happened to each of those removed.
function interim.restore_interim_fixes(m)
  local removed = m:result_of("take_interim_fixes") or {}
  if #removed > 0 then m:put_interim_fixes(removed) end
  m.copy:drop_caches()
end

---------------------------------------------------------------- foretold

-- Which corrections the images of the plan bring: of those alone whose filesets a fix locks.
local function corrections(m, steps, locked)
  local place, found = installp.resource(m.lpp_source, m.master), {}
  local ok, e = xpcall(function()
    for _, step in ipairs(steps) do
      if locked[step.fileset] then
        for id in pairs(installp.fixes(place, step.image)[step.fileset] or {}) do found[id] = true end
      end
    end
  end, err.wrap)
  place.close()
  if not ok then error(e, 0) end
  return found
end

-- What happens to one of those whose fileset is updated.
local function foretell_one(m, label, filesets, level, brought, files)
  local apar, on = apar_of(label), table.concat(filesets, " ")
  if apar and brought[apar] then
    return "superseded", ("%s (%s) will be superseded: %s has the correction %s"):format(label, on, level, apar)
  elseif m.opts.ifix == "remove" then
    return "lost", ("%s (%s) will be lost: --ifix remove puts none back"):format(label, on)
  end
  local packages_of = candidates(files, label)
  if #packages_of > 0 then
    return "re-applied", ("%s (%s) will be re-applied where emgr takes %s at %s"):format(label, on, packages_of[1], level)
  end
  return "lost", ("%s (%s) will be lost: %s does not name its correction, and lpp_source %s has no package of it in emgr/ppc"):format(
    label, on, level, m.lpp_source.name)
end

--- What an update will do with the interim fixes of the client, told before anything is begun. Reading only. What is on the
--- copy in the end decides: only emgr knows whether a package still applies.
---@return altmig.interim.Fate[]
function interim.foretell_interim_fixes(m)
  local fixes = fixes_in(m.client:run({ "emgr", "-P" }).stdout)
  if not next(fixes) then return {} end
  local made, source = m:software_plan()
  local to, locked, files, list = {}, {}, {}, {}
  for _, step in ipairs(made.steps) do to[step.fileset] = step.level end
  for _, filesets in pairs(fixes) do
    for _, fileset in ipairs(filesets) do locked[fileset] = true end
  end
  for _, image in ipairs(source.images) do
    if image.kind == "ifix" then files[#files + 1] = image.file:match("[^/]*$") end
  end
  local brought = corrections(m, made.steps, locked)
  for _, label in ipairs(sorted_keys(fixes)) do
    local filesets, level = fixes[label], nil
    for _, fileset in ipairs(filesets) do level = level or to[fileset] and fileset .. " " .. to[fileset] end
    local fate, rule
    if level and m.opts.ifix == "keep" then
      fate, rule = "stays", ("%s (%s) stays, and %s is not installed: --ifix keep"):format(label, table.concat(filesets, " "), level)
    elseif level or m.opts.ifix == "remove" then
      fate, rule = foretell_one(m, label, filesets, level or "no update", brought, files)
    else
      fate, rule = "stays", ("%s (%s) stays: nothing that it locks is updated"):format(label, table.concat(filesets, " "))
    end
    list[#list + 1] = { label = label, filesets = filesets, fate = fate, rule = rule }
  end
  return list
end

return interim
