-- SPDX-License-Identifier: MIT
-- Phases 4, 6 and 7: site scripts, and installp in the copy.

local aix = require "altmig.aix.output"
local err = require "altmig.err"
local footprint = require "altmig.run.footprint"
local installp = require "altmig.installp"
local saveconf = require "altmig.save"
local sys = require "altmig.sys"

---@class altmig.Migration
local software = { steps = {} }

local images = footprint.images .. "/installp/ppc"
local list_file = footprint.filesets
local rpm_images = footprint.images .. "/RPMS/ppc"
local installp_log = saveconf.root .. "/.altmig/installp.log" -- stays on the migrated system

-- A script resource, on the master, with the copy mounted there. What it gets is documented in
-- altmig-hosts(7): ALTMIG_CLIENT, ALTMIG_PHASE, ALTMIG_ROOT, ALTMIG_TARGET.
software.steps.run_script = {
  key = function(script) return script.name end,
  run = function(m, ctx, script)
    local argv = { script.location }
    local result = m.master:job(ctx.job_id, argv, {
      env = { ALTMIG_CLIENT = m.name, ALTMIG_PHASE = tostring(m.phase), ALTMIG_ROOT = m.exec.root,
        ALTMIG_TARGET = ("%d.%d"):format(m.target.version, m.target.release) },
      on_line = function(line) m:say(line) end })
    if result.status ~= 0 then
      err.raise(m.master:failure(argv, result, ("fix the script %s, then resume"):format(script.name)))
    end
  end,
}

--- The script of phase 4 or 7, or nimadm's line that there is none.
function software.customize(m, script)
  if not script then return m:say("nimadm: There is no user customization script specified for this phase.") end
  m:hand_over("executor")
  m:run_script(script)
  m:hand_over("engine")
end

-- What lslpp says of the copy: fileset -> its level, and its state where that is not as it should be. The form -l
-- asks the software database alone; -L asks the RPM database too, whose programs and files need not fit each other yet.
local sound = { COMMITTED = true, APPLIED = true, EFIXLOCKED = true, OBSOLETE = true }

local function software_of_copy(m)
  local now = {}
  for _, row in ipairs(aix.lslpp_lqc(m.exec:must { "lslpp", "-lqc" })) do
    local seen = now[row.fileset] or { level = row.level }
    if aix.compare_levels(row.level, seen.level) > 0 then seen.level = row.level end
    if not sound[row.state] then seen.state = row.state end
    now[row.fileset] = seen
  end
  return now
end

local function media_of(m) return aix.installp_L(m.exec:must { "installp", "-L", "-d", images }) end

--- The filesets of which some images have a higher level than there is, each with its highest.
---@param media { fileset: string, level: string }[]
---@param had table<string, string>   fileset -> the level that it has; others are not looked at
---@return { fileset: string, level: string }[]
function software.higher(media, had)
  local best = {}
  for _, image in ipairs(media) do
    if had[image.fileset] and aix.compare_levels(image.level, had[image.fileset]) > 0
      and (not best[image.fileset] or aix.compare_levels(image.level, best[image.fileset]) > 0) then
      best[image.fileset] = image.level
    end
  end
  local list = {}
  for fileset, level in pairs(best) do list[#list + 1] = { fileset = fileset, level = level } end
  table.sort(list, function(a, b) return a.fileset < b.fileset end)
  return list
end

--- Which filesets of the lpp_source to install: those the client had, where the source has a higher level than the
--- copy now holds. Kept in the journal, so that a resume installs the same list, unless an image of it is not there
--- any more.
software.steps.select_filesets = {
  run = function(m)
    local had, now = {}, software_of_copy(m)
    for fileset, level in pairs(m:result_of("installed_filesets") or {}) do
      had[fileset] = now[fileset] and now[fileset].level or level
    end
    return software.higher(media_of(m), had)
  end,
  holds = function(m, list)
    local there = {}
    for _, image in ipairs(media_of(m)) do there[image.fileset .. " " .. image.level] = true end
    for _, row in ipairs(list) do
      if not there[row.fileset .. " " .. row.level] then return false end
    end
    return true
  end,
}

local told = require("altmig.aix.installp_output").told

-- The output of a command that has ended; what AIX says of failures may be on either stream.
local function read_output(result, list)
  local out = installp.output(list)
  out:add(result.stdout)
  out:add(result.stderr)
  return out:finish()
end

local function refuse_failures(m, argv, result, out)
  local parts = out:causes()
  if #parts == 0 and result.status == 0 then return end
  local e = m.exec.runner:failure(argv, result,
    ("see %s in the copy; fix, add or remove the images in the lpp_source, then resume"):format(installp_log))
  e.code = "INSTALLP"
  e.output = out:evidence() or e.output
  if #parts > 0 then e.message = ("installp in the copy of %s: %s"):format(m.name, table.concat(parts, ". ")) end
  err.raise(e)
end

-- Status 0 of installp says that what was begun was completed, not that all was begun.
local function refuse_missing(m, argv, result, list, out)
  local now, reasons, missing = software_of_copy(m), {}, {}
  for _, row in ipairs(out.noted) do
    for _, name in ipairs(row.names) do reasons[name .. " " .. row.level] = row.text end
  end
  for _, row in ipairs(list) do
    local there = now[row.fileset]
    if not there or there.state or aix.compare_levels(there.level, row.level) < 0 then
      local reason = reasons[row.fileset .. " " .. row.level]
      missing[#missing + 1] = ("%s %s: lslpp has %s%s"):format(row.fileset, row.level,
        not there and "none" or there.level .. (there.state and " " .. there.state or ""), reason and " (" .. reason .. ")" or "")
    end
  end
  if #missing == 0 then return end
  local e = m.exec.runner:failure(argv, result,
    ("see %s in the copy; fix, add or remove the images in the lpp_source, then resume"):format(installp_log))
  e.code = "INSTALLP"
  e.message = ("installp in the copy of %s ended with status 0, but not all of it is installed: %s"):format(m.name, told(missing))
  err.raise(e)
end

local function text_of_list(list)
  local text = {}
  for _, row in ipairs(list) do text[#text + 1] = ("%s %s\n"):format(row.fileset, row.level) end
  return table.concat(text)
end

-- What was done for one list is not done for another.
local function key_of_list(list) return sys.sha256(text_of_list(list)):sub(1, 12) end
software.key_of_list = key_of_list

local function write_list(m, list)
  m.exec:must_script('cat > "$1"', { list_file }, { stdin = text_of_list(list) })
end

-- installp's own preview says what each file system needs; the client's file systems are grown for
-- it beforehand, because installp cannot grow what it sees over NFS.
software.steps.installp_space = {
  key = key_of_list,
  run = function(m, _, list)
    write_list(m, list)
    m:say("Checking space requirements for installp install.")
    local argv = { "installp", "-apgXY", "-d", images, "-f", list_file }
    local result = m.exec:run(argv, { timeout = 3600 }) -- it reads every image
    local out = read_output(result, list)
    refuse_failures(m, argv, result, out)
    for _, row in ipairs(out.room) do m:make_room(row.name, row.needed * 512) end
  end,
}

software.steps.installp_apply = {
  key = key_of_list,
  run = function(m, ctx, list)
    write_list(m, list)
    m:say("Installing software with the installp installer.")
    local argv = { "installp", "-agXYb", "-d", images, "-e", installp_log, "-f", list_file }
    local out = installp.output(list)
    local result = m:track("installp", { files = #list }, function(update)
      return m.exec:job(ctx.job_id, argv, { on_line = function(line)
        m:say(line)
        if #out:add(line .. "\n") > 0 then update { files = out:done() } end
      end })
    end, "files")
    out:finish()
    refuse_failures(m, argv, result, out)
    refuse_missing(m, argv, result, list, out)
    return { rows = out:summary() }
  end,
}

-- Which RPM images of the lpp_source to install: those whose package the client has, in a newer version. What a
-- fileset requires of RPMs nobody can tell from here; geninstall takes no other along.
software.steps.select_rpms = {
  run = function(m)
    local found = m.exec:run { "ls", rpm_images }
    local best = {}
    for file in (found.status == 0 and found.stdout or ""):gmatch("[^\n]+") do
      local image = aix.rpm_image(file)
      if image and (not best[image.name] or aix.compare_levels(image.level, best[image.name].level) > 0) then best[image.name] = image end
    end
    local list = {}
    for _, row in pairs(next(best) and aix.lslpp_Lqc(m.client:must({ "lslpp", "-Lqc" }, { timeout = 1800 })) or {}) do
      local image = best[aix.rpm_name(row) or ""]
      if image and aix.compare_levels(image.level, row.level) > 0 then list[#list + 1] = image.package end
    end
    table.sort(list)
    return list
  end,
}

-- geninstall hands them to the rpm of the copy. One that fails there keeps no system from booting, and can be
-- installed once it has: it is told, and is in the report.
software.steps.install_rpms = {
  key = function() return "" end,
  run = function(m, ctx, list)
    local text = {}
    for i, package in ipairs(list) do text[i] = "R:" .. package .. "\n" end
    m.exec:must_script('cat > "$1"', { list_file }, { stdin = table.concat(text) })
    m:say(("altmig: installing %d RPM image%s of the lpp_source with geninstall."):format(#list, #list == 1 and "" or "s"))
    local argv = { "geninstall", "-d", footprint.images, "-f", list_file }
    local result = m.exec:job(ctx.job_id, argv, { on_line = function(line) m:say(line) end })
    if result.status == 0 then return { installed = list } end
    local rule = ("geninstall ended with status %s for %s; on the migrated system: geninstall -d %s %s"):format(
      tostring(result.status or result.signal), table.concat(list, " "), m.lpp_source.location, "R:" .. table.concat(list, " R:"))
    m:warn("altmig: " .. rule)
    m:report_entry { file = "RPM", severity = "todo", method = "geninstall", chosen = "none", rule = rule }
    return { failed = list }
  end,
}

--- Installs these filesets in the copy, and RPM images of the lpp_source.
---@param list { fileset: string, level: string }[]
function software.install_filesets(m, list)
  if #list == 0 then
    m:say("Checking space requirements for installp install.")
    m:say("Installing software with the installp installer.")
    m:say("altmig: every fileset of the copy is at the level of the lpp_source; nothing to install.")
  else
    m:installp_space(list)
    m:installp_apply(list)
  end
  local rpms = m:select_rpms()
  if #rpms > 0 then m:install_rpms(rpms) end
  m.exec:run { "rm", "-f", list_file }
end

--- Migrates the software of the copy with installp on the executor.
function software.install_software(m)
  saveconf.prepare(m.copy) -- installp makes its log there, and no directory for it
  m:hand_over("executor")
  m:install_filesets(m:select_filesets())
  m:hand_over("engine")
  m:list_installed_configuration()
end

return software
